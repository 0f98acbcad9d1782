"""A process of its own for code that nobody trusts.

Cells and calls go in, values come out, over two pipes and as `course.wire` reads them. What a
submission must not see, the hidden data above all, stays on this side: whatever the other side
does to itself, all it can do is give other answers.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mlleaks_helpers
from course import wire
from course.points import Refused, Unable
from course.processes import own_processes, used
from course.submission import Submission

HERE = Path(__file__).resolve().parent
NUMBERS = itertools.count(os.getpid() % 10_000 * 100)
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "MPLBACKEND": "Agg",
               "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
               "TQDM_DISABLE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
SCRATCH = "submission-"
START = 60          # seconds until a process must be there
STEP = 0.25         # seconds between two looks at what is used


@dataclass(frozen=True)
class Limits:
    """What one submission may use: seconds a call and in all, bytes, and how many processes."""

    seconds_a_call: float = 30
    seconds: float = 120
    memory: int = 3 * 2**30
    written: int = 64 * 2**20
    printed: int = 8 * 2**20
    processes: int = 16


class Ended(Refused):
    """The process is gone, and this is why."""


class Sandboxed(Submission):
    """A student's functions behind walls.

    `cells` are (what, name, code): `run` executes a cell, `define` only what it imports and
    defines, `late` the same once something is missing. `files` {name: content} lie in the folder
    in which they are executed.

    Use it in a `with`. Cells are executed before the first call; one that ends the process or
    takes too long is left out from then on, and the others are executed anew.
    """

    def __init__(self, cells: Sequence[tuple[str, str, str]], files: dict | None = None,
                 limits: Limits | None = None, walls: bool = True):
        self.cells, self.files = list(cells), dict(files or {})
        self.limits, self.walls = limits or Limits(), walls
        self.troubles: dict[str, str] = {}      # {cell: why it gave nothing}
        self._left_out, self._used, self._process, self._folder = set(), 0.0, None, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.forget()

    def forget(self):
        """The next call meets a new process: nothing that was seen until now can be remembered."""
        self._end()

    def _answer(self, name, message):
        self._start()
        try:
            return wire.encode(self._ask("call", name, wire.decode(message)))
        except Refused as refused:
            if str(refused) == f"there is no function {name}" and self.troubles:
                raise Refused(f"{refused}; {'; '.join(self.troubles.values())}"[:600]) from None
            raise

    # ------------------------------------------------------------ the process

    def _start(self):
        """The process, with all cells executed that can be."""
        while self._process is None:
            self._open()
            for place, (what, name, code) in enumerate(self.cells):
                if place in self._left_out:
                    continue
                try:
                    self._ask(what, name, code)
                    self.troubles.pop(name, None)
                except Ended as ended:
                    self.troubles[name] = f"cell {name}: {ended}"
                    self._left_out.add(place)
                    break
                except Refused as refused:
                    self.troubles[name] = f"cell {refused}"

    def _open(self):
        if self._used >= self.limits.seconds:
            raise Ended(f"its {self.limits.seconds:g} seconds are used up")
        self._folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-"))
        for name in ("root", "work"):
            (self._folder / name).mkdir()
        for name, content in self.files.items():
            (self._folder / "work" / name).write_bytes(content)
        asked, self._requests = os.pipe()
        self._answers, told = os.pipe()
        settings = {
            "walls": self.walls, "number": next(NUMBERS), "root": str(self._folder / "root"),
            "work": str(self._folder / "work"), "requests": asked, "answers": told,
            "shown": shown(),
            "seconds": int(self.limits.seconds) + 5, "memory": self.limits.memory,
            "written": self.limits.written, "environment": ENVIRONMENT,
            "processes": self.limits.processes + (0 if self.walls else own_processes()),
            "program": [sys.executable, "-I", "-B",
                        "/kit/inside.py" if self.walls else str(HERE / "inside.py"),
                        str(asked), str(told)],
        }
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(HERE / "walls.py"), json.dumps(settings)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            pass_fds=(asked, told), start_new_session=True, env=ENVIRONMENT,
            cwd=self._folder / "work")
        os.close(asked)
        os.close(told)
        self._printed = 0
        for number in (self._requests, self._answers, self._process.stdout.fileno()):
            os.set_blocking(number, False)
        begin = time.monotonic()
        try:
            self._exchange(b"", begin + START)
        except Ended as ended:
            self._end()
            raise Unable(f"no process for a submission can be started here: {ended}") from None
        self._used += time.monotonic() - begin

    def _end(self):
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        os.close(self._requests)
        os.close(self._answers)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._process = None

    # ------------------------------------------------------------ questions and answers

    def _ask(self, what, name, value):
        """What the other side answers. Raises Refused, or Ended where the process had to go."""
        try:
            message = wire.encode((what, name, value))
        except ValueError as error:
            raise Refused(f"{name}: {error}") from None
        begin = time.monotonic()
        try:
            found = self._exchange(len(message).to_bytes(wire.HEAD, "big") + message,
                                   begin + min(self.limits.seconds_a_call,
                                               max(1, self.limits.seconds - self._used)))
            kind, value = wire.decode(found)
        except (ValueError, TypeError):
            self._end()
            raise Ended("what it sent back is no answer") from None
        except Ended:
            self._end()
            raise
        finally:
            self._used += time.monotonic() - begin
        if not isinstance(kind, str):
            kind = None
        if kind == "value":
            return value
        if kind == "refused" and isinstance(value, str):
            raise Refused(value[:500])
        self._end()
        raise Ended("what it sent back is no answer")

    def _exchange(self, message, deadline):
        output, coming, looked = self._process.stdout.fileno(), bytearray(), 0.0
        wanted = wire.HEAD
        while len(coming) < wanted:
            now = time.monotonic()
            if now >= deadline:
                raise Ended(f"it took longer than {self.limits.seconds_a_call:g} seconds")
            if now - looked > STEP:
                looked = now
                self._look_at_all()
            ready, free, _ = select.select([self._answers, output],
                                           [self._requests] if message else [], [], STEP)
            if output in ready:
                self._drain(output)
            if free:
                try:
                    message = message[os.write(self._requests, message):]
                except BrokenPipeError:
                    message = b""
            if self._answers in ready:
                got = os.read(self._answers, 2**20)
                if not got:
                    raise Ended(self._last_words())
                coming += got
                if len(coming) >= wire.HEAD:
                    wanted = wire.HEAD + int.from_bytes(coming[:wire.HEAD], "big")
                if wanted > wire.HEAD + wire.LONGEST:
                    raise Ended(f"it returned more than {wire.LONGEST >> 20} MB")
        return bytes(coming[wire.HEAD:wanted])

    def _drain(self, output):
        got = os.read(output, 2**20)
        self._printed += len(got)
        if self._printed > self.limits.printed:
            raise Ended(f"it printed more than {self.limits.printed >> 20} MB")
        if not got:
            time.sleep(0.01)

    def _last_words(self):
        """Why the process ended by itself."""
        try:
            status = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return "it closed the way for its answers"
        if status < 0 or status > 128:
            return "it was stopped by the system: out of time, memory or room for files"
        return f"it ended the process it ran in (exit status {status})"

    def _look_at_all(self):
        memory, seconds = used(self._process.pid)
        if memory > self.limits.memory:
            raise Ended(f"it took more than {self.limits.memory / 2**30:.2g} GB of memory")
        if seconds > self.limits.seconds:
            raise Ended("its processes together took longer than "
                        f"{self.limits.seconds:g} seconds")


def sweep() -> None:
    """Removes the scratch folders of runs that were cut off."""
    for path in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*-*"):
        number = path.name.removeprefix(SCRATCH).partition("-")[0]
        with contextlib.suppress(ValueError, OSError):
            try:
                os.kill(int(number), 0)
            except ProcessLookupError:
                shutil.rmtree(path, ignore_errors=True)


def shown() -> list[tuple[str, str]]:
    """Folders of this machine that a submission may read, and where it finds them."""
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(sys.executable).parent)}
    outer = [one for one in sorted(prefixes)
             if not one.startswith("/usr/") and one not in ("/usr", "/")
             and not any(one.startswith(other + "/") for other in prefixes)]
    helpers = Path(mlleaks_helpers.__file__).resolve().parent
    return [*((one, one) for one in outer), (str(HERE / "inside.py"), "/kit/inside.py"),
            (str(HERE / "wire.py"), "/kit/wire.py"), (str(helpers), "/kit/site/mlleaks_helpers")]
