"""Real processes: what a mistake on the command line says."""

import logging
import pathlib
import subprocess
import sys
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from PIL import Image

from configs import digits, images
from experiments.running import environment, launch

ROOT = pathlib.Path(__file__).parents[1]


def _run(binary, *arguments, env=None):
    command = [sys.executable, "-m", f"experiments.{binary}", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=200
    )


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "--config.fit.stepz=3",
            'Did you mean "steps"',
        ),  # Misspelt: the nearest key is named.
        # Ill-typed: what was expected is named.
        ("--config.fit.steps=many", "=many should be a whole number; correct it"),
        # A later --config replaces the first.
        ("--config=configs/images.py:tinny", "variant 'tinny'; choose one of configs/"),
        ("--config=configs/imags.py", "name a recipe, such as configs/"),
    ],
)
def test_a_wrong_override_is_refused(tmp_path, override, expected):
    recipe = "--config=configs/digits.py:tiny"
    done = _run("fit", recipe, f"--workdir={tmp_path / 'run'}", override)
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and override in line
    assert expected in line
    assert not (tmp_path / "run").exists()


def test_a_mistake_ends_with_one_line_and_no_traceback(tmp_path):
    recipe = "--config=configs/images.py:tiny"
    arguments = [f"--workdir={tmp_path / 'run'}", f"--config.data.path={tmp_path}/no"]
    done = _run("train_base", recipe, *arguments)
    assert done.returncode == 1
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    assert f"{tmp_path}/no" in line
    assert "Traceback" not in done.stderr


def test_a_run_folder_may_lie_under_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    done = _run("report", "--config=configs/digits.py:tiny", "--workdir=~/runs/a")
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    assert str(tmp_path / "runs" / "a") in line and "~" not in line
    assert (tmp_path / "runs" / "a").is_dir() and not (ROOT / "~").exists()


@pytest.mark.parametrize("where", ["/site/orbax/checkpoint/a.py", "/x/wsjax/files.py"])
@pytest.mark.parametrize("error", [None, (OSError, OSError("no space"), None)])
def test_only_tracebacks_of_orbax_are_left_out_of_the_log(where, error):
    """The error reaches the user in one line; its threads would add a page."""
    record = logging.LogRecord("absl", logging.ERROR, where, 1, "said", (), error)
    assert launch._ours(record) == ("orbax" not in where or error is None)


def test_own_pictures_go_through_and_a_bad_one_is_recorded(tmp_path, environment):
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for i in range(12):
        pixels = generator.integers(0, 256, (14, 12, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    common = ["--config=configs/images.py:tiny", f"--workdir={tmp_path / 'run'}"]
    common += [f"--config.data.path={folder}"]
    for binary in ("train_base", "fit"):
        done = _run(binary, *common, env=environment)
        assert done.returncode == 0, done.stderr
    assert "n_failed 1" in done.stdout
    manifest = (tmp_path / "run" / "fit" / "gains" / "manifest.json").read_text()
    assert "broken.png" in manifest


@pytest.mark.parametrize("recipe", [digits, images])
def test_an_unknown_variant_is_refused(recipe):
    with pytest.raises(ValueError, match="'huge'"):
        recipe.get_config("huge")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("JAX_NUM_CPU_DEVICES", "abc", "should be a whole number"),
        ("JAX_NUM_CPU_DEVICES", "0", "should be a whole number"),
        ("JAX_ENABLE_X64", "maybe", "should be 0"),
    ],
)
def test_a_wrong_environment_variable_ends_with_one_line(
    monkeypatch, name, value, expected
):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=rf"^error: {name}='{value}' {expected}"):
        environment.check()


def test_a_platform_that_is_not_there_is_named(monkeypatch):
    def devices():
        raise AssertionError

    monkeypatch.setattr(launch.jax, "devices", devices)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(ValueError, match=r"JAX_PLATFORMS='cuda'.*no driver.*=cpu$"):
        launch._devices()


def test_there_is_a_device_for_each_processor_that_the_process_may_use(monkeypatch):
    monkeypatch.delenv("JAX_NUM_CPU_DEVICES", raising=False)
    monkeypatch.setattr(launch.machine, "processors", lambda: 3)
    assert launch._cpu_devices() == 3


@pytest.mark.parametrize(
    ("workdir", "double", "expected"),
    [("", False, "--workdir="), ("runs/x", True, "JAX_ENABLE_X64=1")],
)
def test_an_empty_workdir_and_64_bit_numbers_are_refused(
    monkeypatch, workdir, double, expected
):
    monkeypatch.setattr(launch, "_WORKDIR", SimpleNamespace(value=workdir))
    with jax.enable_x64(double), pytest.raises(ValueError, match=f"^{expected}"):
        launch._check_usage(["binary"])
