"""What processes use of a machine."""

import contextlib
import os

import psutil


def own_processes() -> int:
    """How many this user has, with their threads: without walls they count towards a limit."""
    return sum(one.info["num_threads"] or 0
               for one in psutil.process_iter(["uids", "num_threads"])
               if one.info["uids"] and one.info["uids"].real == os.getuid())


def used(number: int) -> tuple[int, float]:
    """Bytes in memory and seconds of a process and all that it started; 0 once it is gone."""
    memory = seconds = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(number)
        for one in [first, *first.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                times, size = one.cpu_times(), one.memory_info().rss
                memory, seconds = memory + size, seconds + times.user + times.system
    return memory, seconds
