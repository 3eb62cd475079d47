"""What is compared with what, how often, and whether it is enough."""

import mmap
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

QUIET_SHARE = 0.3
"""Processors that others may keep busy, as a share of one, while we measure."""
LOOK_S = 0.5
LOOKS_LIKE_ALWAYS = 10.0
"""Seconds after which a busy machine is taken as it is: what counts are ratios, and both sides meet the same."""

TOUCHED = 1 << 30
"""Bytes: what one round may come to use."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What ours must be, as a multiple of theirs, or as a number when nobody is beside us."""

    bound: Literal["at least", "at most"]
    value: float

    def is_reached(self, value: float) -> bool:
        return value >= self.value if self.bound == "at least" else value <= self.value


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the table: the same work by us and by a peer, a number a round."""

    benchmark: str
    work: str
    unit: str
    goal: Goal
    ours: tuple[float, ...]
    peer: str = ""
    """Empty: the goal is a number of ours alone."""
    theirs: tuple[float, ...] = ()
    """As many as ours; none when the peer is not installed."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """What explains it, by name and unit: processor time an instance, answers counted."""

    @property
    def value(self) -> float | None:
        """What the goal is about: the median of the rounds' ratios, or of our numbers. None: not compared."""
        if not self.peer:
            return median(self.ours)
        if not self.theirs:
            return None
        return median(ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True))

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not compared"
        return "reached" if self.goal.is_reached(self.value) else "NOT reached"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured. Small says only whether the bench works."""

    folder: Path
    """Where data of the runs lies; what is worth keeping between runs stays there."""
    rounds: int = 5
    is_small: bool = False

    def of(self, usual: int, small: int) -> int:
        return small if self.is_small else usual


Side = Callable[[], Mapping[str, float]]
"""Does the work of one round on one server; several numbers by name."""


def alternate(sides: Mapping[str, Side], scale: Scale) -> dict[str, dict[str, tuple[float, ...]]]:
    """Run all sides by turns, the first last in the next round; their numbers by side and name, one a round."""
    found: dict[str, dict[str, list[float]]] = {side: {} for side in sides}
    for turn in range(scale.rounds):
        for side in list(sides) if turn % 2 == 0 else reversed(list(sides)):
            wait_for_quiet(scale)
            touch_memory(scale)
            for name, value in sides[side]().items():
                found[side].setdefault(name, []).append(value)
    return {side: {name: tuple(values) for name, values in numbers.items()} for side, numbers in found.items()}


def timed_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def wait_for_quiet(scale: Scale) -> None:
    """Until the machine has nothing else to do, or for a while."""
    if scale.is_small:
        return
    deadline = time.monotonic() + LOOKS_LIKE_ALWAYS
    while time.monotonic() < deadline:
        before = busy_seconds()
        time.sleep(LOOK_S)
        if busy_seconds() - before < QUIET_SHARE * LOOK_S:
            return


def touch_memory(scale: Scale) -> None:
    """Take free memory and give it back: a virtual machine's host lends it again page by page, at our cost."""
    size = scale.of(TOUCHED, 1 << 20)
    with mmap.mmap(-1, size) as memory:
        for start in range(0, size, mmap.PAGESIZE):
            memory[start] = 1


def busy_seconds() -> float:
    """Processor time that the whole machine has spent so far."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
