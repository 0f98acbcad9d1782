"""The set-up: one clear sentence where the book cannot run, and whole however often cut off."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tools import set_up


class Killed(BaseException):
    pass


def test_a_platform_without_tensorflow_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(SystemExit, match="TensorFlow has no build for Darwin x86_64"):
        set_up.main(tmp_path / ".venv")
    assert not list(tmp_path.iterdir())


def test_a_python_out_of_range_is_named(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SystemExit, match="needs Python 3.11, 3.12 or 3.13, and found"):
        set_up.find_python()


@pytest.mark.parametrize("suits, found", [
    ({sys.executable, "python3.12"}, sys.executable), ({"python3.12", "python3.11"}, "python3.12"),
    ({"python3.13", "python3.12"}, "python3.13"), ({"python3.11"}, "python3.11")])
def test_this_python_comes_first_and_then_the_newest(monkeypatch, suits, found):
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(
        command, command[0] not in suits))
    assert set_up.find_python() == found


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A venv and pip that write four files, and are killed at the step that `at` names."""
    venv = tmp_path / "my books" / ".venv"

    def step(name, path, text):
        machine.steps.append(name)
        if machine.at == name:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text[:3])
            raise Killed
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():  # as pip, which leaves alone what seems to be there
            path.write_text(text)

    def run(command, **_):
        if "venv" in command:
            step("venv", venv / "pyvenv.cfg", "home = /usr")
            step("python", venv / "bin/python", "an interpreter")
        elif "pip" in command:
            assert "--compile" in command
            step("first", venv / "site/first.py", "first = 1")
            step("second", venv / "site/second.py", "second = 2")
        return subprocess.CompletedProcess(command, 0)

    def check_output(*_, **__):
        if machine.at == "path":
            raise Killed
        return f"{venv / 'site'}\n"

    class machine:
        at, steps, folder = None, [], venv

    monkeypatch.setattr(set_up, "find_python", lambda: "python3")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(subprocess, "check_output", check_output)
    return machine


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_text()
            for path in folder.rglob("*") if path.is_file()}


WHOLE = {"pyvenv.cfg": "home = /usr", "bin/python": "an interpreter", "site/first.py": "first = 1",
         "site/second.py": "second = 2", "site/mlleaks.pth": f"{set_up.ROOT}\n", ".ready": ""}


@pytest.mark.parametrize("moment", ["venv", "python", "first", "second", "path", "clearing"])
def test_cut_off_at_any_moment_the_next_call_completes_it(machine, monkeypatch, moment):
    machine.at = "second" if moment == "clearing" else moment
    with pytest.raises(Killed):
        set_up.main(machine.folder)
    assert not (machine.folder / ".ready").exists()
    if moment == "clearing":  # a second time, while what was left is taken away
        def half(folder, ignore_errors=False):
            for path in sorted(Path(folder).rglob("*.*"))[:1]:
                path.unlink()
                raise Killed

        with monkeypatch.context() as during, pytest.raises(Killed):
            during.setattr("shutil.rmtree", half)
            set_up.main(machine.folder)
    machine.at = None
    set_up.main(machine.folder)
    assert content(machine.folder) == WHOLE
    assert list(machine.folder.parent.iterdir()) == [machine.folder]


def test_new_requirements_are_added_and_cutting_that_off_is_noticed_too(machine, capsys):
    set_up.main(machine.folder)
    (machine.folder / "site/kernel.json").write_text("a reader's own")
    set_up.main(machine.folder)
    assert content(machine.folder) == WHOLE | {"site/kernel.json": "a reader's own"}
    machine.at = "first"
    with pytest.raises(Killed):
        set_up.main(machine.folder)
    assert not (machine.folder / ".ready").exists()
    machine.at = None
    capsys.readouterr()
    set_up.main(machine.folder)
    assert content(machine.folder) == WHOLE
    assert "was left unfinished: it is made anew" in capsys.readouterr().out
