"""The audit of rows of numbers: what it lets through whatever their size and unit."""

import jax
import numpy as np
import pytest

from experiments import audit
from experiments.judging import rows, trials, units
from experiments.recipe import ranges
from wsjax import files
from wsjax.analysis import trivial
from wsjax.metrics import audit as audits
from wsjax.metrics import features
from wsjax.metrics.excess import draws

NAMES = ("train", "real", "made")


def saved(folder, sets, **labels):
    for name, x in zip(NAMES, sets, strict=True):
        np.savez(folder / f"{name}.npz", x=x, **labels.get(name, {}))
    return [str(folder / f"{name}.npz") for name in NAMES]


def wide(seed, n=100, width=500):
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def modes(seed, n):
    """Eight modes in 12 dimensions: no Gaussian."""
    centres = 1.5 * np.random.default_rng(99).normal(size=(8, 12))
    generator = np.random.default_rng(seed)
    chosen = centres[generator.integers(0, 8, n)]
    return (chosen + 0.4 * generator.normal(size=(n, 12))).astype(np.float32)


@pytest.mark.parametrize("kind", ["point", "blobs", "wider"])
def test_no_collapse_passes_where_rows_are_few_and_wide(tmp_path, kind):
    """Components of few rows fit these alone: held-out rows look nearer than they."""
    sign = np.sign(wide(5, 2))
    far = {
        "point": 1.5 * sign[0] + 0.01 * wide(2),
        "blobs": 1.5 * sign[np.arange(100) % 2] + 0.1 * wide(2),
        "wider": 3.0 * wide(2),
    }
    sets = wide(0), wide(1), far[kind].astype(np.float32)
    found = audit.run(*saved(tmp_path, sets), repeats=0)["samples"]
    assert found.verdict == "failed"


def test_a_floor_is_not_above_what_new_rows_reach():
    train, out, new, lesson = wide(0), wide(1, 200), wide(2), wide(3)
    count = features.most_features(100)
    space = features.pixel_pca(lesson, components=count)
    found = draws(space(out), space(train), {"new": space(new)}).excess("new")
    assert abs(found.mean()) < 0.3 * found.std()
    seen = features.pixel_pca(train, components=count)
    biased = draws(seen(out), seen(train), {"new": seen(new)}).excess("new")
    assert biased.mean() < -3 * biased.std()


def test_new_rows_lead_no_gaussian_of_training_rows_by_more_than_it_is_farther():
    """Along axes of training rows their Gaussian varies too much, and only there."""
    train, out, new = wide(0), wide(1, 200), wide(2)
    key = jax.random.key(0)
    made = np.asarray(trivial.gaussian_samples(key, train, n=100))
    leads = []
    for lesson in (train[:50], wide(3, 50)):
        space = features.pixel_pca(lesson, components=12)
        sets = {"new": space(new), "gaussian": space(made)}
        leads.append(draws(space(out), space(train), sets).lead("new", "gaussian"))
    assert leads[0].mean() > 5 * abs(leads[1].mean())


def test_what_the_axes_do_not_see_is_seen(tmp_path):
    """Rows on a plane, and samples on it but for a step off it, the same for all."""
    plane = np.linalg.qr(wide(9, 40, 40))[0][:3]
    sets = [wide(seed, 400, 3) @ plane for seed in range(3)]
    found = audit.run(*saved(tmp_path, sets), repeats=0)["samples"]
    assert found.verdict != "failed"
    assert found.quality["residual"].excess.mean == 0  # Rounding is not seen.
    off = np.linalg.qr(np.vstack([plane, wide(8, 1, 40)]).T)[0][:, 3]
    sets[2] = sets[2] + 2.0 * off.astype(np.float32)
    found = audit.run(*saved(tmp_path, sets), repeats=0)["samples"]
    assert found.verdict == "failed"
    assert found.quality["residual"].excess.low > 0


