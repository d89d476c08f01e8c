"""A folder of a study or a rival keeps to the settings that its work began with."""

import pytest

from configs import digits
from experiments import generation, reconstruction, sweep, train_diffusion, tune
from experiments.recipe.generator import chosen, settings_of, with_generator
from experiments.running import binding
from wsjax import files


def test_work_goes_on_with_its_settings_and_with_no_others(tmp_path):
    folder, settings = tmp_path / "stage", {"tune": {"rates": [1, 2], "share": 0.5}}
    binding.bind(folder, settings)
    binding.bind(folder, settings)
    with pytest.raises(
        ValueError, match=r"stage was begun .*tune\.share: 0.5 -> 0.7\."
    ):
        binding.bind(folder, {"tune": {"rates": [1, 2], "share": 0.7}})
    with pytest.raises(ValueError, match=r"tune\.more: None -> 1\. Use the old"):
        binding.bind(folder, {"tune": {**settings["tune"], "more": 1}})
    older = tmp_path / "older"
    files.write_json(older / "metrics.json", {})
    binding.bind(older, settings)
    assert not (older / "settings.json").exists()


def begun(folder, config):
    """Settings of each kind of stage, as a first run leaves them."""
    rival = chosen(with_generator(config, "paper_ddpm"))
    own = {"tune": {"share": config.tune.share}, **settings_of(rival)}
    files.write_json(folder / "tune" / "paper_ddpm" / "settings.json", own)
    place = folder / "diffusion" / "paper_ddpm" / "settings.json"
    files.write_json(place, settings_of(rival))
    for name in config.sweep.variants:
        place = folder / "sweep" / name / "settings.json"
        files.write_json(place, sweep.settings_of(config))


CHANGES = {
    "diffusion": ("generators.paper_ddpm.diffusion.learning_rate", 0.5),
    "tune": ("tune.share", 0.25),
    "sweep": ("sweep.n", 3),
    "reconstruction": ("reconstruction.n", 2),
}


@pytest.mark.parametrize("stage", CHANGES)
def test_stages_refuse_changed_settings_before_they_do_anything(
    stage, tmp_path, monkeypatch
):
    config = digits.get_config("tiny")
    begun(tmp_path, config)
    first = config.copy_and_resolve_references()
    for name in config.sweep.variants:
        form = reconstruction.prepared(first, name)
        own = reconstruction._settings(form, name, "")
        binding.bind(tmp_path / "reconstruction" / name, own)
    monkeypatch.setattr(generation, "fits", lambda config, workdir: {})
    monkeypatch.setattr(reconstruction.train_base, "run", lambda config, workdir: {})
    key, value = CHANGES[stage]
    config.update_from_flattened_dict({key: value})
    rival = with_generator(config, "paper_ddpm")
    runs = {
        "diffusion": lambda: train_diffusion.run(rival, str(tmp_path)),
        "tune": lambda: tune.run(config, str(tmp_path), names=["paper_ddpm"]),
        "sweep": lambda: sweep.run(config, str(tmp_path)),
        "reconstruction": lambda: reconstruction.run(config, str(tmp_path)),
    }
    last = key.split(".")[-1]
    with pytest.raises(ValueError, match=f"begun with other settings.*{last}: .* -> "):
        runs[stage]()
