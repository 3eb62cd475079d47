"""What was read from the index a moment ago: for what everybody asks and hardly ever changes."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Recent:
    """Values by name, each read again when it has become old. Any number of threads share one."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Any]] = {}

    def get(self, name: str, seconds: float, read: Callable[[], T]) -> T:
        """What was read under this name at most so many seconds ago, or is read now."""
        kept = self._kept.get(name)
        if kept is not None and time.monotonic() - kept[0] <= seconds:
            value: T = kept[1]
            return value
        at = time.monotonic()
        value = read()
        self._kept[name] = at, value
        return value

    def forget(self, name: str) -> None:
        """It has just been changed."""
        self._kept.pop(name, None)
