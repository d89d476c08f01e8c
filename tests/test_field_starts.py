"""Whole fields of a sweep begin at starts that were learnt with fields like them."""

import numpy as np

from experiments import sweep, train_base
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
        form = representation_of(tried, place, 1)
        again = own_field(tried, "mlp", 1)[1]["fourier"]["frequencies"]
        # The start moves them, by far less than another scale would.
        np.testing.assert_allclose(
            form.base["fourier"]["frequencies"], again, rtol=0.01
        )
        found.append(place)
        assert sweep.home(config, tmp_path, "mlp", trial) == place
    assert len({tmp_path, *found}) == 3
