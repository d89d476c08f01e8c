"""Bodies, cavities and handles of shapes whose counts are known."""

import numpy as np
import pytest

from wsjax.metrics.topology import topology


def block(*holes, side=9):
    """A solid block with boxes cut out, each a tuple of three slices."""
    cells = np.zeros((side,) * 3, bool)
    cells[1:-1, 1:-1, 1:-1] = True
    for hole in holes:
        cells[hole] = False
    return cells


THROUGH, ALSO = np.s_[:, 2:4, 2:4], np.s_[:, 5:7, 5:7]
INNER, CUT = np.s_[3:6, 3:6, 3:6], np.s_[4:5, :, :]
KNOWN = {
    "block": (block(), (1, 0, 0)),
    "ring": (block(THROUGH), (1, 0, 1)),
    "ring_of_two": (block(THROUGH, ALSO), (1, 0, 2)),
    "hollow": (block(INNER), (1, 1, 0)),
    "two": (block(CUT), (2, 0, 0)),
    "two_rings": (block(CUT, THROUGH), (2, 0, 2)),
    "nothing": (np.zeros((9, 9, 9), bool), (0, 0, 0)),
    "all": (np.ones((9, 9, 9), bool), (1, 0, 0)),
    "at_a_corner": (np.eye(2, dtype=bool)[:, None] & np.eye(2, dtype=bool), (2, 0, 0)),
}


@pytest.mark.parametrize("name", KNOWN)
def test_counts_are_those_of_the_solid(name):
    cells, expected = KNOWN[name]
    assert tuple(int(x[0]) for x in topology(cells[None])) == expected


def test_shapes_are_counted_one_by_one():
    names = [name for name in KNOWN if name != "at_a_corner"]
    found = topology(np.stack([KNOWN[name][0] for name in names]))
    np.testing.assert_array_equal(found, np.transpose([KNOWN[x][1] for x in names]))
    assert all(len(x) == 0 for x in topology(np.zeros((0, 4, 4, 4), bool)))


def test_other_axes_are_refused():
    with pytest.raises(ValueError, match=r"need cells \[n, D, H, W\], got shape"):
        topology(np.zeros((4, 4, 4), bool))
