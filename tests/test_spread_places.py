"""How the start of a fit is chosen and judged: on points all over the picture."""

import numpy as np
import pytest

from experiments.domain import representation as forms
from experiments.fitting import engine, layout, own_start
from tests import runs

_BAND = 3  # Rows or columns.


@pytest.mark.parametrize("size", [(28, 28), (32, 32), (14, 12)])
def test_the_points_that_choose_a_start_lie_all_over_the_picture(size):
    points = size[0] * size[1]
    places = own_start.spread_places(points)
    assert len(places) == -(-points // 7) and (np.diff(places) > 0).all()
    assert places[0] >= 0 and places[-1] < points
    for along, side in zip(np.divmod(places, size[1]), size, strict=True):
        assert set(along // _BAND) == set(range(-(-side // _BAND)))
    np.testing.assert_array_equal(places, own_start.spread_places(points))


@pytest.mark.parametrize("rate, good", [(1.0, True), (1e6, False)])
def test_a_start_is_judged_on_all_points_not_on_those_that_chose_it(rate, good):
    """The picture is what the start shows at these, and far from it elsewhere."""
    options, form, data = runs.untrained()
    shared = layout._shared(options, form, data)
    stacked = data.domain.read(np.arange(1))
    shown = np.asarray(forms.renderer(form, data.grid)(shared[1]))
    values = np.where(shown < 0, 0.75, -0.75).astype(stacked["values"].dtype)
    places = own_start.spread_places(len(shown))
    values[places] = shown[places]
    many = engine.lifted(options, form, data, engine.Layout(1))
    rates = np.full(1, rate, np.float32)
    _, quality, found, _ = many(shared, stacked | {"values": values[None]}, rates)
    assert found[0] == good, quality
