"""The set-up stops with one clear sentence where the book cannot run."""

import platform
import runpy
import sys
from pathlib import Path

import pytest

SET_UP = Path(__file__).resolve().parent.parent / "tools" / "set_up.py"


def test_a_platform_without_tensorflow_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "argv", ["set_up.py", str(tmp_path / ".venv")])
    with pytest.raises(SystemExit, match="TensorFlow has no build for Darwin x86_64"):
        runpy.run_path(str(SET_UP), run_name="__main__")
    assert not list(tmp_path.iterdir())


def test_a_python_out_of_range_is_named(monkeypatch):
    set_up = runpy.run_path(str(SET_UP))
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SystemExit, match="needs Python 3.11, 3.12 or 3.13, and found"):
        set_up["find_python"]()
