"""Denoisers that are told a class."""

import jax
import numpy as np
import pytest

from tests.denoisers import OPTIONS, build
from wsjax import models


@pytest.mark.parametrize("name", models.DENOISERS)
def test_without_classes_a_label_changes_nothing(name):
    plain = build(name)
    outs = [plain.by_label(plain.params, plain.noisy, 0.5, c) for c in (-1, 0, 2)]
    np.testing.assert_array_equal(outs[0], outs[1])
    np.testing.assert_array_equal(outs[0], outs[2])


@pytest.mark.parametrize("name", models.DENOISERS)
def test_a_label_adds_a_row_per_class_and_one_for_none(name):
    plain, built = build(name), build(name, classes=3)
    more = {
        jax.tree_util.keystr(path): leaf.shape
        for path, leaf in jax.tree_util.tree_leaves_with_path(built.fresh)
    }
    for path, leaf in jax.tree_util.tree_leaves_with_path(plain.fresh):
        assert more.pop(jax.tree_util.keystr(path)) == leaf.shape
    ((path, shape),) = more.items()
    assert "table" in path and shape == (4, OPTIONS[name]["width"])


@pytest.mark.parametrize("name", models.DENOISERS)
def test_every_label_has_an_output_of_its_own(name):
    """All of them come from the row of that label alone; -1 reads the last one."""
    built = build(name, classes=3)
    labels = (0, 1, 2, -1)
    params = {**built.params["params"]}
    table = params["LabelEmbedding_0"]["table"]
    outs = [built.by_label(built.params, built.noisy, 0.5, c) for c in labels]
    for i, label in enumerate(labels):
        changed = {"table": np.roll(table, -i, axis=0)}
        moved = {"params": {**params, "LabelEmbedding_0": changed}}
        np.testing.assert_array_equal(
            built.by_label(moved, built.noisy, 0.5, 0), outs[i]
        )
        for other in outs[:i]:
            assert np.abs(other - outs[i]).max() > 1e-3, label
