"""The plan of a tiny recipe: what it measures, chooses, binds and refuses."""

import json
import shutil

import pytest

from configs import digits
from experiments import fit, plan, sweep, train_base
from experiments.fitting import front
from experiments.recipe import dataset, opening
from experiments.recipe.planned import planned
from experiments.recipe.trial import with_trial
from tests import runs, waves
from wsjax import files

NAMES = ("gains", "mlora_asym", "mlp")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return waves.write(tmp_path_factory.mktemp("data") / "waves.npz")


@pytest.fixture(scope="module")
def recipe(path):
    def get():
        config = waves.recipe(path)
        config.plan.choose_from = ("mlora_asym",)
        return config

    return get


@pytest.fixture(scope="module")
def read():
    """Parts of the instances that were read, by a listener in the data set."""
    return set()


@pytest.fixture(scope="module")
def study(tmp_path_factory, recipe, read):
    """A run folder whose plan is made."""
    load = dataset.load

    def listened(config):
        data = load(config)

        def hears(function):
            def wrapped(rows, *rest):
                read.update(map(data.part_of, rows))
                return function(rows, *rest)

            return wrapped

        domain = data.domain
        domain = domain._replace(
            read=hears(domain.read), train_on=hears(domain.train_on)
        )
        return data._replace(domain=domain)

    folder = tmp_path_factory.mktemp("runs") / "planned"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(opening.dataset, "load", listened)
        return runs.through(folder, recipe(), plan)


@pytest.fixture
def copy(study, tmp_path):
    return shutil.copytree(study, tmp_path / "copy")


def lines(folder, name):
    return files.read_lines(folder / "plan" / name / "trials.jsonl")


def test_the_test_part_is_not_read(study, read):
    assert read == {"train", "validation"}


def test_every_setting_is_measured_and_counted(study, recipe):
    for name in NAMES:
        (line,) = lines(study, name)
        assert line["n"] == recipe().plan.n
        assert line["bytes_per_field"] > 4 * line["numbers_per_field"]
        assert line["cpu_seconds_per_field"] > 0
    sizes = [lines(study, name)[0]["numbers_per_field"] for name in NAMES[::2]]
    whole = 4 * 6 + 6 + 6 * 1 + 1  # Kernel and bias of two layers.
    assert sizes == [16, whole]


def test_the_choice_is_of_those_that_a_generator_can_learn(study, recipe):
    config = recipe()
    chosen = files.read_json(study / "plan" / "chosen.json")
    best = files.read_lines(study / "plan" / "front.jsonl")
    assert chosen["name"] == "mlora_asym" and chosen["kept"]
    assert {x["name"] for x in best} <= set(NAMES) and best
    own = with_trial(config, chosen["name"], chosen["trial"])
    own.plan.first = False
    assert chosen["recipe"] == json.loads(own.to_json())
    assert own.adapter.mlora_asym.rank == 1 != config.adapter.mlora_asym.rank
    metrics = files.read_json(study / "plan" / "metrics.json")
    (line,) = lines(study, "mlora_asym")
    assert metrics["psnr_db_mean"] == line["psnr_db_mean"]


def test_binaries_go_on_with_the_recipe_that_was_chosen(copy, recipe):
    """With the same flags, on the base of the plan."""
    config = planned(recipe(), str(copy))
    assert planned(config, str(copy)) is config
    base = copy / "base" / "train.jsonl"
    assert base.read_bytes() == (copy / "plan" / "base" / "train.jsonl").read_bytes()
    before = base.stat().st_mtime_ns
    train_base.run(config, str(copy))
    assert base.stat().st_mtime_ns == before
    metrics = fit.run(config, str(copy), limit=16)
    (line,) = lines(copy, "mlora_asym")
    assert metrics["numbers_per_field"] == line["numbers_per_field"]
    assert metrics["n_fitted"] == 16


def test_a_changed_recipe_is_refused_and_so_is_the_one_that_was_given(copy, recipe):
    with pytest.raises(ValueError, match=r"adapter\.mlora_asym\.rank: 1 -> 2"):
        fit.run(recipe(), str(copy))
    config = recipe()
    config.fit.b1 = 0.8
    for use in (planned, plan.run):
        with pytest.raises(ValueError, match=r"plan was made .* fit\.b1: 0\.7 -> 0\.8"):
            use(config, str(copy))


