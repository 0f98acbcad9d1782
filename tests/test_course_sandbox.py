"""Code that nobody trusts: it answers as in this process, and what it may not do it cannot."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from course import sandbox
from course.contained import Contained, contained
from course.points import Question, Refused, Unable
from course.processes import own_processes, used
from course.sandbox import Limits, Sandboxed, sweep
from course.submission import Submission

pytestmark = pytest.mark.skipif(os.name != "posix", reason="submissions need Unix")
SHORT = Limits(seconds_a_call=3, seconds=40, memory=2**30, printed=2**20, written=2**20)
WORK = """
import os, sys
import numpy as np

seen = []

def mean(x):
    return {"mean": x.mean(), "text": ["a", None]}

def remembers(x):
    seen.append(x)
    return len(seen)

def stops(status):
    os._exit(int(status))
"""


@pytest.fixture(scope="module")
def walls():
    return contained().walls


def sandboxed(*cells, files=None, limits=SHORT, walls=True):
    return Sandboxed([("run", f"c{number}", code) for number, code in enumerate(cells)], files,
                     limits, walls)


def why(submission, name, *arguments):
    with pytest.raises(Refused) as found:
        submission.call(name, *arguments)
    return str(found.value)


def test_it_answers_as_in_this_process(walls):
    names = {}
    exec(WORK, names)
    here = Submission(names)
    with sandboxed(WORK, walls=walls) as there:
        for arguments in [("mean", np.arange(4.0)), ("remembers", 1), ("remembers", 2)]:
            assert there.call(*arguments) == here.call(*arguments)
        for arguments in [("mean", "text"), ("absent",), ("mean",)]:
            with pytest.raises(Refused) as wanted:
                here.call(*arguments)
            assert why(there, *arguments) == str(wanted.value)
        assert there.array("remembers", 3, shape=()) == 3


def test_what_it_saw_is_forgotten_when_asked_and_when_it_ended(walls):
    with sandboxed(WORK, walls=walls) as work:
        assert [work.call("remembers", 1) for _ in range(2)] == [1, 2]
        work.forget()
        assert work.call("remembers", 1) == 1
        assert "exit status 5" in why(work, "stops", 5)
        assert work.call("remembers", 1) == 1


def test_a_cell_that_fails_leaves_the_others(walls):
    cells = [WORK, "1 / 0", "def late(): return 5", "def broken(:", "os._exit(0)",
             "def last(): return 6"]
    with sandboxed(*cells, walls=walls) as work:
        assert work.call("late") == 5 and work.call("last") == 6
        said = why(work, "absent")
        assert said.startswith("there is no function absent; ") and "ZeroDivisionError" in said
        assert "c3 raised SyntaxError" in said and "cell c4: it ended the process" in said


def test_only_what_a_cell_defines_counts_where_that_is_asked_for(walls):
    cell = ("import math\nfrom os import sep\n%matplotlib inline\n"
            "limit = 3\nnames = ['a', (1, 2)]\n"
            "root = lambda x: math.sqrt(x)\nclass A: two = 2\nprint(1 / 0)\nraise ValueError\n"
            "slow = max(range(10**12))\nfor i in range(10**12): pass\n"
            "def f(): return (limit, names, root(16), A.two, 'slow' in globals())")
    with Sandboxed([("define", "own", cell)], limits=SHORT, walls=walls) as work:
        assert work.call("f") == (3, ["a", (1, 2)], 4.0, 2, False)


def test_late_cells_wait_until_something_is_missing(walls):
    cells = [("late", "a", "import math\nseen.append(3)"), ("run", "b", WORK),
             ("run", "c", "def root(x): return math.sqrt(x)\n"
                          "def known(): return 'math' in globals()"),
             ("late", "d", "broken("), ("late", "e", "def own(): return 5"),
             ("run", "f", "def other(): return absent")]
    with Sandboxed(cells, limits=SHORT, walls=walls) as work:
        assert not work.call("known") and work.call("root", 16) == 4 and work.call("known")
        work.forget()
        assert not work.call("known") and work.call("own") == 5
        assert "NameError" in why(work, "other")
        assert why(work, "none") == "there is no function none"


def test_scratch_folders_of_a_run_that_was_killed_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for name in (f"submission-{ended.pid}-ab", f"submission-{os.getpid()}-ab", "submission-x-ab",
                 "other"):
        (tmp_path / name / "work").mkdir(parents=True)
    sweep()
    assert {path.name for path in tmp_path.iterdir()} == {
        f"submission-{os.getpid()}-ab", "submission-x-ab", "other"}


def test_files_lie_beside_it_and_the_helpers_can_be_imported(walls):
    read = ("from mlleaks_helpers.interval import proportion_interval\n"
            "def f(): return open('a.txt').read(), proportion_interval(1, 2)\n"
            "def g(): open('a.txt', 'w').write('changed'); return f()[0]")
    with sandboxed(read, files={"a.txt": b"hello"}, walls=walls, limits=Limits()) as work:
        text, interval = work.call("f")
        assert text == "hello" and interval[0] == 0.5 and work.call("g") == "changed"
        work.forget()
        assert work.call("f")[0] == "hello"


GREEDY = {
    "endless": ("while True: pass", "longer than 3 seconds"),
    "sleeping": ("import time; time.sleep(10**6)", "longer than 3 seconds"),
    "printing": ("while True: print('x' * 10**6)", "printed more than 1 MB"),
    "returning much": ("return np.zeros(10**8)", "less than 64 MB"),
    "hoarding": ("return np.ones((2000, 2**20)).sum()", "MemoryError|GB of memory|stopped by"),
    "writing": ("open('big', 'wb').write(bytes(2**24))", "OSError|stopped by the system"),
    "deep": ("import sys; sys.setrecursionlimit(10**8)\n    def g(): return g()\n    return g()",
             "stopped by|longer than|GB of memory|RecursionError|MemoryError"),
}


@pytest.mark.parametrize("code, reason", GREEDY.values(), ids=GREEDY)
def test_what_it_may_use_has_an_end(code, reason, walls):
    greedy = f"{WORK}\ndef f():\n    {code}"
    with sandboxed(greedy, walls=walls) as work:
        begin = time.monotonic()
        with pytest.raises(Refused, match=reason):
            work.call("f")
        assert time.monotonic() - begin < 30
        assert work.call("mean", np.ones(2))["mean"] == 1


def test_all_its_calls_together_have_an_end(walls):
    with sandboxed(f"{WORK}\ndef f():\n    while True: pass", walls=walls,
                   limits=Limits(seconds_a_call=2, seconds=3)) as work:
        assert "2 seconds" in why(work, "f") and "seconds" in why(work, "f")
        assert why(work, "mean", 1) == "its 3 seconds are used up"


FORGED = """
import os
def f(kind):
    import json
    message = {"pickle": b'\\x80\\x04N.', "long": b'', "points": json.dumps(
        {"tuple": ["points", 100]}).encode() + b'\\n'}[kind]
    size = 2**40 if kind == "long" else len(message)
    for number in range(3, 99):
        try:
            os.write(number, size.to_bytes(8, "big") + message)
        except OSError:
            pass
