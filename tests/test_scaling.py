"""Fits are the same whatever devices and processes they are spread over."""

import chex
import jax
import numpy as np
import pytest

from configs import digits
from experiments import scaling
from experiments.domain import representation as forms
from experiments.fitting import engine
from experiments.recipe import dataset, representation
from experiments.recipe.fits import fit_options_of
from experiments.scaling import Case
from tests import runs
from wsjax import store, tree

CASES = (Case(1), Case(4), Case(1, processes=2))


def test_fits_do_not_depend_on_devices_or_processes(
    tmp_path, environment, monkeypatch, capsys
):
    monkeypatch.setattr(scaling, "CASES", CASES)
    for key in ("JAX_COMPILATION_CACHE_DIR", "OMP_NUM_THREADS"):
        monkeypatch.setenv(key, environment[key])
    config = digits.get_config("tiny")
    lines = scaling.run(config, str(runs.with_base(tmp_path)))
    assert [(x["devices"], x["processes"], x["fields"]) for x in lines] == [
        (1, 1, 12),
        (4, 1, 48),
        (1, 2, 24),
    ]
    assert all(line["difference"] <= 1e-5 for line in lines)
    assert all(line["fields_per_second"] > 0 for line in lines)
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == list(lines[0])
    assert [row.split() for row in rows] == [
        [str(x) for x in line.values()] for line in lines
    ]
    # Each case did what it says, from one start.
    folders = sorted(tmp_path.glob("scaling/*/fit/*"))
    places = [folder.parts[-3] for folder in folders]
    assert places == ["1_of_1", "1_of_4", "2_of_1"]
    assert [len(list(x.glob("weights_*"))) for x in folders] == [4, 4, 8]
    starts = [store.read_shard(store.path_of(x / "start", 0)) for x in folders]
    for other in starts[1:]:
        jax.tree.map(np.testing.assert_array_equal, other.weights, starts[0].weights)
    assert all("24/24" not in log.read_text() for log in tmp_path.rglob("*_0.log"))


def test_fits_do_not_depend_on_the_chunk(unbroken):
    config = digits.get_config("tiny")
    data = dataset.load(config)
    form = representation.representation_of(config, unbroken, data.shape)
    folder, ones = unbroken / "fit" / runs.NAME, np.ones(7, np.float32)
    guess = store.read_shard(store.path_of(folder / "guess", 0)).weights
    shared = form.base, forms.start(folder, form), tree.row(guess, 0)
    found = [
        engine.lifted(fit_options_of(config), form, data, engine.Layout(chunk))(
            shared, data.domain.read(np.arange(7)), ones
        )
        for chunk in (2, 5)
    ]
    chex.assert_trees_all_close(*found, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("difference", [0.1, np.inf, np.nan])
def test_weights_that_depend_on_the_devices_are_an_error(difference):
    with pytest.raises(ValueError, match="from 1 processes of 4 devices differ by"):
        scaling._check(Case(4), {"difference": difference})


def test_the_largest_difference_counts_and_equal_nans_are_none():
    a, b = np.array([1.0, np.nan, np.inf]), np.array([1.25, np.nan, np.inf])
    assert scaling._away(a, b) == 0.25
    assert scaling._away(a, np.array([1.0, 2.0, np.inf])) == np.inf
    assert scaling._away(a, np.array([1.0, np.nan, -np.inf])) == np.inf


def test_a_fit_that_fails_is_named_with_its_last_line(tmp_path):
    (tmp_path / "config.py").write_text("def get_config():\n    return 3\n")
    with pytest.raises(ValueError, match=r"process_0\.log ended with code 1: .*"):
        scaling._run(tmp_path, Case(1))


def test_too_few_instances_are_refused(tmp_path):
    config = digits.get_config("tiny")
    config.data.n = 15
    with pytest.raises(ValueError, match="15 instances are too few.*at least 16"):
        scaling.run(config, str(runs.with_base(tmp_path)))
