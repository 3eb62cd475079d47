"""What the colours of a picture mean: its ICC profile, and the spaces it can be brought into (PS3.18 8.3.5.1.5)."""

import io
import struct
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from pydicom.dataset import Dataset

from pacs.dicom.values import items, raw_bytes

ColourSpace = Literal["no", "yes", "srgb", "adobergb", "rommrgb"]
"""The values of `iccprofile`: no profile, the picture's own, or one into which its colours are brought."""
Picture = NDArray[np.uint8]

D50 = (0.9642, 1.0, 0.8249)
"""The white of every profile's connection space (ICC.1:2022 7.2.16)."""
_Primaries = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
SRGB: _Primaries = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
"""IEC 61966-2-1 in D50."""
ADOBE_RGB: _Primaries = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
"""Red, green and blue of Adobe RGB (1998) in D50, as its specification gives them."""
ROMM_RGB: _Primaries = ((0.7976749, 0.2880402, 0.0), (0.1351917, 0.7118741, 0.0000857), (0.0313534, 0.0000857, 0.8249))
"""ISO 22028-2, Table 1, as the inverse matrix has them."""


def profile_of(ds: Dataset, frame: bytes) -> bytes:
    """The ICC profile of an image: of the image, of its first optical path, or in its frame's JPEG; b"" without any.

    One that is no profile of red, green and blue is as if it were not there.
    """
    found = raw_bytes(ds, "ICCProfile")
    for path in () if found else items(ds, "OpticalPathSequence"):
        found = found or raw_bytes(path, "ICCProfile")
    if not found and frame.startswith(b"\xff\xd8"):
        found = _embedded(frame)
    return found if found and _is_of_colours(found) else b""


def in_colour_space(picture: Picture, own: bytes, wanted: ColourSpace) -> tuple[Picture, bytes]:
    """The picture in the colours that are wanted, and the profile that says so; b"" when none is wanted.

    own: the image's profile; without one its colours, and greys, are taken to be sRGB.
    """
    if wanted == "no":
        return picture, b""
    colours = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    if wanted == "yes":
        return colours, own or PROFILES["srgb"]
    target = PROFILES[wanted]
    source = own or PROFILES["srgb"]
    if source == target:
        return colours, target
    image = ImageCms.profileToProfile(Image.fromarray(colours), _opened(source), _opened(target))
    assert image is not None  # only a transform in place gives none
    return np.asarray(image), target


def _embedded(frame: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(frame), formats=["JPEG"]) as image:
            profile: bytes = image.info.get("icc_profile") or b""
    except Exception:  # Pillow raises what it likes on a process it does not know
        return b""
    return profile


def _is_of_colours(profile: bytes) -> bool:
    try:
        return bool(_opened(profile).profile.xcolor_space.strip() == "RGB")
    except OSError:
        return False


def _opened(profile: bytes) -> Any:
    try:
        return ImageCms.getOpenProfile(io.BytesIO(profile))
    except ImageCms.PyCMSError as error:
        raise OSError("no ICC profile") from error


def _matrix_profile(name: str, primaries: _Primaries, curve: tuple[float, ...]) -> bytes:
    """A profile of three primaries and one curve (ICC.1:2022 8.3.3), of version 4.

    curve: the parameters of a `parametricCurveType`, one (type 0) or five (type 3) of them (10.18).
    """
    kind = {1: 0, 5: 3}[len(curve)]
    response = b"para" + bytes(4) + struct.pack(">HH", kind, 0) + b"".join(map(_fixed, curve))
    tags = {
        b"desc": _text(name),
        b"cprt": _text("Public domain"),
        b"wtpt": _xyz(D50),
        b"rXYZ": _xyz(primaries[0]),
        b"gXYZ": _xyz(primaries[1]),
        b"bXYZ": _xyz(primaries[2]),
        b"rTRC": response,
        b"gTRC": response,
        b"bTRC": response,
    }
    body, table = b"", struct.pack(">I", len(tags))
    begin = 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", begin + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    size = begin + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"", 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + b"".join(map(_fixed, D50))
    return head + bytes(128 - len(head)) + table + body


def _fixed(value: float) -> bytes:
    """An s15Fixed16Number (ICC.1:2022 4.6)."""
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, values))


def _text(text: str) -> bytes:
    """A multiLocalizedUnicodeType of one text (ICC.1:2022 10.15)."""
    encoded = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(encoded), 28) + encoded


PROFILES: Mapping[str, bytes] = {
    "srgb": _matrix_profile("sRGB", SRGB, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)),
    "adobergb": _matrix_profile("Adobe RGB (1998) compatible", ADOBE_RGB, (563 / 256,)),
    # Its curve is linear up to 1/32.
    "rommrgb": _matrix_profile("ROMM RGB compatible", ROMM_RGB, (1.8, 1.0, 0.0, 1 / 16, 1 / 32)),
}
