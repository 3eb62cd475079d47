"""What can be made again from what is kept: files below `<data>/cache`, whole or not there."""

import fcntl
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from zlib import crc32

from pacs.context import Pacs
from storage.filesystem import file_at_hand


def cached(pacs: Pacs, name: str, make: Callable[[], bytes]) -> bytes:
    """The bytes under the name (a relative path), made now if they are not there.

    A cache that cannot be read or written to costs time and nothing else. Raises MustWait for who must not wait.
    """
    path = pacs.settings.data / "cache" / name
    data = _read(path) if pacs.may_wait else _unsealed(file_at_hand(str(path)))
    if data is None:
        pacs.take_time()
        data = make()
        with suppress(OSError):
            _write(path, data)
    return data


def kept_already(pacs: Pacs, name: str) -> bytes | None:
    """The bytes under the name, if they are there."""
    return _read(pacs.settings.data / "cache" / name)


def is_cached(pacs: Pacs, name: str) -> bool:
    """Whether something is kept under the name."""
    return (pacs.settings.data / "cache" / name).exists()


@contextmanager
def alone(pacs: Pacs, name: str) -> Iterator[None]:
    """Nobody else is in here with the same name, in this process or another: what takes long is made once.

    Not to be entered again from within: two names may share a lock.
    """
    path = pacs.settings.data / "cache" / "locks" / f"{crc32(name.encode()) & 0xFF:02x}"
    with ExitStack() as stack:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = stack.enter_context(path.open("wb"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def forget(pacs: Pacs, folder: str, pattern: str, but: str = "", most: int = 0) -> None:
    """Remove what is kept in a folder under names like the pattern: it is out of date.

    but: names like this one stay, unless there are more of them than `most`.
    """
    root = pacs.settings.data / "cache" / folder
    spared = set(root.glob(but)) if but else set()
    for path in root.glob(pattern):
        if path not in spared or len(spared) > most:
            with suppress(OSError):
                path.unlink()


def _read(path: Path) -> bytes | None:
    try:
        sealed = path.read_bytes()
    except OSError:
        return None
    return _unsealed(sealed)


def _unsealed(sealed: bytes) -> bytes | None:
    data, seal = sealed[:-4], sealed[-4:]
    return data if seal == _seal(data) else None


def _write(path: Path, data: bytes) -> None:
    # Nothing is synced, so that a power cut may leave a torn file under a good name: the seal tells.
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{secrets.token_hex(8)}.part")
    try:
        part.write_bytes(data + _seal(data))
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _seal(data: bytes) -> bytes:
    return crc32(data).to_bytes(4, "little")
