"""What is imported before anybody uses it."""

import subprocess
import sys

import pytest

HEAVY = {"sklearn", "skimage", "scipy", "matplotlib"}
SAY = "import sys; print(*{name.split('.')[0] for name in sys.modules})"


@pytest.mark.parametrize(
    ("package", "used"),
    [("metrics", "generation.frechet"), ("analysis", "dimension.two_nn")],
)
def test_a_package_offers_its_modules_without_importing_them(package, used):
    command = f"import wsjax.{package} as package; {SAY}; print(package.{used})"
    made = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, check=True, text=True
    )
    imported, function = made.stdout.splitlines()
    assert not HEAVY & set(imported.split())
    assert used.split(".")[1] in function
