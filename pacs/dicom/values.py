"""Values of a header read with forgiveness: what is no number or no item is left out, and nothing is raised.

Elements are read raw, so that one bad value somewhere else in the header costs nothing.
"""

import math
import struct
from collections.abc import Iterable, Sequence

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

BINARY: dict[str, str] = {
    "US": "H",
    "SS": "h",
    "UL": "I",
    "SL": "i",
    "FL": "f",
    "FD": "d",
    "OB": "B",
    "OW": "H",
    "OF": "f",
    "OD": "d",
    "SV": "q",
    "UV": "Q",
}
"""The letter of the struct module for each binary VR (PS3.5 6.2)."""


def numbers(ds: Dataset, keyword: str, vr: str = "") -> tuple[float, ...]:
    """The values that are finite numbers; none when absent. vr settles what the dictionary leaves open (US or SS)."""
    element = element_of(ds, keyword)
    if element is None or element.value is None:
        return ()
    if isinstance(element, RawDataElement):
        return _numbers_of_bytes(element.value, _vr(element, keyword, vr), element.is_little_endian)
    value = element.value
    if isinstance(value, bytes):
        return _numbers_of_bytes(value, _vr(element, keyword, vr), True)
    return _finite(value if isinstance(value, Iterable) and not isinstance(value, str) else [value])


def number(ds: Dataset, keyword: str, vr: str = "") -> float | None:
    """The first value that is a number."""
    found = numbers(ds, keyword, vr)
    return found[0] if found else None


def integer(ds: Dataset, keyword: str, default: int = 0) -> int:
    """The first value that is a number, as an integer; the default where there is none."""
    found = numbers(ds, keyword)
    return int(found[0]) if found else default


def words(ds: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of a code string, a UID or another text without special characters; none when absent."""
    element = element_of(ds, keyword)
    if element is None or element.value is None:
        return ()
    if isinstance(element, RawDataElement):
        value = element.value.decode("latin-1").split("\\")
    else:
        several = isinstance(element.value, Iterable) and not isinstance(element.value, str | bytes)
        value = [str(one) for one in (element.value if several else [element.value])]
    found = tuple(one.strip(" \0") for one in value)
    return found if any(found) else ()


def word(ds: Dataset, keyword: str) -> str:
    """The first value; "" when absent."""
    found = words(ds, keyword)
    return found[0] if found else ""


def raw_bytes(ds: Dataset, keyword: str) -> bytes:
    """The value as it lies in the file; b"" when absent or not read."""
    element = element_of(ds, keyword)
    if element is None or not isinstance(element.value, bytes):
        return b""
    return element.value


def items(ds: Dataset, keyword: str) -> Sequence[Dataset]:
    """The items of a sequence; none when absent, empty or unreadable."""
    if keyword not in ds:
        return ()
    try:
        value = ds[keyword].value
    except Exception:  # pydicom raises what it likes on a broken sequence
        return ()
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()


def item(ds: Dataset, keyword: str) -> Dataset | None:
    """The first item of a sequence."""
    found = items(ds, keyword)
    return found[0] if found else None


def element_of(ds: Dataset, keyword: str) -> DataElement | RawDataElement | None:
    """The element as it was read; None when absent, or when pydicom cannot read it."""
    tag = Tag(keyword)
    try:
        return ds.get_item(tag) if tag in ds else None
    except Exception:  # pydicom raises what it likes on a VR that is none and a length that is too long
        return None


def _vr(element: DataElement | RawDataElement, keyword: str, vr: str) -> str:
    known = dictionary_VR(Tag(keyword))
    own = str(element.VR or "")
    if own in ("", "UN") or " or " in own:
        own = known
    return vr or "US" if " or " in own else own


def _numbers_of_bytes(value: bytes, vr: str, is_little_endian: bool) -> tuple[float, ...]:
    letter = BINARY.get(vr)
    if letter is None:
        return _finite(value.decode("latin-1").split("\\"))
    count = len(value) // struct.calcsize(letter)
    packed = struct.unpack_from(f"{'<' if is_little_endian else '>'}{count}{letter}", value)
    return tuple(one for one in packed if math.isfinite(one))


def _finite(values: Iterable[object]) -> tuple[float, ...]:
    found = []
    for value in values:
        try:
            number = float(str(value).strip(" \0"))
        except ValueError:
            continue
        if math.isfinite(number):
            found.append(number)
    return tuple(found)