"""


@pytest.mark.parametrize("kind, reason", [("pickle", "no answer"), ("points", "no answer"),
                                          ("long", "more than 64 MB")])
def test_a_forged_answer_is_none(kind, reason, walls):
    with sandboxed(FORGED, WORK, walls=walls) as work:
        assert reason in why(work, "f", kind)
        assert work.call("mean", np.ones(2))["mean"] == 1


def test_a_patched_interpreter_gives_other_answers_and_no_more(walls):
    patch = ("import builtins, sys, numpy as np, mlleaks_helpers.interval as i\n"
             "np.mean = np.asarray = lambda *_, **__: 1\ni.proportion_interval = None\n"
             "sys.modules['wire'].encode = lambda value: b'\"patched\"\\n'\n"
             "builtins.len = None\ndef f(): return 2")
    with sandboxed(patch, walls=walls) as work, pytest.raises(Refused):
        work.call("f")
    assert np.mean([1, 3]) == 2


INSIDE = """
import os, socket
import numpy as np

def reads(path):
    return open(path).read()

def lists(path):
    return sorted(os.listdir(path))

def reaches(port):
    socket.create_connection(("127.0.0.1", int(port)), timeout=2)

def kills(number):
    os.kill(int(number), 0)

def writes(path):
    open(path, "w").write("x")

def environment():
    return dict(os.environ)

def children(many):
    for number in range(int(many)):
        if os.fork() == 0:
            os.setsid()
            while True: pass

def rights():
    return [line for line in open("/proc/self/status")]
"""


@pytest.fixture(scope="module")
def prisoner(walls):
    if not walls:
        pytest.skip("no namespaces on this machine")
    with sandboxed(INSIDE) as work:
        yield work


def test_there_is_nothing_else_to_see(prisoner, tmp_path):
    (tmp_path / "other.ipynb").write_text("another submission")
    assert "FileNotFoundError" in why(prisoner, "reads", str(tmp_path / "other.ipynb"))
    assert "FileNotFoundError" in why(prisoner, "reads", __file__)
    assert "FileNotFoundError" in why(prisoner, "lists", "/proc")
    assert "FileNotFoundError" in why(prisoner, "lists", os.path.expanduser("~/.ssh"))
    assert prisoner.call("lists", "/kit") == ["inside.py", "site", "wire.py"]
    assert prisoner.call("lists", "/kit/site") == ["mlleaks_helpers"]
    assert "ProcessLookupError" in why(prisoner, "kills", os.getpid())
    assert "COURSE_SEED" not in prisoner.call("environment")


def test_the_interpreter_and_the_helpers_cannot_be_changed(prisoner):
    for path in (np.__file__, os.__file__, "/kit/wire.py", "/kit/site/mlleaks_helpers/__init__.py",
                 "/usr/x"):
        said = why(prisoner, "writes", path)
        assert "Read-only" in said or "Permission denied" in said


def test_no_network(prisoner):
    import socket
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert "OSError" in why(prisoner, "reaches", server.getsockname()[1])


def test_what_it_starts_ends_with_it(prisoner):
    assert "BlockingIOError" in why(prisoner, "children", 500)
    launcher = prisoner._process.pid
    assert used(launcher)[0] > 0
    prisoner.forget()
    time.sleep(0.2)
    assert used(launcher) == (0, 0)


ESCAPE = """
import ctypes, os

