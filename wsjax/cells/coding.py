"""The code of a single cell: its choice of dictionary, and its coefficients.

All dictionaries of a level combine the same atoms, functions on the nodes of a cell.
Each of them is an affine subspace: its mean plus its columns times coefficients. So a
choice costs a few bits and saves coefficients, since near one surface of a kind few
directions are left; with one dictionary this is principal components.

Every cell that may be coded is projected; what costs most, the steps of Newton's
method, is for the codes that a shape then takes.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from wsjax.meshes.levels import REACH
from wsjax.types import Params

__all__ = ["Code", "Flats", "filled", "flats", "project", "projected", "refined"]

_STEPS = 8  # Of Newton's method, after the projection.
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


class Flats(NamedTuple):
    """J dictionaries of rank R as affine subspaces, with what all cells need of them.

    `mean` `[J, A]`, `kernel` `[J, A, R]`, the `lengths` `[R, J]` of its columns, their
    `directions` `[A, R J]`, and the products `along` `[R, J]` of these with the mean.
    """

    mean: jax.Array
    kernel: jax.Array
    lengths: jax.Array
    directions: jax.Array
    along: jax.Array


def flats(table: Params) -> Flats:
    """Prepares dictionaries for `project`, once for all cells.

    Args:
      table: `mean` `[J, A]` and `kernel` `[J, A, R]`, orthogonal columns whose lengths
        are standard deviations.
    """
    mean, kernel = jnp.asarray(table["mean"]), jnp.asarray(table["kernel"])
    lengths = jnp.sqrt(jnp.sum(jnp.square(kernel), axis=1))
    lengths = jnp.where(lengths > 0.0, lengths, 1.0)
    units = kernel / lengths[:, None]
    along = jnp.einsum("ja,jar->rj", mean, units)
    # One matrix: the products of a cell with all columns are one multiplication.
    directions = units.transpose(1, 2, 0).reshape(kernel.shape[1], -1)
    return Flats(mean, kernel, lengths.T, directions, along)


def filled(values: jax.Array) -> jax.Array:
    """The share of a lattice cell around each node that is inside, from its distance.

    It falls from 1 to 0 within half a cell of a surface: exact for a plane along axes.
    """
    return jnp.clip(0.5 - REACH * values, 0.0, 1.0)


def project(flats: Flats, parts: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The dictionary that is nearest to a cell, and the coefficients within it.

    Args:
      flats: see `Flats`.
      parts: `[A]`, products of the cell with the atoms.

    Returns:
      `(choice [], coefficients [R], squares [])`, the last the squared error.
    """
    products = (parts @ flats.directions).reshape(flats.along.shape) - flats.along
    whole = jnp.sum(jnp.square(flats.mean), axis=1) - 2.0 * (flats.mean @ parts)
    whole = whole + jnp.sum(jnp.square(parts))
    left = whole - jnp.sum(jnp.square(products), axis=0)
    choice = jnp.argmin(left)
    return choice, products[:, choice] / flats.lengths[:, choice], left[choice]


def projected(
    atoms: jax.Array, flats: Flats, cell: jax.Array, weights: jax.Array
) -> Code:
    """Codes a cell by the dictionary of the least squared distance.

    Args:
      atoms: `[M, A]`, orthonormal.
      flats: see `Flats`.
      cell: `[M]`, values at the nodes of the cell.
      weights: `[M]`, volume of each node, with the sum 1.
    """
    choice, coefficients, _ = project(flats, cell @ atoms)
    values = atoms @ (flats.mean[choice] + flats.kernel[choice] @ coefficients)
    return Code(choice, coefficients, _wrong(values, cell, weights))


def refined(
    mean: jax.Array,
    columns: jax.Array,
    first: jax.Array,
    cell: jax.Array,
    weights: jax.Array,
) -> jax.Array:
    """Coefficients `[R]` after steps of Newton's method on what is inside.

    The projection minimises squared distances, which is not what counts; the steps
    minimise the cross entropy between the shares that are inside. Of all steps the one
    with the least error is kept.

    Args:
      mean: `[M]`, values at the nodes of the cell where all coefficients are 0.
      columns: `[M, R]`, what each coefficient adds; columns of 0 change nothing.
      first: `[R]`, where to start.
      cell: as in `projected`.
      weights: as in `projected`.
    """
    target = jax.nn.sigmoid(-_SHARPNESS * cell)

    def error(coefficients: jax.Array) -> jax.Array:
        return _wrong(mean + columns @ coefficients, cell, weights)

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
    (_, best, _), _ = jax.lax.scan(step, state, length=_STEPS)
    return best


def _wrong(values: jax.Array, cell: jax.Array, weights: jax.Array) -> jax.Array:
    """The share of a cell's volume that changes sides."""
    return jnp.sum(weights * jnp.abs(filled(values) - filled(cell)))
