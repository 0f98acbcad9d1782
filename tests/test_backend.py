"""Keras starts without noise, with or without a standard error, and knows what it runs on."""

import logging
import os
import subprocess
import sys

import pytest

from mlleaks_helpers.models import backend
from mlleaks_helpers.progress import progress

unix = pytest.mark.skipif(sys.platform == "win32", reason="a shell closes descriptors")

START = """
import os, runpy
before = os.listdir("/dev/fd")
runpy.run_path({file!r})
os.write(1, b"as before" if os.listdir("/dev/fd") == before else b"other descriptors")
os.write(2, b"heard")
"""


@pytest.fixture
def start(tmp_path):
    """Run backend.py with a Keras and a TensorFlow that only make a noise."""
    for name in ("keras", "tensorflow"):
        (tmp_path / f"{name}.py").write_text("import os; os.write(2, b'noise')")

    def run(closing=""):
        return subprocess.run(
            ["sh", "-c", f'"$0" -c "$1" {closing}', sys.executable,
             START.format(file=backend.__file__)],
            env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)

    return run


@unix
def test_nothing_is_heard_while_they_load_and_everything_after(start):
    run = start()
    assert (run.returncode, run.stdout, run.stderr) == (0, "as before", "heard")


@unix
@pytest.mark.parametrize("closing", ["2>&-", "2>&- <&-"])
def test_a_closed_stderr_is_no_obstacle_and_stays_shut(start, closing):
    run = start(closing)
    assert (run.returncode, run.stderr) == (0, "") and "descriptors" in run.stdout


def test_without_a_stderr_there_is_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with progress(3, "training") as bar:
        bar.update()


def test_another_backend_is_named(monkeypatch):
    backend.needs_tensorflow("train_many")
    monkeypatch.setattr(backend.keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="train_many needs KERAS_BACKEND=tensorflow, got jax"):
        backend.needs_tensorflow("train_many")


def test_only_the_warning_about_retracing_is_held_back_and_only_meanwhile(caplog):
    log = logging.getLogger("tensorflow")
    log.addHandler(caplog.handler)
    try:
        with backend.quiet_about_retracing():
            log.warning("5 out of the last 5 calls to <f at 0x7f> triggered tf.function retracing.")
            log.warning("disk full")
        log.warning("retracing")
    finally:
        log.removeHandler(caplog.handler)
    assert {record.getMessage() for record in caplog.records} == {"disk full", "retracing"}
