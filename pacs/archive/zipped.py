"""A zip archive that is made while it is sent: the same bytes each time, of a length that is known beforehand.

So a download that broke off goes on where it stopped. Entries are stored and not deflated: images hardly get smaller.
Each has its CRC before its bytes, since programs that read archives as they come cannot do without.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

LOCAL, CENTRAL, END, END_64, LOCATOR_64 = 0x04034B50, 0x02014B50, 0x06054B50, 0x06064B50, 0x07064B50
"""What the records of an archive begin with (APPNOTE.TXT 4.3)."""
UTF_8_NAME = 0x0800
OF_UNIX = 3 << 8
MODE = 0o100644 << 16
VERSION, VERSION_64 = 20, 45
SMALL = 0xFFFFFFFF
"""Stands for what does not fit 32 bits, and is in ZIP64's extra field. There are programs that cannot read those, so
they are made for what needs them alone."""
MANY = 0xFFFF
HELD = 64 << 20
"""Bytes of an entry that is held while its CRC is made; a larger one is read twice."""

_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_END_64 = struct.Struct("<IQHHIIQQQQ")
_LOCATOR_64 = struct.Struct("<IIQI")
_EXTRA_64 = struct.Struct("<HHQQQ")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive."""

    name: str
    """Its path, with slashes."""
    size: int
    """In bytes."""
    open: Callable[[], Iterable[bytes]]
    """Its bytes in pieces, each time anew."""
    modified: datetime


def length_of(entries: Sequence[Entry]) -> int:
    """Bytes of the whole archive."""
    position = directory = 0
    for entry in entries:
        directory += len(_central(entry, 0, position))
        position += len(_local(entry, 0)) + entry.size
    return position + directory + len(_end(len(entries), directory, position))


def zipped(entries: Sequence[Entry], start: int = 0) -> Iterator[bytes]:
    """The archive in pieces, from byte `start` on. What stands before is read for its CRC, and not given.

    Raises ValueError when an entry is not as large as it said; then what was given is no archive.
    """
    position = 0
    for piece in _pieces(entries):
        if position + len(piece) > start:
            yield piece[max(0, start - position) :]
        position += len(piece)


def _pieces(entries: Sequence[Entry]) -> Iterator[bytes]:
    position = 0
    central = []
    for entry in entries:
        crc, held = _read(entry)
        head = _local(entry, crc)
        central.append(_central(entry, crc, position))
        yield head
        yield from held if held is not None else entry.open()
        position += len(head) + entry.size
    directory = b"".join(central)
    yield directory
    yield _end(len(entries), len(directory), position)


def _read(entry: Entry) -> tuple[int, list[bytes] | None]:
    """Its CRC, and its bytes if they are not too many to hold."""
    crc, size = 0, 0
    held: list[bytes] | None = [] if entry.size <= HELD else None
    for piece in entry.open():
        crc = crc32(piece, crc)
        size += len(piece)
        if held is not None:
            held.append(piece)
    if size != entry.size:
        raise ValueError(f"{entry.name} has {size} bytes and not {entry.size}")
    return crc, held


def _local(entry: Entry, crc: int) -> bytes:
    name = entry.name.encode()
    is_large = entry.size >= SMALL
    extra = struct.pack("<HHQQ", 1, 16, entry.size, entry.size) if is_large else b""
    size = SMALL if is_large else entry.size
    version = VERSION_64 if is_large else VERSION
    fixed = (LOCAL, version, UTF_8_NAME, 0, *_dos_time(entry.modified), crc, size, size, len(name), len(extra))
    return _LOCAL.pack(*fixed) + name + extra


def _central(entry: Entry, crc: int, position: int) -> bytes:
    name = entry.name.encode()
    is_large = max(entry.size, position) >= SMALL
    extra = _EXTRA_64.pack(1, 24, entry.size, entry.size, position) if is_large else b""
    size, place = (SMALL, SMALL) if is_large else (entry.size, position)
    version = VERSION_64 if is_large else VERSION
    fixed = (CENTRAL, OF_UNIX | version, version, UTF_8_NAME, 0, *_dos_time(entry.modified), crc, size, size)
    return _CENTRAL.pack(*fixed, len(name), len(extra), 0, 0, 0, MODE, place) + name + extra


def _end(number: int, size: int, position: int) -> bytes:
    if number < MANY and position + size < SMALL:
        return _END.pack(END, 0, 0, number, number, size, position, 0)
    version = OF_UNIX | VERSION_64
    long = _END_64.pack(END_64, _END_64.size - 12, version, VERSION_64, 0, 0, number, number, size, position)
    locator = _LOCATOR_64.pack(LOCATOR_64, 0, position + size, 1)
    return long + locator + _END.pack(END, 0, 0, MANY, MANY, SMALL, SMALL, 0)


def _dos_time(moment: datetime) -> tuple[int, int]:
    """Two 16-bit words, to two seconds, from 1980 on."""
    if moment.year < 1980:
        return 0, 1 << 5 | 1
    date = (moment.year - 1980) << 9 | moment.month << 5 | moment.day
    return moment.hour << 11 | moment.minute << 5 | moment.second // 2, date