def test_a_column_that_never_varies_but_in_samples_is_seen(tmp_path):
    """Also where there are as many axes as columns, of which some are rounding."""
    sets = [wide(seed, 300, 28) for seed in range(3, 6)]
    for x in sets:
        x[:, 4:] = 0.5
    assert audit.run(*saved(tmp_path, sets), repeats=0)["samples"].verdict != "failed"
    sets[2][:, 4:] += 0.1 * wide(7, 300, 24)
    found = audit.run(*saved(tmp_path, sets), repeats=0)["samples"]
    assert found.verdict == "failed" and found.quality["residual"].excess.low > 0


def test_what_spaces_learn_from_is_no_reference(tmp_path, monkeypatch):
    """Half of the held-out rows, or all that is given for it."""
    sets, seen = [wide(seed, 60, 8) for seed in range(3)], []
    learning, comparing = rows.spaces_of, audits.audit

    def spaces_of(lesson, *rest, **options):
        seen.append(lesson)
        return learning(lesson, *rest, **options)

    def compared(*given, **options):
        seen.append(options["reference"])
        return comparing(*given, **options)

    monkeypatch.setattr(rows, "spaces_of", spaces_of)
    monkeypatch.setattr(audits, "audit", compared)
    paths = saved(tmp_path, sets)
    audit.run(*paths, repeats=0)
    lesson, reference = ({row.tobytes() for row in x} for x in seen)
    assert len(lesson) == len(reference) == 30 and not lesson & reference
    del seen[:]
    more = tmp_path / "more.npz"
    np.savez(more, x=wide(3, 40, 8))
    audit.run(*paths, repeats=0, validation=str(more))
    assert [len(x) for x in seen] == [40, 60]
    np.savez(more, x=sets[0][:40])
    with pytest.raises(ValueError, match="--validation: 40 of 40 .* --train as well"):
        audit.run(*paths, repeats=0, validation=str(more))


def test_features_are_so_few_that_the_smallest_set_tells_of_them(tmp_path):
    """Of twenty samples, five: more would not tell what their covariance is."""
    sets, kept = (wide(0, 300, 60), wide(1, 200, 60), wide(2, 20, 60)), []
    learning = features.pixel_pca

    def pixel_pca(real, *, components):
        kept.append(components)
        return learning(real, components=components)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(features, "pixel_pca", pixel_pca)
        audit.run(*saved(tmp_path, sets), repeats=0)
    assert set(kept) == {5}


def test_a_random_network_tells_modes_from_the_gaussian_of_all(tmp_path):
    """Whose mean and covariance are theirs, so that components cannot."""
    sets = [modes(seed, 1200) for seed in range(3)]
    found = audit.run(*saved(tmp_path, sets), repeats=0)["samples"]
    leads = {name: x.leads["gaussian_values"] for name, x in found.quality.items()}
    assert leads["pca"].low < 0 < leads["network"].low
    assert found.verdict in ("passed", "undecided")
    assert not any("gaussian_values" in reason for reason in found.reasons)


def test_what_a_gaussian_is_as_good_as_is_undecided(tmp_path, capsys):
    sets = [wide(seed, 300, 8) for seed in range(3)]
    found = audit.run(*saved(tmp_path, sets), repeats=2)["samples"]
    assert found.verdict == "undecided"
    assert all("no better than" in reason for reason in found.reasons)
    told = capsys.readouterr().out
    assert "samples: undecided:" in told and "150 of --train" in told


@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e150])
def test_no_unit_and_no_offset_hides_what_is_bad(tmp_path, offset, scale):
    sign = np.array([1, -1] * 4)
    sets = [wide(seed, 60, 8).astype(float) for seed in range(3)]
    sets[2] = 1.8 * sign + 0.3 * sets[2]
    moved = [scale * (offset + x) for x in sets]
    found = audit.run(*saved(tmp_path, moved), repeats=0)["samples"]
    assert found.verdict == "failed"


