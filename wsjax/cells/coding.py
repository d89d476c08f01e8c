"""The code of a single cell: its choice of dictionary, and its coefficients.

All dictionaries of a level combine the same atoms, functions on the nodes of a cell.
Each of them is an affine subspace: its mean plus its columns times coefficients. So a
choice costs a few bits and saves coefficients, since near one surface of a kind few
directions are left; with one dictionary this is principal components.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from wsjax.meshes.levels import REACH
from wsjax.types import Params

__all__ = ["Code", "code", "filled", "project"]

_STEPS = 4  # Of Newton's method, after the projection.
_SHARPNESS = 4.0 * REACH  # Of a sigmoid whose slope at 0 is that of `filled`.
_PRIOR = 0.02  # Weight of squared coefficients, whose variance in training is 1.
_FLATTEST = 0.02  # Least curvature, as a share of the largest that is possible.


class Code(NamedTuple):
    """How a cell may be coded: `choice` `[]`, `coefficients` `[R]`, and `error` `[]`.

    The error is the share of the cell's volume that changes sides.
    """

    choice: jax.Array
    coefficients: jax.Array
    error: jax.Array


def filled(values: jax.Array) -> jax.Array:
    """The share of a lattice cell around each node that is inside, from its distance.

    It falls from 1 to 0 within half a cell of a surface: exact for a plane along axes.
    """
    return jnp.clip(0.5 - REACH * values, 0.0, 1.0)


def project(table: Params, parts: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The dictionary that is nearest to a cell, and the coefficients within it.

    Args:
      table: `mean` `[J, A]` and `kernel` `[J, A, R]`, orthogonal columns whose lengths
        are standard deviations.
      parts: `[A]`, products of the cell with the atoms.

    Returns:
      `(choice [], coefficients [R], squares [])`, the last the squared error.
    """
    mean, kernel = table["mean"], table["kernel"]
    lengths = jnp.sum(jnp.square(kernel), axis=1)
    lengths = jnp.where(lengths > 0.0, lengths, 1.0)
    products = jnp.einsum("a,jar->jr", parts, kernel)
    products = products - jnp.einsum("ja,jar->jr", mean, kernel)
    whole = jnp.sum(jnp.square(parts[None] - mean), axis=1)
    left = whole - jnp.sum(jnp.square(products) / lengths, axis=1)
    choice = jnp.argmin(left)
    return choice, products[choice] / lengths[choice], left[choice]


def code(atoms: jax.Array, table: Params, cell: jax.Array, weights: jax.Array) -> Code:
    """Codes a cell: nearest dictionary, then Newton's method on what is inside.

    The projection minimises squared distances, which is not what counts; the steps
    after it minimise the cross entropy between the shares that are inside. Of all
    steps the one with the least error is kept.

    Args:
      atoms: `[M, A]`, orthonormal.
      table: as in `project`.
      cell: `[M]`, values at the nodes of the cell.
      weights: `[M]`, volume of each node, with the sum 1.
    """
    choice, first, _ = project(table, cell @ atoms)
    mean, columns = atoms @ table["mean"][choice], atoms @ table["kernel"][choice]
    target, share = jax.nn.sigmoid(-_SHARPNESS * cell), filled(cell)

    def error(coefficients: jax.Array) -> jax.Array:
        wrong = jnp.abs(filled(mean + columns @ coefficients) - share)
        return jnp.sum(weights * wrong)

    def step(state, _):
        coefficients, best, least = state
        inside = jax.nn.sigmoid(-_SHARPNESS * (mean + columns @ coefficients))
        slope = columns.T @ (_SHARPNESS * (target - inside)) + _PRIOR * coefficients
        bend = jnp.maximum(inside * (1.0 - inside), _FLATTEST) * _SHARPNESS**2
        curvature = (columns * bend[:, None]).T @ columns
        curvature = curvature + _PRIOR * jnp.eye(len(first))
        new = coefficients - jax.scipy.linalg.solve(curvature, slope, assume_a="pos")
        found = error(new)
        better = found < least
        best = jnp.where(better, new, best)
        return (new, best, jnp.minimum(found, least)), None

    state = first, first, error(first)
    (_, best, least), _ = jax.lax.scan(step, state, length=_STEPS)
    return Code(choice, best, least)
