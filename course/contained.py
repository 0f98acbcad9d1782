"""What the walls round a submission hold on this machine, found by leaning on them."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from course.points import Refused, Unable
from course.sandbox import Limits, Sandboxed

PRISONER = """
import os, socket

def reads(path):
    try:
        return bool(open(path).read())
    except OSError:
        return False

def sees(process):
    try:
        os.kill(int(process), 0)
        return True
    except ProcessLookupError:
        return False
    except OSError:
        return True

def reaches(port):
    try:
        socket.create_connection(("127.0.0.1", int(port)), timeout=1).close()
        return True
    except OSError:
        return False
"""
ADVICE = """\
Grade in a container instead (course/Containerfile says how), or on a Linux whose kernel lets you
make user namespaces."""


@dataclass(frozen=True)
class Contained:
    """Whether submissions get walls, and in words what they could do all the same."""

    walls: bool
    gaps: tuple[str, ...]

    def __str__(self):
        if not self.gaps:
            return ("Contained: files, network, processes, time, memory. Memory is looked at four "
                    "times a second, not walled.")
        return "\n".join(["NOT contained on this machine. A submission", *(
            f"- {gap}" for gap in self.gaps), ADVICE])


def contained() -> Contained:
    """Tries walls, and if there are none, what holds without. Raises RuntimeError on Windows."""
    if os.name != "posix":
        raise RuntimeError(f"submissions cannot be limited on {sys.platform}. {ADVICE}")
    for walls in (True, False) if sys.platform == "linux" else (False,):
        try:
            return Contained(walls, tuple(_gaps(walls)))
        except (Refused, Unable):
            continue
    raise RuntimeError("not even a harmless submission runs here; is NumPy installed for "
                       f"{sys.executable}?")


def _gaps(walls):
    with (tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server,
          Sandboxed([("run", "prisoner", PRISONER)], limits=Limits(seconds_a_call=20),
                    walls=walls) as prisoner):
        secret = Path(folder, "secret.txt")
        secret.write_text("another submission")
        os.chmod(folder, 0o755)
        if prisoner.call("reads", str(secret)):
            yield ("can read what you can read: other submissions, their results, and the course "
                   "seed where it is on a command line")
        if prisoner.call("reaches", server.getsockname()[1]):
            yield "can use the network"
        if prisoner.call("sees", os.getpid()):
            yield ("can see and end your other processes, this one included, and leave processes "
                   "behind that go on after the grading")
        if os.getuid() == 0 and not walls:
            yield "runs as root, for whom the number of processes has no limit"
