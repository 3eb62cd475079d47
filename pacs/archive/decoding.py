"""Kept frames decoded: in the sandbox, where a codec may do as it likes, and each once for all who want it.

Frames that are not compressed touch no codec, and are what they are at once.
"""

import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from pacs.archive.cache import alone, cached, is_cached
from pacs.archive.headers import Opened
from pacs.archive.selection import InstanceRef
from pacs.context import Pacs
from pacs.dicom.delivery import delivered_frame
from pacs.dicom.pixels import NATIVE, PixelDescription, Samples, sample_bytes
from pacs.dicom.transcode import native_description, native_frame, packed

Transcode = Callable[[PixelDescription, bytes, str], bytes]
FORM = 1
"""Counts the changes of what is made here: what an older program kept is not given."""
FOLDER = "frames"
MOST_KEPT = 2 << 30
"""Bytes of decoded frames that are kept; those not wanted for longest go."""
LEFT_AFTER = MOST_KEPT * 4 // 5
LOOKED_AFTER_EVERY = 64 << 20
"""Bytes that are written between two looks at how much is kept, on average."""


def native(pacs: Pacs, ref: InstanceRef, opened: Opened, description: PixelDescription, number: int) -> bytes:
    """A frame as `transcode.native_frame` gives it, single bits packed. Raises Undecodable, OutOfResources."""
    return _once(pacs, ref, opened, description, number, packed_native_frame)


def delivered(pacs: Pacs, ref: InstanceRef, opened: Opened, description: PixelDescription, number: int) -> bytes:
    """A frame as `delivery.delivered_frame` gives it. Raises Undecodable, OutOfResources."""
    return _once(pacs, ref, opened, description, number, delivered_frame)


def apart(pacs: Pacs, function: Transcode, description: PixelDescription, data: bytes, syntax: str) -> bytes:
    """What the function gives for a frame, made in the sandbox if a codec reads it. Raises as the function does."""
    if syntax in NATIVE:
        return function(description, data, syntax)
    return pacs.sandbox.run(function, description, data, syntax)


def samples_of(pacs: Pacs, description: PixelDescription, data: bytes, syntax: str) -> Samples:
    """As `pixels.decode_frame`. Raises Undecodable, OutOfResources."""
    found = np.frombuffer(apart(pacs, sample_bytes, description, data, syntax), description.dtype)
    return found.reshape(description.shape)


def packed_native_frame(description: PixelDescription, data: bytes, syntax: str) -> bytes:
    """As `native_frame`, but single bits in as few bytes as they need."""
    frame = native_frame(description, data, syntax)
    return b"".join(packed([frame])) if native_description(description, syntax).bits_allocated == 1 else frame


def _once(
    pacs: Pacs, ref: InstanceRef, opened: Opened, description: PixelDescription, number: int, function: Transcode
) -> bytes:
    syntax = opened.transfer_syntax_uid
    if syntax in NATIVE:
        return function(description, opened.frame(number), syntax)
    key = ref.object_key
    name = f"{FOLDER}/{key[:2]}/{key}-{number}-{function.__name__}-{FORM}"

    def decode() -> bytes:
        made = pacs.sandbox.run(function, description, opened.frame(number), syntax)
        if random.random() < len(made) / LOOKED_AFTER_EVERY:
            trim(pacs, MOST_KEPT, LEFT_AFTER)
        return made

    return pacs.sandbox.shared(name, lambda: _kept(pacs, name, decode))


def _kept(pacs: Pacs, name: str, decode: Callable[[], bytes]) -> bytes:
    if is_cached(pacs, name):
        with suppress(OSError):
            os.utime(pacs.settings.data / "cache" / name)
        return cached(pacs, name, decode)
    with alone(pacs, name):
        return cached(pacs, name, decode)


def trim(pacs: Pacs, most: int, left: int) -> None:
    """Forget what was not wanted for longest, down to so many bytes, where more than the most are kept."""
    files: list[tuple[float, int, Path]] = []
    for path in (pacs.settings.data / "cache" / FOLDER).glob("*/*"):
        with suppress(OSError):
            stat = path.stat()
            files.append((stat.st_mtime, stat.st_size, path))
    size = sum(one for _, one, _ in files)
    if size <= most:
        return
    for _, one, path in sorted(files):
        with suppress(OSError):
            path.unlink()
        size -= one
        if size <= left:
            return