def test_named_functions_meet_rows_as_they_were():
    sets = {name: 1e6 + 3 * wide(i, 20, 4) for i, name in enumerate(NAMES)}
    read = {
        name: rows.Rows(x, None, [str(i) for i in range(20)], {})
        for name, x in zip(("train", "real", "samples"), sets.values(), strict=True)
    }
    moved, restored = units.common(read, {name: name for name in read})
    assert np.abs(moved["train"].things).max() == pytest.approx(1.0)
    back = restored(moved["real"].things)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, sets["real"], rtol=1e-6)
    read["samples"].things[3, 0] = 1e30
    with pytest.raises(ValueError, match="--samples=samples: row 3 lies more than"):
        units.common(read, {name: name for name in read})


def test_suspects_are_found_among_training_rows_that_are_there_twice(tmp_path):
    train, made = wide(0, 60, 8), wide(2, 60, 8)
    made[48:] = train[:12]
    sets = np.vstack([train, train[:12]]), wide(1, 60, 8), made
    audit.run(*saved(tmp_path, sets), repeats=0, out=str(tmp_path / "out"))
    suspects = files.read_json(tmp_path / "out" / "suspects.json")["suspects"]
    pairs = {(int(x["sample"]), int(x["train"])) for x in suspects[:12]}
    assert pairs == {(48 + i, i) for i in range(12)}


def test_the_control_counts_every_repeat():
    held, lesson = wide(1, 60, 6), wide(3, 50, 6)
    asked = []

    def spaces(fewest):
        asked.append(fewest)
        return {"pca": features.pixel_pca(lesson, components=4)}

    sets = trials.Sets(wide(0, 80, 6), held, held, spaces)
    most = ranges.MOST_SEED  # No repeat has a seed beyond it.
    found = trials.control(sets, n=500, repeats=3, seed=most)
    assert asked == [40, 40, 40]
    kinds = [found[f"control_{kind}"] for kind in ("passed", "failed", "undecided")]
    assert sum(kinds) == pytest.approx(1) and found["control_n"] == 40
    assert trials.control(sets, n=500, repeats=0, seed=0) == {}


@pytest.mark.parametrize(("n", "standing"), [(10, 5), (11, 5), (16, 8)])
def test_few_training_things_have_a_small_control(tmp_path, n, standing):
    sets = wide(0, n, 6), wide(1, 12, 6), wide(2, 12, 6)
    audit.run(*saved(tmp_path, sets), repeats=1, out=str(tmp_path / "out"))
    found = files.read_json(tmp_path / "out" / "audit.json")["samples"]
    assert found.get("control_n") == standing


@pytest.mark.parametrize(
    ("labels", "line"),
    [(np.linspace(0, 1, 60), "y should have classes"), (np.zeros(3, int), "one class")],
)
def test_labels_that_are_no_classes_are_refused(tmp_path, labels, line):
    sets = [wide(seed, 60, 8) for seed in range(3)]
    paths = saved(tmp_path, sets, train={"y": labels})
    with pytest.raises(ValueError, match=f"train.npz: .*{line}"):
        audit.run(*paths, repeats=0)


def test_files_that_are_no_npz_and_outputs_that_are_no_folder_are_named(tmp_path):
    sets = [wide(seed, 60, 8) for seed in range(3)]
    paths = saved(tmp_path, sets)
    taken = tmp_path / "taken"
    taken.write_text("")
    with pytest.raises(NotADirectoryError, match=r"--out=.*taken: expected a folder"):
        audit.run(*paths, repeats=0, out=str(taken))
    with pytest.raises(NotADirectoryError, match=r"--out=.*taken/x: expected a fold"):
        audit.run("nowhere", "", "", out=str(taken / "x"))  # Before all else.
    with pytest.raises(ValueError, match=r"--seed=4294967296: expected a whole"):
        audit.run(*paths, repeats=0, seed=2**32)
    for content in (b"", b"\x93NUMPY rest"):
        (tmp_path / "real.npz").write_bytes(content)
        with pytest.raises((OSError, ValueError), match="real"):
            audit.run(*paths, repeats=0)
