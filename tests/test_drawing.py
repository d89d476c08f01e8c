"""Pictures of any number of channels are drawn; what cannot be drawn is left out."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from experiments.judging import dimension
from experiments.page import figures, mixing, sheets
from wsjax import store

PICTURES = np.random.default_rng(0).random((3, 4, 5, 6))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_pictures_of_any_number_of_channels_are_drawn(channels, tmp_path):
    """Of what is neither RGB nor RGBA the first channel is shown, in gray."""
    pictures = PICTURES[..., :channels]
    figures.save_sheet(tmp_path / "a.png", pictures, columns=3, zoom=1)
    shown = np.asarray(Image.open(tmp_path / "a.png"))[:4, :5]
    colours = channels in (3, 4)
    expected = pictures[0] if colours else pictures[0, ..., 0]
    np.testing.assert_array_equal(shown, np.uint8((255 * np.float32(expected)).round()))
    pair = figures.pairs(pictures, pictures, list("abc"), "title")
    np.testing.assert_array_equal(pair.axes[0].images[0].get_array(), expected)


def test_equal_weights_have_no_dimension_and_no_figure():
    found = dimension.measure(None, None, None, None, np.ones((9, 4)))
    assert found == ({"components_90": 0}, None)


def test_fewer_than_two_fits_have_no_paths_between_them(tmp_path, monkeypatch):
    instances = [{"status": store.DONE}, {"status": "diverged"}]
    monkeypatch.setattr(store, "manifest", lambda folder: {"instances": instances})
    monkeypatch.setattr(mixing, "start", lambda folder, form: None)
    forms = [SimpleNamespace(name=name) for name in ("lora", "mlp")]
    assert mixing.paths(forms, tmp_path, None) is None


def test_a_loss_that_was_null_in_the_file_is_a_gap():
    lines = [{"step": i, "loss_train": x} for i, x in enumerate((3.0, None, 1.0))]
    figure = figures.curves(lines, ("loss_train",), "title")
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [3, np.nan, 1])


@pytest.mark.parametrize(
    ("instance", "caption"),
    [
        ({"iou": 0.5, "psnr_db": 30.0}, "IoU 0.50"),
        ({"iou": None, "psnr_db": 30.0}, "30.0 dB"),
        ({"psnr_db": None, "unmeasured": "no surface"}, "–"),
        ({}, "–"),
    ],
)
def test_what_was_not_measured_has_a_dash_for_a_caption(instance, caption):
    assert sheets._quality(instance) == caption
