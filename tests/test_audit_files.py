"""The audit of files: whatever they hold, what was copied is named."""

import numpy as np
import pytest
from PIL import Image

from experiments import audit
from experiments.judging import alike, rows, spaces
from wsjax import costs, files, store

N = 300


def numbers(seed, n=N):
    """Rows `[n, 8]`, float32."""
    return np.random.default_rng(seed).normal(size=(n, 8)).astype(np.float32)


def pictures(seed, n=N):
    """Smooth pictures `[n, 9, 9]` uint8 of six numbers each."""
    y, x = np.indices((9, 9)) / 9
    waves = np.stack(
        [np.sin(2 * np.pi * (a * x + b * y)) for a in (0, 1, 2) for b in (1, 2)]
    )
    mixed = np.random.default_rng(seed).normal(size=(n, 6)) @ waves.reshape(6, -1)
    return np.clip(128 + 40 * mixed, 0, 255).astype(np.uint8).reshape(n, 9, 9)


def saved(folder, **sets):
    for name, x in sets.items():
        np.savez(folder / f"{name}.npz", x=x)
    return [str(folder / f"{name}.npz") for name in ("train", "real", "made")]


@pytest.mark.parametrize("draw", [numbers, pictures])
def test_new_things_are_no_copies_and_copies_are_listed(tmp_path, draw, capsys):
    train, real, made = draw(0), draw(1), draw(2)
    paths = saved(tmp_path, train=train, real=real, made=made)
    found = audit.run(*paths, repeats=0, out=str(tmp_path / "out"))
    assert not found["samples"].copying.reasons
    made[40:70] = train[90:120]
    saved(tmp_path, train=train, real=real, made=made)
    found = audit.run(*paths, repeats=0, out=str(tmp_path / "out"))
    assert found["samples"].copying.reasons and not found["samples"].passed
    assert "failed" in capsys.readouterr().out
    suspects = files.read_json(tmp_path / "out" / "suspects.json")["suspects"]
    assert len(suspects) == 20
    assert all(int(x["train"]) == int(x["sample"]) + 50 for x in suspects)
    assert all(x["ratio"] < 1e-2 for x in suspects)
    told = files.read_json(tmp_path / "out" / "audit.json")
    assert told["samples"]["reasons"] == list(found["samples"].reasons)
    assert told["samples"]["verdict"] == "failed"
    assert told["gaussian_values"]["verdict"] == "trivial"
    assert "audit_passed" not in told["gaussian_values"]


def test_classes_and_named_functions_are_feature_spaces(tmp_path):
    x, y = pictures(0), np.arange(N) % 3
    np.savez(tmp_path / "train.npz", x=x, y=y)
    things, labels, *_ = rows.read_rows(tmp_path / "train.npz")
    assert things.shape == (N, 9, 9, 1) and 0 <= things.min() <= things.max() <= 1
    own, options = ["experiments.judging.judge:flat"], {"fewest": N, "seed": 0}
    found = rows.spaces_of(things, labels, own, **options)
    assert list(found) == [
        "pca",
        "classifier",
        "random_conv",
        "experiments.judging.judge:flat",
    ]
    plain = rows.spaces_of(numbers(0), None, [], **options)
    assert list(plain) == ["pca", "network"]
    few = rows.spaces_of(numbers(0), None, [], fewest=20, seed=0)
    assert list(few) == ["pca", "network", "residual"]
    assert [x(numbers(1)).shape[1] for x in few.values()] == [5, 5, 1]
    for name in ("numpy:nothing", "nowhere:x", "numpy"):
        with pytest.raises(ValueError, match=f"space {name}: expected module:func"):
            rows.spaces_of(things, None, [name], **options)


