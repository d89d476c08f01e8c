"""A fit that is killed, or that runs out of space, loses nothing."""

import resource
import time

from tests import kills, runs

MOMENTS = (("start-up", 0.8), ("write", 0.4), ("end", 0.1))


def test_killed_fits_end_like_an_unbroken_one(unbroken, environment):
    times = kills.Times(begin=4.0, shards=2.0, end=1.0)  # Guesses will do here.
    places, found = kills.trials(unbroken.parent, environment, times, MOMENTS, 3)
    assert not found
    assert places.total() == 3


def until(process, count, folder):
    """Waits until a fit has written so many shards."""
    while kills.shards(folder) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)


def test_a_full_disk_stops_a_fit_with_one_line_and_loses_nothing(
    tmp_path, unbroken, environment
):
    folder = runs.with_base(tmp_path)
    process = runs.start("fit", folder, environment, *kills.FLAGS)
    until(process, 3, folder)
    # From now on every file larger than this fails, as on a disk without space.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (512, 512))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in output
    (line,) = [x for x in output.splitlines() if x.startswith("error: ")]
    assert f"{folder / 'fit' / runs.NAME}/weights_" in line
    assert "cannot be written: File too large; free space" in line
    assert "run the command again; what was finished is kept" in line
    assert not runs.leftovers(folder)
    paths = sorted((folder / "fit" / runs.NAME).glob("weights_*.safetensors"))
    assert len(paths) >= 3
    times = [path.stat().st_mtime_ns for path in paths]
    runs.finish("fit", folder, environment, *kills.FLAGS)
    assert not runs.differences(folder, unbroken)
    assert [path.stat().st_mtime_ns for path in paths] == times  # Kept as they were.
