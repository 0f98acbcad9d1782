"""The package as `pip install .` gives it: whole, and without TensorFlow."""

import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
WITHOUT_TENSORFLOW = """
import importlib, pkgutil, sys
sys.modules |= dict.fromkeys(("keras", "tensorflow"))  # as if they were not installed
import mlleaks_helpers
print(mlleaks_helpers.__file__)
for module in pkgutil.walk_packages(mlleaks_helpers.__path__, "mlleaks_helpers."):
    if not module.name.startswith("mlleaks_helpers.models"):
        importlib.import_module(module.name)
from mlleaks_helpers.claimed import CLAIMS
from mlleaks_helpers.recorded import recorded
print(len(recorded("location").target), len(CLAIMS))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The folder into which the wheel was unpacked; no checkout is beside it.

    It is built from a copy: setuptools leaves a folder `build`, and packs what an earlier one held.
    """
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(REPOSITORY / "mlleaks_helpers", folder / "source/mlleaks_helpers",
                    ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, folder / "source")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
                    "--no-build-isolation", "--no-index", "--wheel-dir", folder,
                    folder / "source"], check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "installed")
    return folder / "installed"


def test_it_brings_the_recordings_and_needs_no_tensorflow(wheel, tmp_path):
    found = subprocess.run([sys.executable, "-c", WITHOUT_TENSORFLOW], cwd=tmp_path, text=True,
                           capture_output=True, env=os.environ | {"PYTHONPATH": str(wheel)})
    assert found.returncode == 0, found.stderr
    file, records, claims = found.stdout.split()
    assert str(wheel) in file and int(records) == 2_504 and int(claims) >= 40


def test_every_file_of_the_package_is_in_it(wheel):
    here = {path.relative_to(REPOSITORY) for path in (REPOSITORY / "mlleaks_helpers").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}
    there = {path.relative_to(wheel) for path in (wheel / "mlleaks_helpers").rglob("*")
             if path.is_file()}
    assert there == here


def test_no_hidden_check_is_in_it(wheel):
    assert not list(wheel.rglob("course*")) and not list(wheel.rglob("checks.py"))


def test_tensorflow_comes_with_the_extra_only(wheel):
    metadata = next(wheel.glob("*.dist-info/METADATA")).read_text(encoding="utf-8")
    needed = Parser().parsestr(metadata).get_all("Requires-Dist")
    optional = {line for line in needed if 'extra == "keras"' in line.replace("'", '"')}
    assert {line for line in needed if line.startswith(("tensorflow", "keras"))} == optional
    assert len(optional) == 3
