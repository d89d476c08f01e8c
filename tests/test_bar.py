"""One bar for all: the control meets what samples meet, and settings are bound."""

import json
import shutil

import numpy as np
import pytest
from ml_collections import config_dict

from experiments import evaluate, fit, sample, train_diffusion
from experiments.judging import baselines, judge, trials, verdicts
from experiments.recipe import dataset
from experiments.recipe.evaluation import judging_of
from experiments.recipe.representation import representation_of
from tests import runs
from tests.test_evaluate import NAME, RIVAL, VALUES, WEIGHTS, read, recipe


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Samples and fits on a base that never was trained, of which none are judged."""
    folder = runs.with_base(tmp_path_factory.mktemp("runs") / "judged")
    return runs.through(folder, recipe(), fit, train_diffusion, sample)


@pytest.fixture(scope="module")
def data():
    return dataset.load(recipe())


def test_the_control_meets_every_trivial_generator_that_samples_meet(
    study, data, monkeypatch
):
    """Those of weights too, which see no instance that stands for a sample."""
    form = representation_of(recipe(), study, (12, 12, 1))
    bar, met = baselines.fields(study, form, data), []
    judging = judging_of(recipe())
    jury = judge.make(
        judging,
        data,
        bar.fits.rows,
        bar.fits.heldout,
        bar.fits.vectors,
        data.pictures(bar.fits.rows),
        part="test",
        lesson=data.rows("validation"),
        n=20,
    )
    original = baselines.draws

    def draws(fits, n, *, seed):
        met.append(set(fits.rows.tolist()))
        return original(fits, n, seed=seed)

    audited = verdicts.verdicts

    def kept(judging, jury, known, sets, weights, *, n):
        found = audited(judging, jury, known, sets, weights, n=n)
        assert set(found) == {*WEIGHTS[:-1], *VALUES, "real"}
        assert len(sets["real"].values) == n == 16
        rows = {row.tobytes() for row in data.pictures(np.array(sorted(met[-1])))}
        assert not rows & {row.tobytes() for row in sets["real"].values}
        return found

    monkeypatch.setattr(baselines, "draws", draws)
    monkeypatch.setattr(verdicts, "verdicts", kept)
    render = baselines.shown(bar, data)
    shown = render(bar.fits.vectors)
    found = trials.of_judge(judging, jury, bar, render, shown, n=20)
    assert len(met) == judging.control
    assert sum(found[f"control_{x}"] for x in ("passed", "failed", "undecided")) == 1


@pytest.mark.parametrize("key", ["sample.guidance", "evaluate.neighbours", "bar"])
def test_samples_and_verdicts_of_other_settings_are_not_kept(study, tmp_path, key):
    folder = shutil.copytree(study, tmp_path / "copy")
    for stage in ("diffusion", "samples"):
        shutil.copytree(folder / stage / NAME, folder / stage / RIVAL)
    config = recipe(RIVAL)
    evaluate.run(config, str(folder))
    if key == "bar":
        path = folder / "evaluate" / RIVAL / "settings.json"
        path.write_text(json.dumps(read(path) | {"bar": "mlp"}))
    else:
        config.generators[RIVAL] = config_dict.create(
            **{key.split(".")[0]: {key.split(".")[1]: 2}}
        )
    with pytest.raises(ValueError, match=f"begun with other settings.*{key}"):
        evaluate.run(config, str(folder))
    if key.startswith("sample"):
        with pytest.raises(ValueError, match=f"begun with other settings.*{key}"):
            sample.run(config, str(folder))
