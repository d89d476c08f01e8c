"""What `analyze` reads classes off: which features, of which instances."""

import shutil

import numpy as np
import pytest

from configs import digits
from experiments import analyze
from experiments.fitting import layout, refit, start
from experiments.generator import encoding
from experiments.recipe import dataset, representation
from experiments.recipe.fits import fit_options_of
from tests import kills
from wsjax.analysis import probes


def recipe():
    config = digits.get_config("tiny")
    config.data.n = kills.N
    return config


@pytest.fixture
def study(unbroken, tmp_path):
    config = recipe()
    data = dataset.load(config)
    form = representation.representation_of(config, unbroken, data.shape)
    fits = encoding.fitted(unbroken, form, data, beside="test")
    return analyze.Study(unbroken, tmp_path, data, form, fits)


@pytest.fixture
def probed(study, monkeypatch):
    """`probed(refits)`: the metrics, and what was probed, in the order it was."""

    def run(refits):
        config, calls = recipe(), []
        config.analyze.refits = refits

        def listen(x, y, heldout, **options):
            calls.append((np.asarray(x), y, heldout))
            return {"score": float(len(calls))}

        monkeypatch.setattr(probes, "probe", listen)
        rows, vectors = study.fits.rows, study.fits.vectors
        pixels = study.data.values(rows).reshape(len(rows), -1)
        found = analyze._probe(config, study, vectors, pixels, study.data.labels[rows])
        names = [k.removesuffix("score") for k in found if k.endswith("score")]
        return found, dict(zip(names, calls, strict=True))

    return run


def test_start_and_fit_minus_start_make_the_fit(study, probed):
    _, calls = probed(0)
    assert list(calls) == ["", "pixels_", "start_", "moved_"]
    start, moved = calls["start_"][0], calls["moved_"][0]
    np.testing.assert_allclose(start + moved, study.fits.vectors, rtol=1e-5, atol=1e-6)
    assert (start != start[0]).any() and (moved != moved[0]).any()
    for _, labels, heldout in calls.values():
        np.testing.assert_array_equal(labels, study.data.labels[study.fits.rows])
        np.testing.assert_array_equal(heldout, study.fits.heldout)


def test_refits_are_compared_with_the_weights_of_the_same_instances(study, probed):
    metrics, calls = probed(20)
    (common, *known), (paired, *same) = calls["common_"], calls["paired_"]
    assert metrics["common_n"] == len(common) == len(paired) <= 20
    assert metrics["common_n_heldout"] == known[1].sum() > 4
    for a, b in zip(known, same, strict=True):
        np.testing.assert_array_equal(a, b)
    vectors = study.fits.vectors
    rows = [int(np.flatnonzero((vectors == row).all(axis=1))[0]) for row in paired]
    np.testing.assert_array_equal(study.data.labels[study.fits.rows[rows]], known[0])
    np.testing.assert_array_equal(study.fits.heldout[rows], known[1])
    _, _, data, form, fits = study
    place = study.root / "fit" / form.name
    options = fit_options_of(recipe())
    again = refit.from_common(
        options,
        form,
        data,
        start.read(place, form),
        layout.choose(options, place, form, data),
        fits.rows[rows],
    )
    np.testing.assert_array_equal(common, again.vectors)
    assert np.isfinite(metrics["common_psnr_db_test_mean"])


def test_where_all_are_fitted_again_the_weights_are_probed_once(study, probed):
    metrics, calls = probed(1000)
    all_good = metrics["common_n"] == len(study.fits.rows)
    assert ("paired_" in calls) != all_good


def test_the_structure_study_counts_its_own_costs(unbroken, tmp_path, monkeypatch):
    spent = []

    def since(_):
        return {"cpu_seconds": 1.0 + sum(spent), "seconds": 1.0 + sum(spent)}

    def structured(*_):
        spent.append(1000.0)
        return {}

    monkeypatch.setattr(analyze.costs, "since", since)
    monkeypatch.setattr(analyze.structure, "run", structured)
    config, folder = recipe(), shutil.copytree(unbroken, tmp_path / "copy")
    config.fit.update(group=kills.GROUP, steps=400)
    found = analyze.run(config, str(folder))
    assert spent and found["cpu_seconds"] == found["seconds"] == 1.0