def test_a_folder_of_pictures_and_a_weight_set_are_read(tmp_path):
    for i, picture in enumerate(pictures(0, 5)):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "pictures" / f"{i}.png")
    things, labels, *_ = rows.read_rows(tmp_path / "pictures")
    np.testing.assert_allclose(things[..., 0], pictures(0, 5) / 255)
    weights = {"layer": {"a": numbers(1, 4).reshape(4, 2, 4), "b": numbers(2, 4)}}
    status = [store.DONE, "failed: by hand", store.DONE, store.DONE]
    instances = [
        {"name": str(i), "status": s, "label": i} for i, s in enumerate(status)
    ]
    cost = costs.since(costs.now())
    store.write_shard(tmp_path / "set", store.Shard(0, weights, instances, cost))
    store.finish(tmp_path / "set", {})
    found, labels, _, skipped, _ = rows.read_rows(tmp_path / "set")
    assert labels.tolist() == [0, 2, 3]
    # A sample that is not there might be the copy; a failed fit taught no generator.
    assert skipped == {"1": "failed: by hand"}
    assert rows.read_rows(tmp_path / "set", part="train").skipped == {}
    expected = np.concatenate([numbers(1, 4), numbers(2, 4)], axis=1)[[0, 2, 3]]
    np.testing.assert_array_equal(found, expected)


def test_what_cannot_be_compared_is_refused_by_its_flag(tmp_path):
    paths = saved(tmp_path, train=numbers(0), real=numbers(1)[:, :5], made=numbers(2))
    with pytest.raises(
        ValueError, match=r"--real=.*shape \(8,\).*found \(5,\); --size"
    ):
        audit.run(*paths, repeats=0)
    with pytest.raises(FileNotFoundError, match="nowhere: expected a file or folder"):
        audit.run(paths[0], str(tmp_path / "nowhere"), paths[2])
    bad = numbers(1)
    bad[3, 2] = np.nan
    saved(tmp_path, train=numbers(0), real=bad, made=numbers(2))
    with pytest.raises(
        ValueError, match=r"real\.npz: 1 things cannot be used.* is 3: a number that"
    ):
        audit.run(*paths, repeats=0)


