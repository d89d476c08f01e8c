"""What is held out is never learnt from, and what judges chooses nothing.

Runs of one recipe with the same training pictures, but with others in the validation
part or in the test part. What only the training part may shape has to be equal, bit for
bit, and so has what the part in question may not choose or judge.
"""

import json
import shutil

import chex
import jax
import numpy as np
import pytest

from experiments import evaluate
from tests import runs
from tests.poisoned import TOLERANCE, N, pictures, ran, recipe
from wsjax import adapters, checkpoint, costs, files, latent, store, tree

TRIVIAL = ("gaussian_pca", "gaussian_mixture", "average_two", "add_noise")


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return ran(tmp_path_factory.mktemp("clean"), *pictures())


@pytest.fixture(scope="module", params=["validation", "test"])
def part(request):
    return request.param


@pytest.fixture(scope="module")
def poisoned(clean, part, tmp_path_factory):
    """Checkerboards and noise in place of the digits of one part."""
    pixels, labels = pictures()
    out = of(clean[0], part)
    noise = np.random.default_rng(0).integers(0, 2, (N, 12, 12))
    board = np.indices((12, 12)).sum(axis=0) + np.arange(N)[:, None, None]
    pixels[out] = (255 * ((board + noise) % 2))[out]
    return ran(tmp_path_factory.mktemp("poisoned"), pixels, labels)


def instances(folder):
    return store.manifest(folder / "fit" / runs.NAME)["instances"]


def of(folder, *parts):
    """Which instances belong to some parts."""
    return np.array([instance["part"] in parts for instance in instances(folder)])


def saved(folder):
    """The newest checkpoint of a folder, whatever is in it."""
    newest = checkpoint.latest(folder)
    shapes = checkpoint.ocp.metadata(folder.absolute() / str(newest)).metadata
    like = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
    return checkpoint.restore(folder, newest, like)


def shard(folder):
    return store.read_shard(store.path_of(folder, 0)).weights


def lines(folder):
    found = files.read_lines(folder / "diffusion" / runs.NAME / "train.jsonl")
    return [{k: x for k, x in line.items() if k not in costs.KEYS} for line in found]


def metrics(folder, stage, name="metrics.json"):
    return json.loads((folder / stage / runs.NAME / name).read_text())


@pytest.fixture
def both(clean, poisoned):
    """`both(read) -> pair` of what one reads in the two folders."""
    return lambda read: (read(clean[0]), read(poisoned[0]))


def test_the_instances_of_one_part_are_others_and_nothing_else(both, part):
    parts = both(lambda x: [i["part"] for i in instances(x)])
    assert parts[0] == parts[1] and set(parts[0]) == {"train", "validation", "test"}
    found, expected = both(lambda x: [i["psnr_db"] for i in instances(x)])
    same = np.array(found) == np.array(expected)
    np.testing.assert_array_equal(same, ~both(lambda x: of(x, part))[0])


def test_the_test_part_chooses_nothing(both, part):
    """Losses, the parameters that they choose, and samples change with validation."""
    (found, told), (expected, expected_told) = both(
        lambda x: (saved(x / "diffusion" / runs.NAME / "chosen"), lines(x))
    )
    if part == "test":
        assert told == expected_told
        chex.assert_trees_all_equal(found, expected)
        chex.assert_trees_all_equal(*both(lambda x: shard(x / "samples" / runs.NAME)))
    else:
        losses = [
            {line["loss_validation"] for line in x} for x in (told, expected_told)
        ]
        assert not losses[0] & losses[1]
        with pytest.raises(AssertionError):
            chex.assert_trees_all_equal(found, expected)


def test_the_validation_part_judges_nothing(both, part):
    """It teaches feature spaces; all other figures are as they are without it."""
    found, expected = both(lambda x: metrics(x, "evaluate", "baselines.json"))
    alike = part == "validation"
    for name in TRIVIAL:
        pair = found[name], expected[name]
        inside, outside = (
            [
                {k: v for k, v in row.items() if ("pixel_pca" in k) == seen}
                for row in pair
            ]
            for seen in (True, False)
        )
        assert (outside[0] == outside[1]) == alike, name
        assert len(inside[0]) > 10 and inside[0] != inside[1], name
    found, expected = both(lambda x: metrics(x, "analyze"))
    keys = found.keys() - set(costs.KEYS)
    assert all(found[key] == expected[key] for key in keys) == alike


@pytest.mark.parametrize("name", ["checkpoints", "rehearsal", "folded"])
def test_the_base_never_sees_what_is_held_out(both, name):
    chex.assert_trees_all_equal(*both(lambda x: saved(x / "base" / name)))


