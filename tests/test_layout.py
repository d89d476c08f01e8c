"""How fits lie on a machine, and what they show while they run."""

import struct

import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event

from experiments.fitting import engine, layout
from experiments.running.progress import Progress, table
from tests import runs
from wsjax import files, store


@pytest.fixture(scope="module")
def problem():
    return runs.untrained()


def test_the_recipe_may_name_the_layout_and_it_stays(problem, tmp_path):
    options, form, data = problem
    told = options._replace(chunk=3, precision="bfloat16")
    first = layout.choose(told, tmp_path, form, data)
    assert first == engine.Layout(3, "bfloat16")
    again = layout.choose(options._replace(chunk=2), tmp_path, form, data)
    assert again == first == engine.Layout(**files.read_json(tmp_path / "layout.json"))


def test_the_fastest_chunk_is_taken(problem, tmp_path, monkeypatch):
    options, form, data = problem
    speeds = {2: 1.0, 4: 3.0, 8: 2.0}
    monkeypatch.setattr(layout, "_speed", lambda *args: speeds[args[-1].chunk])
    found = layout.choose(options._replace(chunk=0), tmp_path, form, data)
    assert found == engine.Layout(4, "float32")


def test_a_chunk_is_chosen_by_fitting(problem, tmp_path, monkeypatch):
    options, form, data = problem
    monkeypatch.setattr(layout, "_CHUNKS", {"cpu": (1, 2)})
    monkeypatch.setattr(layout, "_SECONDS", 0.0)
    found = layout.choose(options._replace(chunk=0), tmp_path, form, data)
    assert found.chunk in (1, 2)


@pytest.mark.parametrize("allowed, wanted", [(50.0, "bfloat16"), (-50.0, "float32")])
def test_lower_precision_is_taken_if_it_costs_little(
    problem, monkeypatch, allowed, wanted
):
    monkeypatch.setattr(layout, "_LOSS", allowed)
    assert layout._guarded(*problem) == wanted


def test_lower_precision_is_really_lower(problem):
    """And the chunk is not: it moves the last bits at most."""
    options, form, data = problem
    shared = layout._shared(options, form, data)
    arguments = shared, data.domain.read(np.arange(8)), np.ones(8, np.float32)

    def quality(*spread):
        many = engine.lifted(options, form, data, engine.Layout(*spread))
        return many(*arguments)[1]

    exact, other, low = quality(2), quality(1), quality(2, "bfloat16")
    np.testing.assert_allclose(other, exact, atol=1e-3)
    assert 1e-3 < np.abs(low - exact).max() < 1.0


def events(folder):
    """Every scalar of the folder's event file, `{name: {step: value}}`."""
    (path,) = folder.glob("events.*")
    data, found = path.read_bytes(), {}
    while data:
        # Each record: its length, a checksum of that, the event, its checksum.
        (length,) = struct.unpack("<Q", data[:8])
        event = Event.FromString(data[12 : 12 + length])
        for value in event.summary.value:
            found.setdefault(value.tag, {})[event.step] = value.simple_value
        data = data[16 + length :]
    return found


def instance(psnr_db, status=store.DONE, rate=1.0):
    return {"psnr_db": psnr_db, "status": status, "rate": rate}


def test_tensorboard_reads_speed_quality_and_failures(tmp_path, capsys):
    with Progress(tmp_path, "mlora", 7) as progress:
        progress.kept([instance(10.0), instance(None, "failed: diverged")])
        progress.fitted([instance(20.0), instance(30.0)])
        progress.fitted([instance(None, "failed: diverged")])
    found = events(tmp_path)
    assert found["psnr_db"] == {4: 25.0}
    assert found["failed"] == {4: 1.0, 5: 2.0}
    assert set(found["fields_per_second"]) == {4, 5}
    assert min(found["fields_per_second"].values()) > 0
    shown = capsys.readouterr().err
    assert "fit mlora" in shown and "failed=2" in shown and "psnr_db=20.00" in shown


def test_the_table_counts_every_instance_once():
    instances = [instance(30.0), instance(20.0), instance(24.0, rate=0.3)]
    instances += [instance(9.0, "below floor: 9 dB"), instance(None, "failed: x")]
    rows = [line.split() for line in table(instances, {"a.png": "torn"}).splitlines()]
    found = {" ".join(row[:-2]): tuple(row[-2:]) for row in rows[1:]}
    assert found == {
        "done": ("2", "25.00"),
        "done, after a lower learning rate": ("1", "24.00"),
        "below floor": ("1", "9.00"),
        "failed": ("1", "-"),
        "unreadable": ("1", "-"),
    }
