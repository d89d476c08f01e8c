"""A study repeats a recipe for its seeds, and sums up what every run wrote."""

import pytest

from configs import digits
from experiments import generation, pipeline, reconstruction, study
from wsjax import files


@pytest.fixture
def made_up(monkeypatch):
    """Stages that take no time; each run is better than the seed before."""
    calls = []

    def stage(name):
        def run(config, workdir, **options):
            calls.append((name, config.seed, workdir, options))
            metrics = {"psnr_db_test_mean": 30.0 + config.seed}
            path = f"{workdir}/fit/lora/metrics.json"
            files.write_json(path, metrics)

        return run

    for module in (pipeline, generation, reconstruction):
        name = module.__name__.split(".")[1]
        monkeypatch.setattr(module, "run", stage(name))
    monkeypatch.setattr(generation, "rows", lambda: ["ours"])
    return calls


def test_every_seed_has_a_folder_and_all_are_summed_up(made_up, tmp_path):
    config = digits.get_config("tiny")
    also = ("generation", "reconstruction")
    found = study.run(config, str(tmp_path), seeds=[0, 2, 4], also=also)
    assert [call[:2] for call in made_up] == [
        (name, seed)
        for seed in (0, 2, 4)
        for name in ("pipeline", "reconstruction", "generation")
    ]
    for name, seed, workdir, options in made_up:
        assert workdir == str(tmp_path / f"seed-{seed}")
        first = "" if seed == 0 else str(tmp_path / "seed-0")
        own = {"generation": {"names": ["ours"]}, "reconstruction": {"like": first}}
        assert options == own.get(name, {})
    entry = found["rows"]["fit"]["lora"]["psnr_db_test_mean"]
    assert entry["mean"] == 32.0 and entry["seeds"] == [0, 2, 4]
    kept = files.read_json(tmp_path / "study" / "metrics.json", keys=("rows",))
    assert kept["rows"]["fit"]["lora"]["psnr_db_test_mean"] == entry
    assert config.seed == digits.get_config("tiny").seed


def test_a_longer_list_of_seeds_adds_to_the_study(made_up, tmp_path, monkeypatch):
    config = digits.get_config("tiny")
    monkeypatch.setattr(generation, "rows", lambda: [])
    study.run(config, str(tmp_path), seeds=[0])
    assert {call[0] for call in made_up} == {"pipeline"}
    found = study.run(config, str(tmp_path), seeds=[0, 1])
    assert found["rows"]["fit"]["lora"]["psnr_db_test_mean"]["values"] == [30.0, 31.0]


@pytest.mark.parametrize(
    ("seeds", "also", "line"),
    [
        ([], (), "expected different whole numbers"),
        ([1, 1], (), r"--seeds=\[1, 1\]: expected different"),
        ([1], ("tuning",), "--also=tuning: expected generation, reconstruction"),
    ],
)
def test_mistakes_are_refused_before_anything_runs(
    made_up, tmp_path, seeds, also, line
):
    with pytest.raises(ValueError, match=line):
        study.run(digits.get_config("tiny"), str(tmp_path), seeds=seeds, also=also)
    assert not made_up


@pytest.mark.parametrize(
    ("rows", "also", "line"),
    [
        (["ours"], (), "--rows=ours needs --also=generation"),
        (["ours", "typo"], ("generation",), "generator='typo'; choose one of"),
    ],
)
def test_generators_are_checked_before_hours_of_work(
    made_up, tmp_path, monkeypatch, rows, also, line
):
    monkeypatch.setattr(generation, "rows", lambda: rows)
    with pytest.raises(ValueError, match=line):
        study.run(digits.get_config("tiny"), str(tmp_path), seeds=[0], also=also)
    assert not made_up


def test_seeds_are_whole_numbers():
    assert study._whole(" 3") == 3
    with pytest.raises(ValueError, match="--seeds=x: expected whole numbers"):
        study._whole("x")
