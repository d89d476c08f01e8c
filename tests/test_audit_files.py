"""The audit of files: whatever they hold, what was copied is named."""

import numpy as np
import pytest
from PIL import Image

from experiments import audit
from experiments.judging import rows
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
    found = audit.run(*paths, out=str(tmp_path / "out"))
    assert not found["samples"].copying.reasons
    made[40:70] = train[90:120]
    saved(tmp_path, train=train, real=real, made=made)
    found = audit.run(*paths, out=str(tmp_path / "out"))
    assert found["samples"].copying.reasons and not found["samples"].passed
    assert "failed" in capsys.readouterr().out
    suspects = files.read_json(tmp_path / "out" / "suspects.json")["suspects"]
    assert len(suspects) == 20
    assert all(x["train"] == x["sample"] + 50 and x["ratio"] < 1e-2 for x in suspects)
    told = files.read_json(tmp_path / "out" / "audit.json")
    assert told["samples"]["reasons"] == list(found["samples"].reasons)
    assert told["gaussian_values"]["audit_passed"] == 0.0


def test_classes_and_named_functions_are_feature_spaces(tmp_path):
    x, y = pictures(0), np.arange(N) % 3
    np.savez(tmp_path / "train.npz", x=x, y=y)
    things, labels = rows.read_rows(tmp_path / "train.npz")
    assert things.shape == (N, 9, 9, 1) and 0 <= things.min() <= things.max() <= 1
    found = rows.spaces_of(things, labels, ["numpy:squeeze"], seed=0)
    assert list(found) == ["pca", "classifier", "random_conv", "numpy:squeeze"]
    plain = rows.spaces_of(numbers(0), None, [], seed=0)
    assert list(plain) == ["pca"]
    for name in ("numpy:nothing", "nowhere:x", "numpy"):
        with pytest.raises(ValueError, match=f"space {name}: expected module:func"):
            rows.spaces_of(things, None, [name], seed=0)


def test_a_folder_of_pictures_and_a_weight_set_are_read(tmp_path):
    for i, picture in enumerate(pictures(0, 5)):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "pictures" / f"{i}.png")
    things, labels = rows.read_rows(tmp_path / "pictures")
    np.testing.assert_allclose(things[..., 0], pictures(0, 5) / 255)
    weights = {"layer": {"a": numbers(1, 4).reshape(4, 2, 4), "b": numbers(2, 4)}}
    status = [store.DONE, "failed: by hand", store.DONE, store.DONE]
    instances = [
        {"name": str(i), "status": s, "label": i} for i, s in enumerate(status)
    ]
    cost = costs.since(costs.now())
    store.write_shard(tmp_path / "set", store.Shard(0, weights, instances, cost))
    store.finish(tmp_path / "set", {})
    found, labels = rows.read_rows(tmp_path / "set")
    assert labels.tolist() == [0, 2, 3]
    expected = np.concatenate([numbers(1, 4), numbers(2, 4)], axis=1)[[0, 2, 3]]
    np.testing.assert_array_equal(found, expected)


def test_what_cannot_be_compared_is_refused_by_its_flag(tmp_path):
    paths = saved(tmp_path, train=numbers(0), real=numbers(1)[:, :5], made=numbers(2))
    with pytest.raises(
        ValueError, match=r"--real=.*shape \(8,\).*found \(5,\); use --s"
    ):
        audit.run(*paths)
    with pytest.raises(FileNotFoundError, match="nowhere: expected a file or folder"):
        audit.run(paths[0], str(tmp_path / "nowhere"), paths[2])
    bad = numbers(1)
    bad[3, 2] = np.nan
    saved(tmp_path, train=numbers(0), real=bad, made=numbers(2))
    with pytest.raises(
        ValueError, match=r"real\.npz: x holds numbers that are not fin"
    ):
        audit.run(*paths)
