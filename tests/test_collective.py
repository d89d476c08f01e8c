"""Checkpoints are written by all processes together, so that all have to enter."""

from types import SimpleNamespace

import numpy as np
import pytest

from configs import digits
from experiments.generator import distil
from experiments.recipe.generator import generator_of
from wsjax.diffusion.train import Examples


@pytest.mark.parametrize("process", [0, 1])
def test_every_process_enters_the_save_of_a_learners_encoding(
    tmp_path, monkeypatch, process
):
    teacher = generator_of(digits.get_config("tiny"))
    learner = teacher._replace(name="one_step")
    (tmp_path / "diffusion" / teacher.name / "chosen").mkdir(parents=True)
    entered = []
    known = SimpleNamespace(shares=np.zeros(0), params={}, size=6)
    built = SimpleNamespace(apply=None)
    pairs = Examples(np.zeros((20, 6)), np.zeros(20), np.zeros((20, 6)))
    monkeypatch.setattr("jax.process_index", lambda: process)
    monkeypatch.setattr(distil.trained, "load", lambda *_: known)
    monkeypatch.setattr(distil.network, "network", lambda *_, **__: built)
    monkeypatch.setattr(
        distil.network, "repaint", lambda source, *args: entered.append(args)
    )
    monkeypatch.setattr(distil, "_pairs", lambda *_: pairs)
    monkeypatch.setattr(distil.encoding, "restore", lambda *_: {"mean": np.zeros(6)})
    monkeypatch.setattr(distil.encoding, "save", lambda *args: entered.append(args))
    learner = learner._replace(denoiser=learner.denoiser._replace(grid=True))
    folder = tmp_path / "diffusion" / learner.name
    distil.lesson(learner, teacher, tmp_path, folder, None, None, pairs=20)
    # The encoding, and the canvas of a network on the grid.
    assert [place for place, *_ in entered] == [folder, folder]