REFUSED = {
    "another unit": (
        {"train": 255 * numbers(0)},
        "expected things of one kind and in one",
    ),
    "seen": ({"real": np.vstack([numbers(1), numbers(0)[7:9]])}, "2 of 302.*--train"),
    "made": ({"made": np.vstack([numbers(2), numbers(1)[:1]])}, "1 of 300.*--samples"),
    "constant": ({"train": np.ones((N, 8))}, "10 different things or more, found 1"),
    "few": ({"made": numbers(2)[:9]}, "10 different things or more, found 9"),
    "complex": ({"made": numbers(2) + 1j}, "should be real numbers, found complex"),
    "text": ({"made": numbers(2).astype(str)}, "should be real numbers, found <U"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_sets_of_which_no_comparison_means_anything_are_refused(tmp_path, case):
    changes, line = REFUSED[case]
    sets = {"train": numbers(0), "real": numbers(1), "made": numbers(2)} | changes
    with pytest.raises(ValueError, match=line):
        audit.run(*saved(tmp_path, **sets), repeats=0)


def test_what_is_in_two_sets_is_found_whatever_the_precision(tmp_path):
    train, real = numbers(0).astype(np.float64) + 1e-9, numbers(1)
    real[:40] = train[:40].astype(np.float32)
    paths = saved(tmp_path, train=train, real=real, made=numbers(2))
    with pytest.raises(ValueError, match=r"--real: 40 of 300 things are in --train"):
        audit.run(*paths, repeats=0)


def test_heavy_tails_are_no_other_unit():
    """One row of a hundred, far out, makes a variance but no median."""
    sets = {"train": numbers(0), "real": numbers(1), "samples": numbers(2)}
    read = {name: rows.Rows(x, None, [], {}) for name, x in sets.items()}
    read["real"].things[::100] *= 1e3
    alike.check_values(read)
    read["real"].things[:] *= 10.0
    with pytest.raises(ValueError, match="in one unit as in --train"):
        alike.check_values(read)


def test_samples_that_are_not_finite_fail_by_name(tmp_path):
    made = numbers(2)
    made[3, 2] = np.nan
    paths = saved(tmp_path, train=numbers(0), real=numbers(1), made=made)
    found = audit.run(*paths, repeats=0)["samples"]
    assert found.verdict == "failed"
    assert found.reasons[-1].endswith("the first is 3: a number that is not finite")


def test_a_weight_set_gives_its_own_part_and_meets_no_other_kind(tmp_path):
    parts = ["train"] * 20 + ["test"] * 15 + ["validation"] * 5
    cost = costs.since(costs.now())
    for name in ("lora", "mlora"):
        instances = [
            {"name": str(i), "status": store.DONE, "part": p}
            for i, p in enumerate(parts)
        ]
        shard = store.Shard(0, {"a": numbers(1, 40)}, instances, cost)
        store.write_shard(tmp_path / name, shard)
        store.finish(tmp_path / name, {"representation": name})
    lora, mlora = str(tmp_path / "lora"), str(tmp_path / "mlora")
    for part, slots in (
        ("train", range(20)),
        ("test", range(20, 35)),
        (None, range(40)),
    ):
        found = rows.read_rows(lora, part=part)
        np.testing.assert_array_equal(found.things, numbers(1, 40)[slots])
        assert found.names == [str(i) for i in slots]
    with pytest.raises(ValueError, match=r"--samples=.*weights of lora.*weights of ml"):
        audit.run(lora, lora, mlora)


def test_samples_that_cannot_be_used_fail_and_suspects_keep_their_names(tmp_path):
    """Copies could hide among what a reader drops."""
    train, real, made = (pictures(seed, 60) / 255 for seed in range(3))
    made[0, 0, 0], made[7] = np.nan, train[3]
    paths = saved(tmp_path, train=train, real=real, made=made)
    found = audit.run(*paths, repeats=0, out=str(tmp_path / "out"))["samples"]
    assert not found.passed
    assert any("1 samples cannot be used" in reason for reason in found.reasons)
    first = files.read_json(tmp_path / "out" / "suspects.json")["suspects"][0]
    assert (first["sample"], first["train"]) == ("7", "3")
    with pytest.raises(ValueError, match="--real=.*1 things cannot be used, the first"):
        audit.run(paths[0], paths[2], paths[1])


def test_a_training_set_that_holds_all_twice_hides_no_copies(tmp_path):
    train, noise = numbers(0), numbers(9)
    made = numbers(2)
    made[:60] = train[:60] + 0.15 * noise[:60]
    once = audit.run(
        *saved(tmp_path, train=train, real=numbers(1), made=made), repeats=0
    )
    twice = np.vstack([train, train])
    again = audit.run(
        *saved(tmp_path, train=twice, real=numbers(1), made=made), repeats=0
    )
    assert once["samples"].copying == again["samples"].copying
    assert once["samples"].copying.single_p < 1e-3


def test_an_offset_makes_no_rows_equal(tmp_path):
    sets = [1e8 + numbers(seed).astype(np.float64) for seed in range(3)]
    paths = saved(tmp_path, **dict(zip(("train", "real", "made"), sets, strict=True)))
    assert audit.run(*paths, repeats=0)["samples"].copying.novelty == pytest.approx(
        1.0, abs=0.2
    )


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (lambda x: x[:, 0], r"shape \(4, F\), found float32 of shape \(4,\)"),
        (lambda x: x[:3], "found float32 of shape .3, 8."),
        (lambda x: np.full_like(x, np.nan), "not all finite"),
        (lambda x: x + 1j, "found complex64"),
        (lambda x: x.nothing, "the function raised AttributeError"),
    ],
)
def test_a_feature_function_that_is_none_is_named(monkeypatch, function, line):
    monkeypatch.setattr(np, "own", function, raising=False)
    space = spaces.imported("numpy:own")
    with pytest.raises(ValueError, match=f"feature space numpy:own.*{line}"):
        space(numbers(0, 4))