def escapes(name):
    system = ctypes.CDLL(None).prctl
    system(15, name.encode(), 0, 0, 0)
    for _ in range(2):
        system(1, 0, 0, 0, 0)       # no longer to die with its parent
        if os.fork():
            return os.getpid()
        os.setsid()
    while True: pass

def hangs(name):
    escapes(name)
    while True: pass
"""


def called(name):
    """How many processes are called so."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            found += path.read_text().strip() == name
    return found


def test_nothing_escapes_its_end(walls, tmp_path):
    if not walls:
        pytest.skip("no namespaces on this machine")
    name = f"escape{os.getpid()}"
    with sandboxed(ESCAPE) as work:
        assert work.call("escapes", name) > 1 and called(name) >= 2
    time.sleep(0.3)
    assert called(name) == 0
    code = ("import os, threading\nfrom course.sandbox import Sandboxed\n"
            f"work = Sandboxed([('run', 'a', {ESCAPE!r})])\nwork.call('escapes', {name!r})\n"
            "print('escaped', flush=True)\n"
            "threading.Timer(1, os.kill, (os.getpid(), 9)).start()\n"
            f"work.call('hangs', {name!r})")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                         env=os.environ | {"TMPDIR": str(tmp_path)})
    assert run.stdout == "escaped\n"
    time.sleep(0.5)
    assert called(name) == 0


def test_many_cells_that_end_the_process_take_no_more_than_its_time(walls):
    with Sandboxed([("define", str(number), f"import os, sys\nA = {number}\n"
                     "class B: os._exit(0)") for number in range(1_000)],
                   limits=Limits(seconds=4), walls=walls) as work:
        begin = time.monotonic()
        assert "4 seconds are used up" in why(work, "f")
        assert time.monotonic() - begin < 30


def test_a_closed_way_is_the_end(walls):
    closes = "import os\ndef f():\n    os.closerange(3, 99)\n    while True: pass"
    with sandboxed(closes, WORK, walls=walls) as work:
        assert "closed the way" in why(work, "f")
        assert work.call("mean", np.ones(2))["mean"] == 1


def test_a_machine_that_cannot_is_not_the_students_fault(walls, monkeypatch):
    monkeypatch.setattr(sandbox, "HERE", Path("/nowhere"))
    with pytest.raises(Unable, match="no process"), sandboxed(WORK, walls=walls) as work:
        Question("q", 1, lambda submission, given: submission.call("mean", 1)).judge(work, {})


def test_it_ends_with_its_grader(walls, tmp_path):
    code = ("import os\nfrom course.sandbox import Sandboxed\n"
            f"work = Sandboxed([('run', 'a', {WORK!r})], walls={walls})\n"
            "work.call('remembers', 1)\nprint(work._process.pid, flush=True)\n"
            "os.kill(os.getpid(), 9)")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                         env=os.environ | {"TMPDIR": str(tmp_path)})
    time.sleep(0.5)
    assert used(int(run.stdout))[0] == 0


def test_nothing_is_left_behind(walls, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with sandboxed(WORK, walls=walls) as work:
        work.call("mean", np.ones(2))
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        with sandboxed(WORK, walls=walls) as work:
            work.call("mean", np.ones(2))
    assert len(os.listdir("/dev/fd")) == before


def test_the_teacher_is_told_what_is_not_contained(walls):
    found = contained()
    assert str(found).startswith("Contained" if not found.gaps else "NOT contained")
    assert found.walls == walls
    from course.contained import _gaps
    text = str(Contained(False, tuple(_gaps(False))))
    assert all(word in text for word in ("NOT contained", "other submissions", "network",
                                         "processes", "Containerfile"))


def test_without_walls_it_is_said_and_used(monkeypatch):
    from course import contained as module

    def broken(walls):
        if walls:
            raise Refused("no namespaces")
        yield "can use the network"

    monkeypatch.setattr(module, "_gaps", broken)
    assert module.contained() == Contained(False, ("can use the network",))
    monkeypatch.setattr(module.os, "name", "nt")
    with pytest.raises(RuntimeError, match="container"):
        module.contained()


def test_what_processes_use_is_counted_with_all_that_they_started():
    below = "import time; x = b'y' * 2**26; time.sleep(60)"
    for work in ("", "sum(range(10**7))\n"):       # what is started starts another
        below = f"import subprocess, sys\n{work}subprocess.run([sys.executable, '-c', {below!r}])"
    one = subprocess.Popen([sys.executable, "-c", below], start_new_session=True)
    try:
        end = time.monotonic() + 30
        while used(one.pid)[0] < 2**26 and time.monotonic() < end:
            time.sleep(0.1)
        size, seconds = used(one.pid)
        assert 2**26 < size < 2**28 and 0 < seconds < 10 and own_processes() >= 3
    finally:
        os.killpg(one.pid, 9)
        one.wait()
    assert used(one.pid) == (0, 0)