@pytest.mark.parametrize("name", ["start", "guess"])
def test_fits_begin_at_what_training_instances_agree_on(both, name):
    chex.assert_trees_all_equal(*both(lambda x: shard(x / "fit" / runs.NAME / name)))


def test_fits_of_training_instances_stay(both):
    def trained(folder):
        weights, _ = store.load(folder / "fit" / runs.NAME)
        return tree.row(weights, of(folder, "train"))

    chex.assert_trees_all_equal(*both(trained))


def test_statistics_latent_and_clusters_are_those_of_training_instances(both):
    found, expected = both(lambda x: saved(x / "diffusion" / runs.NAME / "encoding"))
    expected_keys = "mean scale project lift spread centres shares"
    assert set(expected_keys.split()) == set(found)
    chex.assert_trees_all_equal(found, expected)


def test_the_denoiser_follows_one_path_whatever_is_held_out(both):
    place = f"diffusion/{runs.NAME}/checkpoints"
    found, expected = both(lambda x: saved(x / place)["state"])
    assert tree.count(found) > 1000
    chex.assert_trees_all_equal(found, expected)
    found, expected = both(lambda x: [line["loss_train"] for line in lines(x)])
    assert found == expected and len(found) == 4


def test_the_classifier_that_judges_learns_from_training_pictures(clean, poisoned):
    assert clean[1] and len(clean[1]) == len(poisoned[1])
    chex.assert_trees_all_equal(clean[1], poisoned[1])


def test_trivial_generators_draw_from_training_instances(both, part):
    """Their distance to training instances is all that no held-out one has part in."""
    found, expected = both(lambda x: metrics(x, "evaluate", "baselines.json"))
    assert {*TRIVIAL} < set(found) == set(expected)
    for key in ("nn_function_median", "nn_weights_median"):
        for name in TRIVIAL:
            assert found[name][key] == expected[name][key], name
        reached = found["resample_test"][key], expected["resample_test"][key]
        assert (reached[0] != reached[1]) == (part == "test")


def test_weights_are_analysed_on_the_scale_of_training_instances(both):
    found, expected = both(lambda x: metrics(x, "analyze"))
    for key in ("components_90", "participation_ratio", "two_nn"):
        assert found[key] == expected[key]


def chosen(losses):
    """Whether each loss is within the tolerance of the lowest so far."""
    lowest = np.minimum.accumulate(losses)
    return (losses <= (1 + TOLERANCE) * lowest).tolist()


def test_parameters_are_chosen_by_the_loss_on_validation_weights(poisoned, part):
    """Noise is not learnt from digits: what fits the one fits the other less."""
    if part == "test":
        return
    folder = poisoned[0]
    told = lines(folder)
    flags = [line["chosen"] for line in told]
    assert flags == chosen([line["loss_validation"] for line in told])
    assert flags != chosen([line["loss_train"] for line in told])
    best = [line for line in told if line["chosen"]][-1]
    found = metrics(folder, "diffusion")
    assert found["steps_chosen"] == best["step"] < found["steps"]
    assert found["loss_validation"] == best["loss_validation"]


def test_held_out_instances_are_no_more_novel_than_themselves(clean, tmp_path):
    """Novelty compares like with like: both went through one fit and one latent."""
    folder = shutil.copytree(clean[0], tmp_path / "copy")
    shutil.rmtree(folder / "evaluate")
    config = recipe(clean[0] / "x.npz")
    adapter = adapters.by_name(runs.NAME, **config.adapter[runs.NAME].to_dict())
    free = adapter.free(saved(folder / "base" / "folded"))
    first = jax.tree.map(lambda x: x[0], shard(folder / "fit" / runs.NAME / "start"))
    code = saved(folder / "diffusion" / runs.NAME / "encoding")
    codec = latent.codec(latent.free_entries(free, first), code)
    weights, found = store.load(folder / "fit" / runs.NAME, like=first)
    unseen = tree.row(weights, store.done(found) & of(folder, "test"))
    made = jax.vmap(lambda x: codec.decode(codec.encode(x)))(unseen)
    made = jax.tree.map(np.asarray, made)
    place = folder / "samples" / runs.NAME
    before = store.read_shard(store.path_of(place, 0))
    count = len(jax.tree.leaves(made)[0])
    assert 2 <= count <= len(before.instances)
    named = before.instances[:count]
    store.write_shard(place, store.Shard(0, made, named, before.cost))
    store.finish(place, {})
    figures = evaluate.run(config, str(folder))
    assert figures["n_sampled"] == count
    assert figures["novelty_function"] == pytest.approx(1, rel=1e-4)
    assert figures["novelty_weights"] == pytest.approx(1, rel=1e-4)
