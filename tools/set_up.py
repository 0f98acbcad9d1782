"""Make the virtual environment of the book, or say in one sentence why this machine cannot.

    python3 tools/set_up.py .venv

May be cut off at any moment: `.unfinished` lies in the folder from the first act to the last,
which renames it `.ready`. What is found unfinished is made anew.
"""

import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IN_RANGE = "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))"
TENSORFLOW_RUNS_ON = {
    ("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64"), ("Windows", "AMD64")
}


def find_python() -> str:
    """This interpreter where its version suits, else the newest on PATH that does."""
    own = getattr(sys, "_base_executable", sys.executable)  # that of an active .venv may go
    for name in (own, sys.executable, "python3.13", "python3.12", "python3.11"):
        found = shutil.which(name)
        if found and subprocess.run([found, "-c", IN_RANGE], capture_output=True).returncode == 0:
            return found
    sys.exit(f"The book needs Python 3.11, 3.12 or 3.13, and found {platform.python_version()} "
             "only. Install one of them, or name it: make book PYTHON=/path/to/python3.12")


def main(venv: Path) -> None:
    python = find_python()
    machine = platform.system(), platform.machine()
    if machine not in TENSORFLOW_RUNS_ON:
        sys.exit(f"TensorFlow has no build for {' '.join(machine)}. The book runs on Linux "
                 "(x86_64, aarch64), macOS (arm64: Apple silicon) and Windows (x86_64).")
    started, unfinished = time.monotonic(), begin(venv)
    print(f"Setting up {venv} with {python}: 2.5 GB on disk, and two minutes or more "
          "without a word", flush=True)
    install(python, venv)
    os.utime(unfinished)
    unfinished.rename(venv / ".ready")
    print(f"{venv} is ready after {time.monotonic() - started:.0f} s")


def begin(venv: Path) -> Path:
    """Mark the folder as unfinished; one that was left so gives way first. Gives the mark."""
    unfinished, left = venv / ".unfinished", venv.with_name(f"{venv.name}.left")
    if unfinished.exists():
        print(f"{venv} was left unfinished: it is made anew", flush=True)
        shutil.rmtree(left, ignore_errors=True)
        venv.rename(left)
    shutil.rmtree(left, ignore_errors=True)
    venv.mkdir(parents=True, exist_ok=True)
    if (venv / ".ready").exists():
        (venv / ".ready").rename(unfinished)
    else:
        unfinished.touch()
    return unfinished


def install(python: str, venv: Path) -> None:
    """The pinned packages, compiled whatever PYTHONDONTWRITEBYTECODE says, and the checkout."""
    subprocess.run([python, "-m", "venv", venv], check=True)
    inside = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([inside, "-m", "pip", "install", "--disable-pip-version-check", "--quiet",
                    "--compile", "-r", ROOT / "requirements.txt"], check=True)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site_packages = subprocess.check_output([inside, "-c", where], text=True).strip()
    Path(site_packages, "mlleaks.pth").write_text(f"{ROOT}\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]).resolve())  # a link leads to the folder itself
    except subprocess.CalledProcessError as error:
        sys.exit(f"Set-up failed: {error}")
