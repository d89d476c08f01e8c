"""Training the denoiser: killed, resumed, by several processes, stopped, refused."""

import shutil
import signal
import socket
import time

import chex
import jax
import numpy as np
import pytest

from configs import digits
from experiments import sample, train_diffusion
from experiments.recipe import dataset, representation
from tests import runs
from wsjax import checkpoint, costs, files, store, tree

LATENT = "--config.diffusion.latent=pca"  # Needs no Jacobians.
COST = {"seconds": 0.0, "cpu_seconds": 0.0}
STEPS = (10, 20, 30, 40)


def recipe(**diffusion):
    config = digits.get_config("tiny")
    config.diffusion.update(latent="pca", **diffusion)
    return config


def with_fits(folder):
    """A run folder whose fits nobody fitted: here any adapters will do."""
    config = recipe()
    runs.with_base(folder)
    data = dataset.load(config)
    form = representation.representation_of(config, folder, data.shape)
    keys = jax.random.split(jax.random.key(0), len(data.names))
    weights = jax.jit(jax.vmap(form.adapter.init, (0, None)))(keys, form.base)
    place = folder / "fit" / runs.NAME
    instances = [{"name": name, "status": store.DONE} for name in data.names]
    for where, n in ((place / "start", 1), (place, len(instances))):
        some = jax.tree.map(lambda x, n=n: np.asarray(x[:n]), weights)
        store.write_shard(where, store.Shard(0, some, instances[:n], COST))
    store.finish(place, {}, starts=[0])
    return folder


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return with_fits(tmp_path_factory.mktemp("fits") / "run")


@pytest.fixture
def fresh(fitted, tmp_path):
    return shutil.copytree(fitted, tmp_path / "run")


def start(folder, env, *flags):
    return runs.start("train_diffusion", folder, env, LATENT, *flags)


def place(folder):
    return folder / "diffusion" / runs.NAME


