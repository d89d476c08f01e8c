"""A generation study in which something fails: what is refused, and what is kept."""

import numpy as np
import pytest

from configs import digits
from experiments import generation
from experiments.recipe import divergence
from experiments.recipe.generator import chosen, with_generator
from experiments.recipe.opening import opened
from tests.test_generation import OTHER, OWN, PUPIL, recipe
from wsjax import files
from wsjax.fit.consensus import Diverged


@pytest.fixture
def stubbed(monkeypatch):
    """Generators that cost no time, of which one diverges; the names in order."""
    ran = []

    def judged(config, workdir):
        ran.append(config.generator)
        if config.generator == PUPIL:
            raise Diverged("training diverged before step 4")
        return {"fd_pixel_pca4": 1.5}

    monkeypatch.setattr(generation, "_judged", judged)
    monkeypatch.setattr(generation, "fits", lambda *given: {})
    monkeypatch.setattr(generation.report, "run", lambda *given: ran.append("report"))
    return ran


def test_a_generator_that_fails_stops_no_other(stubbed, tmp_path, capsys):
    line = f"^these generators failed, .*: {PUPIL}: training diverged before step 4$"
    with pytest.raises(ValueError, match=line):
        generation.run(recipe(), str(tmp_path))
    assert stubbed == ["ours", PUPIL, OTHER, "report"]
    finished, reason = {"fd_pixel_pca4": 1.5}, "training diverged before step 4"
    rows = {OWN: finished, OTHER: finished, PUPIL: {"failed": reason}}
    assert files.read_json(tmp_path / "generation.json") == rows
    words = capsys.readouterr().out.split()
    assert " ".join(words).endswith(f"{PUPIL} failed: {reason}")


def test_a_failure_keeps_what_was_measured_and_goes_when_it_is_mended(
    stubbed, tmp_path, monkeypatch
):
    path = tmp_path / "generation.json"
    files.write_json(path, {PUPIL: {"fd_pixel_pca4": 7.0}})
    with pytest.raises(ValueError, match=PUPIL):
        generation.run(recipe(), str(tmp_path), names=(PUPIL,))
    assert stubbed == [PUPIL]  # There is nothing new to report.
    row = files.read_json(path)[PUPIL]
    assert row == {"fd_pixel_pca4": 7.0, "failed": "training diverged before step 4"}
    monkeypatch.setattr(generation, "_judged", lambda *given: {"fd_pixel_pca4": 2.0})
    generation.run(recipe(), str(tmp_path), names=(PUPIL,))
    assert files.read_json(path)[PUPIL] == {"fd_pixel_pca4": 2.0}


def test_a_file_of_another_form_is_refused_before_any_work(stubbed, tmp_path):
    files.write_json(tmp_path / "generation.json", {"a": 3})
    with pytest.raises(
        ValueError, match=r"generation\.json: expected an object in 'a'"
    ):
        generation.run(recipe(), str(tmp_path))
    assert stubbed == []


def test_a_folder_of_another_recipe_gets_no_rows(stubbed, tmp_path):
    config = recipe()
    opened(config, str(tmp_path))
    config.seed = 1
    with pytest.raises(ValueError, match="made by another recipe"):
        generation.run(config, str(tmp_path))
    assert stubbed == [] and not (tmp_path / "generation.json").exists()


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("ours", ""),
        ("paper_ddpm", "generators.paper_ddpm."),
        ("conditional", ""),  # It has the rate of the recipe's own.
    ],
)
def test_a_training_that_diverges_names_the_flag_of_its_own_rate(name, section):
    config = digits.get_config("tiny")
    key = f"{section}diffusion.learning_rate"
    config.update_from_flattened_dict({key: 1e30})
    own = chosen(with_generator(config, name))
    line = rf"diverged before step 4; lower --config\.{key}=1e\+30$"
    with pytest.raises(Diverged, match=line):
        divergence.check({"step": 4, "loss_validation": np.nan}, own)
    divergence.check({"step": 4, "loss_validation": 1.0}, own)
