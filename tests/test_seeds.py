"""A study repeats a recipe for its seeds, and sums up what every run wrote."""

import pathlib

import pytest

from configs import digits
from experiments import generation, pipeline, reconstruction, study
from experiments.running import binding
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


@pytest.mark.parametrize("text", ["x", "²", "٣", "-1", "1.5", "", "1_0", "9" * 5000])
def test_seeds_are_whole_numbers(text):
    assert study._whole(" 3") == 3 and study._whole("007") == 7
    line = f"--seeds={text}: expected whole numbers from 0 to 4294967295"
    with pytest.raises(ValueError, match=line):
        study._whole(text)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_no_recipe_may_have_is_refused_before_any(made_up, tmp_path, seed):
    with pytest.raises(ValueError, match=f"--seeds={seed}: expected whole numbers f"):
        study.run(digits.get_config("tiny"), str(tmp_path), seeds=[0, seed])
    assert not made_up


def failing(monkeypatch, module, *seeds):
    """Makes a stage fail for some seeds, after it has written its metrics."""
    whole = module.run

    def run(config, workdir, **options):
        whole(config, workdir, **options)
        if config.seed in seeds:
            raise ValueError(f"no luck with {config.seed}")

    monkeypatch.setattr(module, "run", run)


def test_a_seed_that_fails_stops_no_other_and_is_in_no_mean(
    made_up, tmp_path, monkeypatch
):
    failing(monkeypatch, pipeline, 0, 2)
    config, also = digits.get_config("tiny"), ("generation",)
    line = r"seeds failed, .*: 2: no luck with 2; 0: no luck with 0$"
    with pytest.raises(ValueError, match=line):
        study.run(config, str(tmp_path), seeds=[2, 1, 0, 3], also=also)
    assert [call[1] for call in made_up if call[0] == "generation"] == [1, 3]
    kept = files.read_json(tmp_path / "study" / "metrics.json")
    assert kept["seeds"] == [1, 3]
    assert kept["failed"] == {"2": "no luck with 2", "0": "no luck with 0"}
    entry = kept["rows"]["fit"]["lora"]["psnr_db_test_mean"]
    assert entry["values"] == [31.0, 33.0]


def test_a_study_of_a_seed_that_fails_leaves_the_rest_of_the_seed(
    made_up, tmp_path, monkeypatch
):
    failing(monkeypatch, reconstruction, 0)
    config, also = digits.get_config("tiny"), ("generation", "reconstruction")
    line = "seeds failed, .*: 0: reconstruction: no luck with 0$"
    with pytest.raises(ValueError, match=line):
        study.run(config, str(tmp_path), seeds=[0, 1], also=also)
    assert [x[1] for x in made_up if x[0] == "generation"] == [0, 1]
    kept = files.read_json(tmp_path / "study" / "metrics.json")
    assert kept["seeds"] == [0, 1] and set(kept["failed"]) == {"0"}


def test_nothing_is_summed_up_if_no_seed_is_finished(made_up, tmp_path, monkeypatch):
    config = digits.get_config("tiny")
    monkeypatch.setattr(generation, "rows", lambda: [])
    study.run(config, str(tmp_path), seeds=[0])
    before = files.read_json(tmp_path / "study" / "metrics.json")
    failing(monkeypatch, pipeline, 0)
    with pytest.raises(ValueError, match="these seeds failed, .*: 0: no luck with 0"):
        study.run(config, str(tmp_path), seeds=[0])
    assert files.read_json(tmp_path / "study" / "metrics.json") == before


@pytest.fixture
def bound(made_up, monkeypatch):
    """Reconstructions that bind their folders as the real ones do."""

    def run(config, workdir, *, like=""):
        folder = pathlib.Path(workdir) / "reconstruction" / "lora"
        binding.bind(folder, {"like": pathlib.Path(like).name})
        if not like:
            files.write_json(folder / "chosen.json", {})
        elif not (pathlib.Path(like) / "reconstruction/lora/chosen.json").exists():
            raise FileNotFoundError("no trials")
        made_up.append(("reconstruction", config.seed, like))

    monkeypatch.setattr(reconstruction, "run", run)
    monkeypatch.setattr(generation, "rows", lambda: [])
    return made_up


@pytest.mark.parametrize(
    ("first", "later"),
    [([0, 1], [1, 0]), ([0, 1], [1]), ([0, 1], [2, 0, 1]), ([0, 1], [2])]
    + [([3, 0], [0, 3]), ([3, 0], [0, 1, 2])],
)
def test_a_study_keeps_the_seed_that_chose_whatever_the_order(
    bound, tmp_path, first, later
):
    config, also = digits.get_config("tiny"), ("reconstruction",)
    for seeds in (first, later):
        study.run(config, str(tmp_path), seeds=seeds, also=also)
    chose = str(tmp_path / f"seed-{first[0]}")
    judged = [call[1:] for call in bound if call[0] == "reconstruction"]
    for seed, like in judged:
        assert like == ("" if seed == first[0] else chose)
    assert {seed for seed, _ in judged} == {*first, *later}


def test_the_seed_that_was_stopped_while_it_chose_goes_on_first(bound, tmp_path):
    folder = tmp_path / "seed-1" / "reconstruction" / "lora"
    binding.bind(folder, {"like": ""})
    config, also = digits.get_config("tiny"), ("reconstruction",)
    found = study.run(config, str(tmp_path), seeds=[0, 1], also=also)
    judged = [call[1:] for call in bound if call[0] == "reconstruction"]
    assert judged == [(1, ""), (0, str(tmp_path / "seed-1"))]
    assert found["seeds"] == [0, 1]


def test_a_seed_that_failed_before_it_chose_is_no_reference(
    bound, tmp_path, monkeypatch
):
    whole = pipeline.run
    failing(monkeypatch, pipeline, 0)
    config, also = digits.get_config("tiny"), ("reconstruction",)
    with pytest.raises(ValueError, match="0: no luck with 0"):
        study.run(config, str(tmp_path), seeds=[0, 1, 2], also=also)
    monkeypatch.setattr(pipeline, "run", whole)
    study.run(config, str(tmp_path), seeds=[0, 1, 2], also=also)
    likes = {x[1]: x[2] for x in bound if x[0] == "reconstruction"}
    chose = str(tmp_path / "seed-1")
    assert likes == {0: chose, 1: "", 2: chose}
