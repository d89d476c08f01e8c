"""Trials start at fields like theirs, and rates go on on both sides of the best."""

import numpy as np

from experiments import reconstruction, sweep, train_base
from experiments.fitting.rates import beyond
from experiments.recipe import dataset
from experiments.recipe.representation import own_field, representation_of
from tests.test_own_bases import recipe


def test_a_trial_of_another_field_has_a_start_of_its_own(tmp_path):
    config = recipe()
    train_base.run(config, str(tmp_path))
    own = {"scale": config.adapter.mlp.field.scale}
    for trial in ({}, {"adapter": {"field": own}}, {"adapter": {"field": {}}}):
        assert sweep.home(config, tmp_path, "mlp", trial) == tmp_path
    found = []
    for field in ({"scale": 7.0}, {"features": 6}):
        trial = {"learning_rate": 0.1, "adapter": {"field": field}}
        place = sweep.home(config, tmp_path, "mlp", trial)
        tried = sweep.with_trial(config, "mlp", trial)
        form = representation_of(tried, place, (12, 12, 1))
        again = own_field(tried, "mlp", 1)[1]["fourier"]["frequencies"]
        # The start moves them, by far less than another scale would.
        np.testing.assert_allclose(
            form.base["fourier"]["frequencies"], again, rtol=0.01
        )
        found.append(place)
        assert sweep.home(config, tmp_path, "mlp", trial) == place
    assert len({tmp_path, *found}) == 3


def test_rates_go_on_beyond_an_edge_of_those_with_the_same_options():
    tried = [{"learning_rate": rate, "b2": 0.9} for rate in (0.01, 0.02, 0.04)]
    other = [{"learning_rate": rate} for rate in (0.005, 0.08)]
    found = [beyond(tried + other, best) for best in tried]
    assert found == [0.005, None, 0.08]
    assert beyond([{"learning_rate": 0.1}], {"learning_rate": 0.1}) == 0.05


def test_the_best_rate_is_found_though_the_recipe_lacks_it(tmp_path, monkeypatch):
    config, rates = recipe(), []
    config.sweep.variants = {"mlp": [{"learning_rate": (0.04, 0.08)}]}

    def tried(config, root, data, name, trial, rows):
        rates.append(rate := trial["learning_rate"])
        return {"trial": trial, "psnr_db_mean": -abs(np.log(rate / 0.01)), "rate": rate}

    monkeypatch.setattr(sweep, "tried", tried)
    best = reconstruction._tuned(config, tmp_path, dataset.load(config))
    assert best["rate"] == 0.01 and rates == [0.04, 0.08, 0.02, 0.01, 0.005]
    fewer = recipe()
    fewer.sweep.variants = {"mlp": [{"learning_rate": (0.04, 0.08)}]}
    again = reconstruction._tuned(fewer, tmp_path, dataset.load(config))
    assert again["rate"] == 0.01 and len(rates) == 5  # Kept in trials.jsonl.
