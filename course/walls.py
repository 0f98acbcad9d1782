"""Walls round one process, then the process: of the operating system's own making, without help.

    python -I -S walls.py SETTINGS    JSON: see `course.sandbox`

Linux namespaces give it a file system of a few read-only folders and one scratch folder in memory,
no network, and no other process to see; its end is the end of all that it started. Limits on time,
memory, files and processes hold on every Unix. This file stands alone.
"""

import contextlib
import ctypes
import json
import os
import platform
import resource
import signal
import sys
from pathlib import Path

NEW_MOUNTS, NEW_NAMES, NEW_IPC, NEW_USER, NEW_PROCESSES, NEW_NETWORK = (
    0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
BIND, RECURSIVE, PRIVATE = 0x1000, 0x4000, 0x40000
NO_SUID, NO_DEVICES = 2, 4
DETACH = 2
SET_MOUNT_FLAGS = 442       # system calls without a name in the C library
PIVOT = {"x86_64": 155, "aarch64": 41}
DIE_WITH_PARENT, NOT_TO_BE_LOOKED_AT, NO_NEW_RIGHTS = 1, 4, 38
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache",
          "/etc/ssl", "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
STRANGER = 1_000_000        # plus the process's number: a user whom nothing belongs to


def walled(settings) -> int:
    """Runs the program in namespaces of its own; returns its status once it has ended.

    The first process in them is ours: it ends with this one, and all the others end with it. The
    program can do neither anything to it nor anything about that.
    """
    root = os.getuid() == 0
    user, group = os.getuid(), os.getgid()
    check(libc().unshare(NEW_MOUNTS | NEW_NAMES | NEW_IPC | NEW_PROCESSES | NEW_NETWORK
                         | (0 if root else NEW_USER)), "namespaces")
    if not root:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    if first := os.fork():
        return left_to(first, settings)
    dies_with_parent()
    stranger = STRANGER + settings["number"]
    _own_files(settings, stranger if root else user)
    if program := os.fork():
        check(libc().prctl(NOT_TO_BE_LOOKED_AT, 0, 0, 0, 0), "privacy")
        return left_to(program, settings)
    if root:
        os.setgroups([])
        os.setgid(stranger)
        os.setuid(stranger)
    run(settings)


def left_to(child, settings) -> int:
    """Leaves the pipes to that process, and waits for its status."""
    for number in (settings["requests"], settings["answers"], 1, 2):
        os.close(number)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if status >= 0 else 128 - status


def _own_files(settings, owner):
    """A root of the system's folders, Python's, and an empty one to work in; nothing else."""
    mount(None, "/", None, RECURSIVE | PRIVATE)
    new = Path(settings["root"])
    mount("tmpfs", new, "tmpfs", NO_SUID | NO_DEVICES,
          f"size={settings['written']},mode=755,nr_inodes=20000")
    files = {path.name: path.read_bytes() for path in Path(settings["work"]).iterdir()}
    for path, shown in [*((path, path) for path in SYSTEM), *settings["shown"]]:
        _show(Path(path), new / shown.lstrip("/"))
    for name in ("work", "tmp", "dev/shm"):
        (new / name).mkdir(parents=True, exist_ok=True)
        os.chmod(new / name, 0o777)
    for name, content in files.items():
        (new / "work" / name).write_bytes(content)
        os.chown(new / "work" / name, owner, -1)
    os.chdir(new)
    check(libc().syscall(PIVOT[platform.machine()], b".", b"."), "a root of its own")
    check(libc().umount2(b".", DETACH), "the old root's end")
    os.chdir("/work")


def _show(path, place):
    """The same file or folder, and all that is mounted below it, at that place; not to change."""
    if path.is_symlink() and path.parent == Path("/"):
        place.symlink_to(os.readlink(path))
        return
    if not path.exists():
        return
    if path.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    mount(path.resolve(), place, None, BIND | RECURSIVE)
    if path.parent != Path("/dev"):
        flags = (ctypes.c_uint64 * 4)(1 | NO_SUID, 0, 0, 0)     # read only
        check(libc().syscall(SET_MOUNT_FLAGS, -100, os.fsencode(place), 0x8000, flags, 32),
              "folders that are only read")


def run(settings):
    """Limits, then the program in place of this one."""
    with contextlib.suppress(AttributeError, OSError):
        libc().prctl(NO_NEW_RIGHTS, 1, 0, 0, 0)
    for limit, most in (("CPU", settings["seconds"]), ("AS", settings["memory"]),
                        ("FSIZE", settings["written"]), ("NPROC", settings["processes"]),
                        ("NOFILE", 256), ("CORE", 0)):
        if hasattr(resource, f"RLIMIT_{limit}"):
            name = getattr(resource, f"RLIMIT_{limit}")
            hard = resource.getrlimit(name)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(name, (most, most))
    os.execve(settings["program"][0], settings["program"], settings["environment"])


def dies_with_parent():
    check(libc().prctl(DIE_WITH_PARENT, signal.SIGKILL), "death with the parent")


def check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"no {what}: {os.strerror(number)}")


def mount(source, place, kind, flags, options=None):
    told = [None if one is None else os.fsencode(one) for one in (source, place, kind)]
    check(libc().mount(*told, ctypes.c_ulong(flags), options and options.encode()),
          f"mount of {place}")


def libc():
    return ctypes.CDLL(None, use_errno=True)


def main(settings):
    if sys.platform == "linux":
        dies_with_parent()
    if settings["walls"]:
        os._exit(walled(settings))
    run(settings)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
