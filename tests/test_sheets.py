"""Sheets of pictures: what stands where."""

import numpy as np
from PIL import Image

from experiments.domain.views import Views
from experiments.page import sheets

SIDE, GAP = 3, 2  # Of a picture, in pixels, and the white between two.


def shades(sheet):
    """The grey of the middle of each picture, by row and column."""
    step = SIDE + GAP
    return sheet[SIDE // 2 :: step, SIDE // 2 :: step]


def test_samples_stand_to_the_left_of_rebuilt_instances(tmp_path):
    """All of them, in their order, also where a half is not full."""

    def plain(stacked):
        return np.broadcast_to(stacked[:, None, None, None], (*stacked.shape, 3, 3, 1))

    view = Views(plain, plain, zoom=1)
    sampled, rebuilt = np.arange(14) / 20, np.arange(23) / 40
    sheets.beside(tmp_path, view, sampled, rebuilt[:12])
    found = shades(np.asarray(Image.open(tmp_path / "beside.png").convert("L")))
    expected = np.ones((2, 2 * sheets.SIDE + 1))
    expected[0, :10], expected[1, :4] = sampled[:10], sampled[10:]
    expected[0, 11:], expected[1, 11:13] = rebuilt[:10], rebuilt[10:12]
    np.testing.assert_array_equal(found, np.round(255 * expected))
