"""The points on which the start of a fit is judged."""

import numpy as np
import pytest

from experiments.fitting import engine

_BAND = 3  # Rows or columns.


@pytest.mark.parametrize("size", [(28, 28), (32, 32), (14, 12)])
def test_the_points_that_judge_a_start_lie_all_over_the_picture(size):
    points = size[0] * size[1]
    places = engine.spread_places(points)
    assert len(places) == -(-points // 7) and (np.diff(places) > 0).all()
    assert places[0] >= 0 and places[-1] < points
    for along, side in zip(np.divmod(places, size[1]), size, strict=True):
        assert set(along // _BAND) == set(range(-(-side // _BAND)))
    np.testing.assert_array_equal(places, engine.spread_places(points))