def test_another_choice_is_refused_once_the_run_has_begun(copy, recipe, monkeypatch):
    config, line = recipe(), lines(copy, "mlora_asym")[0]
    monkeypatch.setattr(sweep, "tried", lambda *args: {**line, "trial": args[4]})
    config.plan.variants.mlora_asym = [{"learning_rate": (0.01,), "steps": 2}]
    with pytest.raises(ValueError, match=r"adapter\.mlora_asym\.rank: 1 -> 2"):
        plan.run(config, str(copy))


def test_what_is_measured_is_kept(copy, recipe, monkeypatch):
    monkeypatch.setattr(sweep, "tried", None)
    before = (copy / "plan" / "front.jsonl").read_bytes()
    plan.run(recipe(), str(copy))
    assert (copy / "plan" / "front.jsonl").read_bytes() == before


def test_a_check_is_of_instances_that_the_plan_has_not_seen(copy, recipe, monkeypatch):
    calls, config = [], recipe()
    data = dataset.load(config)

    def tried(own, root, data, name, trial, rows):
        calls.append((name, set(map(data.part_of, rows)), set(map(int, rows))))
        line = lines(copy, name)[0]
        return {**line, "psnr_db_mean": line["psnr_db_mean"] - 0.25}

    monkeypatch.setattr(sweep, "tried", tried)
    plan.run(config, str(copy), again=("validation", "test"))
    best = files.read_lines(copy / "plan" / "front.jsonl")
    seen = set(map(int, plan.few(data, data.rows("validation"), config.plan.n)))
    parts = [parts for _, parts, _ in calls]
    assert parts[: len(best)] == [{"validation"}] * len(best)
    assert parts[len(best) :] and all(some == {"test"} for some in parts[len(best) :])
    assert not any(rows & seen for *_, rows in calls)
    found = files.read_json(copy / "plan" / "check.json")
    for part in ("validation", "test"):
        assert found[part]["largest_difference"] == pytest.approx(0.25)
        assert len(found[part]["rows"]) == len(best)
    for name in config.plan.variants:
        line = max(lines(copy, name), key=lambda x: x["psnr_db_mean"])
        curve = files.read_json(copy / "plan" / name / "metrics.json")
        key = f"psnr_db_{front.about(line)}"
        assert curve[key] == pytest.approx(line["psnr_db_mean"] - 0.25)
        spent = curve[key.replace("psnr_db", "base_cpu_seconds")]
        assert (spent == 0.0) == (name == "mlp")  # Whole fields have no base.
    calls.clear()
    plan.run(config, str(copy), again=("validation",))
    assert not calls


def test_few_instances_are_of_all_classes(recipe):
    data = dataset.load(recipe())
    rows = plan.few(data, data.rows("train"), 4)
    assert len(rows) == 4 and set(data.labels[rows]) == {0, 1}


@pytest.mark.parametrize(
    ("trial", "expected"),
    [
        ({"step": 3}, "changes 'step', which is no key of the recipe's fit"),
        ({"adapter": {"rnk": 3}}, "has an option that it does not take: .*'rnk'"),
        ({"adapter": {"rank": 0}}, r"adapter\.mlora_asym\.rank=0: expected 1 or more"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_before_anything(
    recipe, tmp_path, trial, expected
):
    config = recipe()
    config.plan.variants.mlora_asym = [{"learning_rate": (0.1,), **trial}]
    with pytest.raises(ValueError, match=expected):
        plan.run(config, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_plan_without_a_representation_to_choose_is_refused(recipe, tmp_path):
    config = recipe()
    config.plan.choose_from = ("lora",)
    with pytest.raises(ValueError, match=r"choose_from=\('lora',\): expected .*'mlp'"):
        plan.run(config, str(tmp_path))


def test_a_recipe_without_a_plan_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no section plan; add .*configs/images\.py"):
        plan.run(digits.get_config("tiny"), str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
