import functools
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments import sample, sampling_curves
from experiments.generator import conditions, trained
from experiments.recipe import dataset
from tests import trained_runs
from tests.known_flows import MEAN, K, denoiser
from wsjax import diffusion, store
from wsjax.types import Codec


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Run folders of a generator that knows labels and of one that does not."""
    found = {}
    for known in (False, True):
        config = trained_runs.recipe(conditional=known)
        place = tmp_path_factory.mktemp("runs") / f"{known}"
        found[known] = trained_runs.folder(place, config)
    return found


@pytest.fixture(scope="module")
def draw(kinds, tmp_path_factory):
    """`draw(conditional, **options of sample) -> (folder, metrics)`, drawn once."""

    @functools.cache
    def draw(conditional, *, binary=sample, **options):
        config = trained_runs.recipe(conditional=conditional, **options)
        root = tmp_path_factory.mktemp("drawn") / "run"
        shutil.copytree(kinds[conditional], root)
        metrics = binary.run(config, str(root))
        return root, metrics

    return draw


def read(root, name=trained_runs.NAME):
    """Output layer and manifest of the samples in a run folder."""
    weights, instances = store.load(root / "samples" / name)
    return weights["output"]["b"], instances


def test_without_labels_samples_have_none(draw):
    root, metrics = draw(False)
    weights, instances = read(root)
    assert metrics["denoiser_calls"] == 4 and metrics["n"] == 12
    assert not any("label" in instance for instance in instances)
    assert len(np.unique(weights[:, 0, 0])) == 12
    again = draw(False, chunk=4)[0]  # Nor does it matter how many are drawn at once.
    np.testing.assert_allclose(read(again)[0], weights, rtol=1e-4)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def test_a_damaged_shard_is_drawn_again_and_a_whole_one_is_not(draw, tmp_path):
    source, metrics = draw(False)
    root = shutil.copytree(source, tmp_path / "run")
    config = trained_runs.recipe(conditional=False)
    place = root / "samples" / trained_runs.NAME
    path, before = store.path_of(place, 0), read(root)[0]
    written = path.stat().st_mtime_ns
    assert sample.run(config, str(root)) == metrics
    assert path.stat().st_mtime_ns == written
    for finished in (True, False):
        cut(path)
        if not finished:  # As if the machine had stopped while the set was written.
            (place / "manifest.json").unlink()
            (place / "metrics.json").unlink()
        assert sample.run(config, str(root))["n"] == metrics["n"]
        np.testing.assert_array_equal(read(root)[0], before)


def test_samples_with_labels_say_so_and_stand_in_rows_of_their_class(draw):
    root, _ = draw(True)
    weights, instances = read(root)
    labels = [instance["label"] for instance in instances]
    config = trained_runs.recipe(conditional=True)
    shares = conditions.shares(True, dataset.load(config), {})
    assert labels == list(conditions.drawn(shares, 12, seed=config.seed))
    sheet = np.asarray(Image.open(root / "samples" / trained_runs.NAME / "samples.png"))
    classes, counts = np.unique(labels, return_counts=True)
    cell = 2 * (12 + 2)  # Pixels of a picture and the gap, drawn twice as large.
    assert sheet.shape == (len(classes) * cell - 4, 10 * cell - 4)
    for row, count in enumerate(counts):
        line = sheet[row * cell : row * cell + 24]
        white = [np.all(line[:, i * cell : i * cell + 24] == 255) for i in range(10)]
        assert white == [False] * count + [True] * (10 - count)


def test_one_class_lies_in_a_folder_of_its_own(draw):
    root, _ = draw(True, label=3)
    weights, instances = read(root, f"{trained_runs.NAME}-label-3")
    assert {instance["label"] for instance in instances} == {3}
    every, instances = read(draw(True)[0])  # From the same noise.
    told = [instance["label"] == 3 for instance in instances]
    same = np.isclose(weights, every, rtol=1e-5).all(axis=(1, 2))
    assert list(same) == told


def test_guidance_changes_samples_in_its_interval_and_is_paid_for(draw):
    plain, _ = read(draw(True)[0])
    root, metrics = draw(True, guidance=2.0, interval=(0.5, 1.0))
    assert metrics["denoiser_calls"] == 4 + 3  # Twice at 1, 0.75 and 0.5.
    assert np.all(read(root)[0][:, 0, 0] != plain[:, 0, 0])
    root, metrics = draw(True, guidance=2.0, interval=(0.3, 0.4))
    assert metrics["denoiser_calls"] == 4  # None of the four times lies there.
    np.testing.assert_allclose(read(root)[0], plain, atol=1e-5)
    manifest = store.manifest(root / "samples" / trained_runs.NAME)
    assert manifest["guidance"] == 2.0 and manifest["interval"] == [0.3, 0.4]


def test_near_an_instance_at_full_strength_is_anywhere(draw):
    """All noise and no instance: the samples are those without one."""
    root, _ = draw(False, near="7", strength=1.0)
    near, _ = read(root, f"{trained_runs.NAME}-near-7-1")
    np.testing.assert_allclose(near, read(draw(False)[0])[0], rtol=1e-5)
    other, _ = read(draw(False, near="7")[0], f"{trained_runs.NAME}-near-7-0.5")
    assert np.all(other[:, 0, 0] != near[:, 0, 0])


def test_near_an_instance_its_own_label_holds_unless_another_is_asked_for(draw):
    root, metrics = draw(True, near="7", steps=3, sampler="multistep")
    name = f"{trained_runs.NAME}-near-7-0.5"
    assert {i["label"] for i in read(root, name)[1]} == {7}  # Digits come in turn.
    assert metrics["denoiser_calls"] == 3
    manifest = store.manifest(root / "samples" / name)
    assert (manifest["near"], manifest["strength"]) == ("7", 0.5)
    root, _ = draw(True, near="7", label=2, steps=1)
    name = f"{trained_runs.NAME}-label-2-near-7-0.5"
    assert {i["label"] for i in read(root, name)[1]} == {2}


def gaussian(process, seen=None):
    """A generator of vectors whose denoiser knows the answer, whatever the label."""

    def apply(params, noisy, t, label, key):
        assert key is None
        if seen is not None:
            seen.append(int(label))
        return denoiser("flow", process)(noisy, t)

    same = Codec(lambda x: x, lambda x: x)
    return trained.Trained({}, apply, process, same, K, np.full(3, 1 / 3), None)


def test_what_is_drawn_near_an_instance_is_the_instance_in_the_limit():
    process, instance = diffusion.flow(), jnp.asarray(MEAN) + 0.7
    distances = []
    for begin in (0.3, 0.03, 0.003):
        sampler = diffusion.heun(process, steps=5, begin=begin)
        one = trained.drawer(gaussian(process), sampler, near=(instance, begin))
        found, good = one({}, jax.random.key(0), jnp.asarray(0))
        assert good
        distances.append(float(jnp.linalg.norm(found - instance)))
    assert distances[0] > 5 * distances[1] > 25 * distances[2] > 0


@pytest.mark.parametrize(("weight", "asked"), [(1.0, {2}), (3.0, {2, -1})])
def test_without_guidance_nothing_is_asked_without_the_label(weight, asked):
    seen, process = [], diffusion.flow()
    one = trained.drawer(
        gaussian(process, seen), diffusion.ddim(process, steps=3), weight=weight
    )
    with jax.disable_jit():
        one({}, jax.random.key(0), jnp.asarray(2))
    assert set(seen) == asked


@pytest.mark.parametrize(
    ("conditional", "options", "line"),
    [
        (False, {"label": 3}, "sample.label=3 needs .*diffusion.conditional=True"),
        (False, {"guidance": 2.0}, "sample.guidance=2.0 needs .* leave .* out"),
        (True, {"label": 10}, "sample.label=10 is no label .* 0 to 9"),
        (True, {"label": -1}, "sample.label=-1 is no label"),
        (True, {"interval": (0.6, 0.3)}, r"interval=\(0.6, 0.3\) should be two times"),
        (False, {"near": "17", "strength": 0.0}, "strength=0.0 .* choose it above 0"),
        (False, {"near": "who"}, "near='who' is no instance of .*such as '0' or '47'"),
        (False, {"near": "1"}, "near='1' has no fit .failed: by hand.; .* another"),
        (False, {"sampler": "euler"}, "sampler='euler'; choose one of .*multistep"),
        (False, {"spacing": "log"}, "in sample: spacing='log'; choose one of"),
        (False, {"steps": 0}, "sample.steps=0: expected 1 or more"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(draw, conditional, options, line):
    with pytest.raises(ValueError, match=line) as refused:
        draw(conditional, **options)
    assert "\n" not in str(refused.value)


def test_curves_hold_every_sampler_and_every_weight(draw):
    """At one call all samplers are one; a weight of 1 is the recipe's own sampling."""
    options = {"steps": 1, "calls": (1, 2), "weights": (1.0, 2.0)}
    root, metrics = draw(True, binary=sampling_curves, **options)
    folder = root / "curves" / trained_runs.NAME
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    fd = "fd_pixel_pca1_validation"
    at_one = [metrics[f"{fd}_{name}_1_calls"] for name in diffusion.SAMPLERS]
    np.testing.assert_allclose(at_one, at_one[0], rtol=1e-4)
    assert f"{fd}_heun_2_calls" not in metrics and f"{fd}_ddim_2_calls" in metrics
    for key in (fd, "class_accuracy", "novelty_function"):
        assert metrics[f"{key}_weight_1"] == metrics[f"{key}_multistep_1_calls"]
    assert metrics["diversity_weight_1"] != metrics["diversity_weight_2"]
    assert 0 < metrics[f"{fd}_floor"] and metrics["class_accuracy_floor"] > 0.5
    sheets = {path.name for path in folder.glob("*.png")}
    weights = {"weight_1.png", "weight_2.png"}
    assert sheets == {"calls_0001.png", "calls_0002.png", "curves.png"} | weights


def test_without_labels_there_is_no_weight_to_try(draw):
    root, metrics = draw(False, binary=sampling_curves, calls=(1,))
    assert not any("weight" in key for key in metrics)
    pictures = (root / "curves" / trained_runs.NAME).glob("*.png")
    assert {path.name for path in pictures} == {"curves.png", "calls_0001.png"}
