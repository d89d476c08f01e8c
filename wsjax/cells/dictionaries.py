"""Learn dictionaries of cells from training shapes.

Every cell that a training surface crosses counts, in one of the 48 positions that a
cube can be turned and mirrored to. The atoms of a level are the principal components
of all of them; dictionaries are found by turns: every cell chooses the nearest one, and
every dictionary becomes the principal components of the cells that chose it (K-flats,
Bradley and Mangasarian 2000).
"""

import jax
import jax.numpy as jnp
import numpy as np

from wsjax.cells.coding import flats, project
from wsjax.cells.cutting import Layout
from wsjax.meshes.levels import LARGEST
from wsjax.types import Batches, Params

__all__ = ["learn"]

_CELLS = 40_000  # Most cells that dictionaries are learnt from.
_OF_A_SHAPE = 256  # Most cells of one shape, on each level.
_TURNS = 5
_FEWEST = 12  # Cells below which a dictionary begins anew.
_AROUND = 64  # Cells that one then begins with.
_LEAST = 1e-4  # Variance of a column, as a share of the mean square of all parts.
_AT_ONCE = 256


def learn(key: jax.Array, batches: Batches, form: Layout) -> Params:
    """The params of `wsjax.cells.field`.

    Args:
      key: draws the cells that are learnt from, and the first dictionaries.
      batches: gives the training shapes, as dictionaries with `lattice`
        `[n, L + 1, L + 1, L + 1]` int8.
      form: see `Layout`.

    Raises:
      ValueError: if lattices have another size, or no surface crosses enough cells.
    """
    drawn = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    coded = [i for i, ranks in enumerate(form.ranks) if ranks]
    found: dict[int, list[np.ndarray]] = {level: [] for level in coded}
    for batch in batches():
        for lattice in batch["lattice"]:
            _check(lattice, form)
            for level in coded:
                found[level].append(_crossed(drawn, lattice, form.sides[level]))
    made = {
        f"side{form.sides[level]}": _level(drawn, found[level], form, level)
        for level in coded
    }
    values = jnp.ones([form.lattice + 1] * 3)
    dictionaries = jax.tree.map(jnp.asarray, made)
    return {"dictionaries": dictionaries, "lattice": {"values": values}}


def _check(lattice: np.ndarray, form: Layout) -> None:
    wanted = (form.lattice + 1,) * 3
    if lattice.shape != wanted:
        raise ValueError(
            f"lattice has the shape {lattice.shape}, expected {wanted}; take a lattice="
            f" of {lattice.shape[0] - 1} cells"
        )


def _crossed(drawn: np.random.Generator, lattice: np.ndarray, side: int) -> np.ndarray:
    """Some of the cells that the surface crosses, `[n, M]` int8, each turned anew."""
    window = (side + 1,) * 3
    cells = np.lib.stride_tricks.sliding_window_view(lattice, window)
    cells = cells[::side, ::side, ::side].reshape(-1, *window)
    inside = (cells < 0).sum(axis=(1, 2, 3))
    (rows,) = np.nonzero((inside > 0) & (inside < window[0] ** 3))
    rows = drawn.permutation(rows)[:_OF_A_SHAPE]
    turned = [_turned(drawn, cells[row]).reshape(-1) for row in rows]
    return np.array(turned, np.int8).reshape(len(turned), window[0] ** 3)


def _turned(drawn: np.random.Generator, cell: np.ndarray) -> np.ndarray:
    """A cell in one of its 48 positions."""
    x, y, z = (slice(None, None, step) for step in drawn.choice([-1, 1], 3))
    return cell.transpose(drawn.permutation(3))[x, y, z]


def _level(
    drawn: np.random.Generator, found: list[np.ndarray], form: Layout, level: int
) -> Params:
    """Atoms and dictionaries of one level."""
    side, ranks = form.sides[level], form.ranks[level]
    cells = np.concatenate(found)
    if len(cells) <= form.dictionaries * 2:
        raise ValueError(
            f"surfaces cross {len(cells)} cells of side {side}, expected more than "
            f"{form.dictionaries * 2}; give more shapes, or take fewer choices"
        )
    cells = cells[drawn.permutation(len(cells))[:_CELLS]].astype(np.float32) / LARGEST
    atoms = _components(cells, form.atoms(side))
    parts = cells @ atoms
    starts = parts[drawn.choice(len(parts), form.dictionaries, replace=False)]
    return {
        "atoms": atoms,
        **{f"rank{rank}": _several(drawn, parts, starts, rank) for rank in ranks},
    }


def _components(cells: np.ndarray, count: int) -> np.ndarray:
    """Orthonormal functions `[M, A]` that hold most of the squares of the cells."""
    _, vectors = np.linalg.eigh(cells.T @ cells)
    return np.ascontiguousarray(vectors[:, ::-1][:, :count])


def _several(
    drawn: np.random.Generator, parts: np.ndarray, starts: np.ndarray, rank: int
) -> Params:
    """Dictionaries of one rank, as `flats` takes them, from points to start at."""
    scale = np.square(parts).mean()
    table = {"mean": starts, "kernel": np.zeros((*starts.shape, rank), np.float32)}
    for _ in range(_TURNS):
        choice, squares = _nearest(table, parts)
        flats = [
            _flat(_group(drawn, parts, choice == j, squares), rank, scale)
            for j in range(len(starts))
        ]
        means, columns = zip(*flats, strict=True)
        table = {"mean": np.stack(means), "kernel": np.stack(columns)}
    return table


def _group(
    drawn: np.random.Generator, parts: np.ndarray, own: np.ndarray, squares: np.ndarray
) -> np.ndarray:
    """The cells `[n, A]` of one dictionary: those that chose it, if they are enough.

    One that few cells chose begins anew around a cell that is told badly.
    """
    if own.sum() >= _FEWEST:
        return parts[own]
    centre = parts[drawn.choice(len(parts), p=squares / squares.sum())]
    return parts[np.argsort(np.square(parts - centre).sum(axis=1))[:_AROUND]]


@jax.jit
def _project(table: Params, parts: jax.Array) -> tuple[jax.Array, jax.Array]:
    own = flats(table)
    choice, _, squares = jax.vmap(lambda part: project(own, part))(parts)
    return choice, jnp.maximum(squares, 0.0)


def _nearest(table: Params, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choice `[n]` and squared error `[n]` of each cell."""
    found = [
        _project(table, parts[i : i + _AT_ONCE]) for i in range(0, len(parts), _AT_ONCE)
    ]
    choice, squares = (np.concatenate(part) for part in zip(*found, strict=True))
    return choice, squares.astype(np.float64) + 1e-12


def _flat(parts: np.ndarray, rank: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean `[A]` and columns `[A, R]` of one dictionary, from its cells."""
    mean = parts.mean(axis=0)
    centred = parts - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / len(parts))
    values, vectors = values[::-1][:rank], vectors[:, ::-1][:, :rank]
    # A direction without variance keeps a column: other cells may need it.
    return mean, vectors * np.sqrt(np.maximum(values, _LEAST * scale))
