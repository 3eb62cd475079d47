"""What a server and its children cost: processor time and memory, from /proc."""

import os
import re
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """The process and all that it started and that still lives."""
    found = [pid]
    for number in found:
        for path in Path(f"/proc/{number}/task").glob("*/children"):
            found += map(int, path.read_text().split())
    return found


def cpu_seconds(pid: int) -> float:
    """Of the whole tree, children that have ended and were waited for included."""
    return sum(_cpu_of(number) for number in tree(pid))


def memory_mb(pid: int) -> float:
    """Proportional set size of the whole tree: what is shared is counted once. In MB of 10⁶ bytes."""
    return sum(_pss_of(number) for number in tree(pid)) / 1e6


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS  # utime stime cutime cstime (proc(5))


def _pss_of(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return 1024 * int(found[1]) if found else 0