@pytest.fixture(scope="module")
def unbroken(fitted, environment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    runs.ended([start(shutil.copytree(fitted, folder), environment)])
    return folder


@pytest.fixture(scope="module")
def broken(unbroken, fitted, environment, tmp_path_factory):
    """Killed in the middle."""
    folder = shutil.copytree(fitted, tmp_path_factory.mktemp("broken") / "run")
    process = start(folder, environment)
    middle = place(folder) / "checkpoints" / "20" / "_CHECKPOINT_METADATA"
    while process.poll() is None and not middle.exists():
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (place(folder) / "chosen").exists()
    return folder


def outcome(folder):
    """Lines without what they cost, the metrics, and the chosen parameters."""
    lines = files.read_lines(place(folder) / "train.jsonl")
    lines = [{k: v for k, v in x.items() if k not in costs.KEYS} for x in lines]
    shapes = checkpoint.ocp.metadata(place(folder) / "chosen" / "0").metadata
    like = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
    chosen = checkpoint.restore(place(folder) / "chosen", 0, like)
    return lines, runs.metrics(place(folder)), chosen


def test_a_killed_training_ends_like_an_unbroken_one(
    broken, unbroken, environment, tmp_path
):
    folder = shutil.copytree(broken, tmp_path / "run")
    runs.ended([start(folder, environment)])
    found, expected = outcome(folder), outcome(unbroken)
    assert found[:2] == expected[:2]
    assert [line["step"] for line in found[0]] == list(STEPS)
    chex.assert_trees_all_equal(found[2], expected[2])
    assert not runs.leftovers(folder)


def test_two_processes_finish_what_one_began(broken, unbroken, environment, tmp_path):
    folder = shutil.copytree(broken, tmp_path / "run")
    shutil.rmtree(place(folder) / "encoding")
    with socket.socket() as server:
        server.bind(("localhost", 0))
        port = server.getsockname()[1]
    common = [f"--coordinator=localhost:{port}", "--processes=2"]
    said = runs.ended(
        [start(folder, environment, f"--process={i}", *common) for i in range(2)]
    )
    assert ["diffusion mlora_asym: steps 40" in text for text in said] == [True, False]
    (lines, metrics, chosen), expected = outcome(folder), outcome(unbroken)
    for line, wanted in zip(lines, expected[0], strict=True):
        assert line == pytest.approx(wanted, rel=1e-4)
    assert metrics == pytest.approx(expected[1], rel=1e-4)
    chex.assert_trees_all_close(chosen, expected[2], rtol=1e-3, atol=1e-5)
    assert not runs.leftovers(folder)


def test_denoisers_of_another_shape_are_refused_by_name(
    broken, unbroken, fresh, tmp_path
):
    """Their folder lies in a run of another recipe."""
    shutil.copytree(broken / "diffusion", fresh / "diffusion")
    (place(fresh) / "settings.json").unlink()  # As an earlier version left it.
    wider = recipe()
    wider.diffusion.residual_mlp.width = 9
    line = (
        r"/checkpoints/\d\d: chosen/params/Dense_0/bias should be \(9,\), found \(16,\)"
    )
    with pytest.raises(ValueError, match=f"{place(fresh)}{line}"):
        train_diffusion.run(wider, str(fresh))
    shutil.rmtree(fresh / "diffusion")
    shutil.copytree(unbroken / "diffusion", fresh / "diffusion")
    line = r"/chosen/0: params/Dense_0/bias should be \(9,\), found \(16,\)"
    with pytest.raises(ValueError, match=f"{place(fresh)}{line}"):
        sample.run(wider, str(fresh))


def test_a_latent_of_another_size_is_refused_by_name(broken, unbroken, fresh):
    line = r"/encoding/0: lift should be \(5, 98\), found \(6, 98\); use the recipe"
    shutil.copytree(broken / "diffusion", fresh / "diffusion")
    (place(fresh) / "settings.json").unlink()  # As an earlier version left it.
    smaller = recipe(components=5)
    with pytest.raises(ValueError, match=f"{place(fresh)}{line}"):
        train_diffusion.run(smaller, str(fresh))
    shutil.copytree(unbroken / "diffusion", fresh / "diffusion", dirs_exist_ok=True)
    with pytest.raises(ValueError, match=f"{place(fresh)}{line}"):
        sample.run(smaller, str(fresh))


def scripted(monkeypatch, *losses):
    """Held-out losses one by one; returns those left, and the parameters judged."""
    left, judged = list(losses), []

    def score(key, params, examples):
        judged.append(jax.device_get(params))
        return left.pop(0)

    monkeypatch.setattr(train_diffusion.train, "make_score", lambda *_, **__: score)
    return left, judged


def test_a_training_ends_early_and_again_when_resumed(fresh, monkeypatch):
    """Two averages; twice no loss near the lowest ends it."""
    config = recipe(decays=(0.5, 0.9), patience=2, steps=100, conditional=True)
    left, judged = scripted(monkeypatch, 3.0, 4.0, 2.0, 1.0, 3.0, 2.0, 3.0, 2.0)
    metrics = train_diffusion.run(config, str(fresh))
    assert not left
    steps = metrics["steps"], metrics["steps_chosen"], metrics["decay_chosen"]
    assert steps == (40, 20, 0.9)
    lines = files.read_lines(place(fresh) / "train.jsonl")
    assert [line["loss_validation"] for line in lines] == [3, 1, 2, 2]
    assert [line["decay"] for line in lines] == [0.5, 0.9, 0.9, 0.9]
    chosen = outcome(fresh)[2]
    chex.assert_trees_all_equal(chosen, judged[3])
    assert any("LabelEmbedding" in name for name in tree.named(chosen))
    for newest, rest in ((40, ()), (30, (3.0, 2.0))):
        (place(fresh) / "metrics.json").unlink()
        left, _ = scripted(monkeypatch, *rest)
        again = train_diffusion.run(config, str(fresh))
        assert again | {k: metrics[k] for k in costs.KEYS if k in again} == metrics
        assert not left, newest
        chex.assert_trees_all_equal(outcome(fresh)[2], chosen)
        shutil.rmtree(place(fresh) / "checkpoints" / "40")


def test_a_training_that_diverges_names_the_learning_rate(fresh, monkeypatch):
    scripted(monkeypatch, *[float("nan")] * 3)
    line = r"diverged before step 10; lower --config.diffusion.learning_rate=0.001"
    with pytest.raises(ValueError, match=line):
        train_diffusion.run(recipe(), str(fresh))


def test_devices_that_are_not_there_are_refused(fresh):
    line = r"devices=7 of each process should be at most the 4 that it has"
    with pytest.raises(ValueError, match=line):
        train_diffusion.run(recipe(devices=7), str(fresh))
