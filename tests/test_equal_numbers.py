"""Principal components of pixels beside fits, and what they are learnt from."""

import numpy as np
import pytest

from configs import digits
from experiments.fitting import linear
from experiments.recipe import dataset
from wsjax.data import split
from wsjax.metrics import projection


@pytest.fixture(scope="module")
def data():
    return dataset.load(digits.get_config("tiny"))


def with_values(data, change):
    """The data with other values: `change(rows, values)` of those that are read."""

    def read(rows):
        found = data.domain.read(rows)
        return found | {"values": change(np.asarray(rows), found["values"])}

    return data._replace(domain=data.domain._replace(read=read))


@pytest.mark.parametrize("part", ["validation", "test"])
def test_pictures_are_rebuilt_from_components_of_training_pictures(data, part):
    rows = data.rows(part)
    found = linear.measure(data, rows, numbers=9, part=part)
    fitted = projection.components(data.values(data.rows("train")), 9)
    reached = projection.projected_psnr(fitted, data.values(rows))
    assert found["pca_components"] == 9
    assert found[f"pca_psnr_db_{part}_mean"] == pytest.approx(reached.mean(), rel=1e-5)
    assert 0 < found[f"pca_psnr_db_{part}_ci95"] < np.ptp(reached)
    # Whatever the other pictures are that are no training ones.
    apart = np.setdiff1d(np.flatnonzero(data.heldout), rows)
    poisoned = with_values(
        data, lambda r, x: np.where(np.isin(r, apart)[:, None, None], 0.5 - x, x)
    )
    assert linear.measure(poisoned, rows, numbers=9, part=part) == found


def test_no_more_components_are_used_than_there_are(data):
    rows = data.rows("test")
    found = linear.measure(data, rows, numbers=10**6)
    assert found["pca_components"] < len(data.rows("train"))
    assert set(found) == {"pca_components", "pca_psnr_db_mean", "pca_psnr_db_ci95"}


def test_copies_and_unreadable_pictures_teach_nothing(data):
    rows, train = data.rows("test"), data.rows("train")
    assert (train > 30).any()
    later = np.arange(len(data.part)) > 30
    few = data._replace(part=np.where(later, split.VALIDATION, data.part))
    expected = linear.measure(few, rows, numbers=5)
    copied = data._replace(n_originals=31)
    assert linear.measure(copied, rows, numbers=5) == expected
    assert linear.measure(data, rows, numbers=5) != expected
    broken = with_values(
        data, lambda r, x: np.where((r > 30)[:, None, None], np.nan, x)
    )
    rows = rows[rows <= 30]
    expected = linear.measure(few, rows, numbers=5)
    assert linear.measure(broken, rows, numbers=5) == expected


def test_shapes_and_single_pictures_have_no_components(data):
    assert linear.measure(data, data.rows("test")[:1], numbers=5) == {}

    def read(rows):
        return data.domain.read(rows) | {"points": np.zeros((len(rows), 4, 3))}

    shapes = data._replace(domain=data.domain._replace(read=read))
    assert linear.measure(shapes, data.rows("test"), numbers=5) == {}
