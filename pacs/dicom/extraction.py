"""Headers of instances made of others: of some frames (PS3.4 Y.3.3), or of everything but the bulk (PS3.4 Z.1.3).

They work on headers that `rewrite` has written: little endian, every sequence and item of a known length.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from pacs.dicom.frame_list import CalculatedList, FrameSelection, SimpleList, TimeRange
from pacs.dicom.rewrite import ITEM, LONG_VRS, UNDEFINED, Change, element, element_header, vr_of
from pacs.errors import NotExtractable, NotOfThisClass

Elements = dict[int, tuple[str, bytes]]
"""VR and value by tag."""

SOP_INSTANCE_UID = 0x00080018
CONTENT_DATE, CONTENT_TIME = 0x00080023, 0x00080033
SOURCE_SOP_INSTANCE_UID = 0x00081167
FRAME_EXTRACTION_SEQUENCE = 0x00081164
CONTRIBUTING_EQUIPMENT_SEQUENCE = 0x0018A001
FRAME_TIME, FRAME_TIME_VECTOR, FRAME_DELAY = 0x00181063, 0x00181065, 0x00181066
FRAME_REFERENCE_DATETIME, FRAME_CONTENT_SEQUENCE = 0x00189151, 0x00209111
DIMENSION_ORGANIZATION_TYPE = 0x00209311
NUMBER_OF_FRAMES, FRAME_INCREMENT_POINTER = 0x00280008, 0x00280009
PER_FRAME_FUNCTIONAL_GROUPS = 0x52009230
WAVEFORM_SEQUENCE, WAVEFORM_DATA = 0x54000100, 0x54001010
OVERLAYS, OVERLAY_FRAMES = 0x6000, 0x0015

VECTORS = {
    **dict.fromkeys((0x00182003, 0x00182004, 0x00182005, 0x3004000C), "text"),
    0x00182002: "text",
    **dict.fromkeys((0x00540010, 0x00540020, 0x00540030, 0x00540050, 0x00540060, 0x00540070), "words"),
    **dict.fromkeys((0x00540080, 0x00540090, 0x00540100), "words"),
}
"""Attributes with a value for each frame: labels, angles and places of frames, NM and PET vectors, dose offsets."""
DROPPED = (
    *(0x00209161, 0x00209162, 0x00209163, 0x00209228, 0x00200242),  # concatenations (Y.3.3)
    *(0x00287FE0, 0x7FE00001, 0x7FE00002),  # Pixel Data Provider URL, Extended Offset Table
    # Optional ones that number frames: trims, effective duration, representative frame, frames of interest, masks.
    *(0x00082142, 0x00082143, 0x00180072, 0x00286010, 0x00286020, 0x00286022, 0x00286100),
)
WITHOUT_BULK: Mapping[int, Change] = dict.fromkeys(  # PS3.4 Table Z.1-1; pixel data ends the header
    (
        *(0x00287FE0, 0x56000020, 0x00420011, 0x7FE00001, 0x7FE00002),
        *(group << 16 | 0x3000 for group in (*range(0x5000, 0x5100, 2), *range(0x6000, 0x6100, 2))),
        *(group << 16 | 0x200C for group in range(0x5000, 0x5100, 2)),
    )
)


def elements_of(data: bytes, is_implicit: bool) -> Elements:
    """The elements of a header or item that `rewrite` has written."""
    found: Elements = {}
    place = 0
    while place < len(data):
        group, number = struct.unpack_from("<HH", data, place)
        tag = group << 16 | number
        vr = vr_of(tag) if is_implicit else data[place + 4 : place + 6].decode("ascii")
        if is_implicit or vr in LONG_VRS:
            place += 8 if is_implicit else 12
            (length,) = struct.unpack_from("<I", data, place - 4)
        else:
            place += 8
            (length,) = struct.unpack_from("<H", data, place - 2)
        if length == UNDEFINED:
            raise NotExtractable("the header has a value of unknown length")
        found[tag] = vr, data[place : place + length]
        place += length
    return found


def written(elements: Elements, is_implicit: bool) -> bytes:
    """In the order of their tags."""
    return b"".join(element(tag, *elements[tag], is_implicit) for tag in sorted(elements))


def items_of(value: bytes) -> Iterator[bytes]:
    """The items of a sequence."""
    place = 0
    while place < len(value):
        (length,) = struct.unpack_from("<I", value, place + 4)
        yield value[place + 8 : place + 8 + length]
        place += 8 + length


def sequence(items: Sequence[bytes]) -> bytes:
    """The value of a sequence."""
    return b"".join(struct.pack("<HHI", ITEM >> 16, ITEM & 0xFFFF, len(item)) + item for item in items)


def without_waveforms(elements: Elements, is_implicit: bool) -> Elements:
    """The same without what the items of the Waveform Sequence hold in bulk."""
    if WAVEFORM_SEQUENCE not in elements:
        return elements
    items = []
    for item in items_of(elements[WAVEFORM_SEQUENCE][1]):
        kept = elements_of(item, is_implicit)
        kept.pop(WAVEFORM_DATA, None)
        items.append(written(kept, is_implicit))
    return {**elements, WAVEFORM_SEQUENCE: ("SQ", sequence(items))}


def check_extractable(elements: Elements) -> None:
    """Raises NotOfThisClass for an instance whose frames mean nothing without the others."""
    if NUMBER_OF_FRAMES not in elements:
        raise NotOfThisClass("the instance is no multi-frame image")
    if _text(elements, DIMENSION_ORGANIZATION_TYPE) == "TILED_FULL":
        raise NotOfThisClass("the frames of this instance have their places by their number alone")


def frame_times_s(elements: Elements, count: int, is_implicit: bool) -> list[float] | None:
    """When each frame was taken, in seconds after the Content Time; None where nothing says so (PS3.4 Y.3.2.1.3)."""
    delay_ms = _number(elements, FRAME_DELAY) or 0.0
    steps_ms = _numbers(elements, FRAME_TIME_VECTOR)
    if len(steps_ms) == count:
        total = delay_ms
        return [(total := total + step) / 1000 for step in steps_ms]
    frame_time_ms = _number(elements, FRAME_TIME)
    if frame_time_ms:
        return [(delay_ms + index * frame_time_ms) / 1000 for index in range(count)]
    begin = _moment(_text(elements, CONTENT_DATE) + _text(elements, CONTENT_TIME))
    moments = [
        _moment(_reference_datetime(group, is_implicit))
        for group in items_of(elements.get(PER_FRAME_FUNCTIONAL_GROUPS, ("", b""))[1])
    ]
    if begin is None or len(moments) != count or None in moments:
        return None
    times = [(moment - begin).total_seconds() for moment in moments if moment is not None]
    return times if times == sorted(times) else None


def with_frames(
    elements: Elements,
    numbers: Sequence[int],
    sop_instance_uid: str,
    selection: FrameSelection,
    count: int,
    is_implicit: bool,
    station_name: str,
) -> Elements:
    """The header of a new instance of these frames, of so many.

    Private attributes are left out: who does not know them cannot say whether they number frames (PS3.4 Y.3.3).
    """
    made = {tag: value for tag, value in elements.items() if not tag >> 16 & 1 and tag not in DROPPED}
    made[SOP_INSTANCE_UID] = "UI", _uid(sop_instance_uid)
    made[NUMBER_OF_FRAMES] = "IS", _even(str(len(numbers)))
    for tag in VECTORS.keys() & made.keys():
        made[tag] = made[tag][0], _picked(made[tag][1], VECTORS[tag], numbers, count)
    if PER_FRAME_FUNCTIONAL_GROUPS in made:
        groups = list(items_of(made[PER_FRAME_FUNCTIONAL_GROUPS][1]))
        if len(groups) != count:
            raise NotExtractable("the functional groups are not as many as the frames")
        made[PER_FRAME_FUNCTIONAL_GROUPS] = "SQ", sequence([groups[number - 1] for number in numbers])
    _retime(made, numbers, count)
    _drop_overlays_of_frames(made)
    source = _text(elements, SOP_INSTANCE_UID)
    _append(made, FRAME_EXTRACTION_SEQUENCE, _extraction_item(source, selection, is_implicit))
    _append(made, CONTRIBUTING_EQUIPMENT_SEQUENCE, _equipment_item(station_name, is_implicit))
    return made


def _append(elements: Elements, tag: int, item: bytes) -> None:
    elements[tag] = "SQ", elements.get(tag, ("", b""))[1] + sequence([item])


def _extraction_item(source_uid: str, selection: FrameSelection, is_implicit: bool) -> bytes:
    """PS3.3 C.12.3."""
    item: Elements = {SOURCE_SOP_INSTANCE_UID: ("UI", _uid(source_uid))}
    match selection:
        case SimpleList(numbers):
            item[0x00081161] = "UL", struct.pack(f"<{len(numbers)}L", *numbers)
        case CalculatedList(ranges):
            flat = [number for one in ranges for number in one]
            item[0x00081162] = "UL", struct.pack(f"<{len(flat)}L", *flat)
        case TimeRange(start_s, stop_s):
            item[0x00081163] = "FD", struct.pack("<2d", start_s, stop_s)
    return written(item, is_implicit)


def _equipment_item(station_name: str, is_implicit: bool) -> bytes:
    """PS3.3 C.12.1.1.5 and PS3.4 Y.3.3."""
    purpose: Elements = {
        0x00080100: ("SH", _even("109105")),
        0x00080102: ("SH", _even("DCM")),
        0x00080104: ("LO", _even("Frame Extracting Equipment")),
    }
    item: Elements = {
        0x00080070: ("LO", _even("Filmless")),
        0x00081010: ("SH", _even(station_name)),
        0x0040A170: ("SQ", sequence([written(purpose, is_implicit)])),
    }
    return written(item, is_implicit)


def _retime(elements: Elements, numbers: Sequence[int], count: int) -> None:
    """Steps between the frames that are left, and the delay of the first (PS3.3 C.7.6.5)."""
    delay_ms = _number(elements, FRAME_DELAY) or 0.0
    steps_ms = _numbers(elements, FRAME_TIME_VECTOR)
    frame_time_ms = _number(elements, FRAME_TIME)
    if len(steps_ms) == count:
        times = [sum(steps_ms[:number]) for number in numbers]
    elif frame_time_ms:
        times = [(number - 1) * frame_time_ms for number in numbers]
    else:
        return
    steps = [0.0, *(after - before for before, after in pairwise(times))]
    if delay_ms or times[0]:
        elements[FRAME_DELAY] = "DS", _ds([delay_ms + times[0]])
    if len(steps_ms) != count and len(set(steps[1:])) <= 1:
        elements[FRAME_TIME] = "DS", _ds([steps[1] if len(steps) > 1 else frame_time_ms or 0.0])
        return
    elements.pop(FRAME_TIME, None)
    elements[FRAME_TIME_VECTOR] = "DS", _ds(steps)
    if len(elements[FRAME_TIME_VECTOR][1]) > 0xFFFE:
        raise NotExtractable("the times of so many frames do not fit into an element")
    elements[FRAME_INCREMENT_POINTER] = "AT", struct.pack("<HH", FRAME_TIME_VECTOR >> 16, FRAME_TIME_VECTOR & 0xFFFF)


def _drop_overlays_of_frames(elements: Elements) -> None:
    """Overlays that have frames of their own go: their bits follow each other without a boundary."""
    for group in range(OVERLAYS, OVERLAYS + 0x20, 2):
        if group << 16 | OVERLAY_FRAMES in elements:
            for tag in [tag for tag in elements if tag >> 16 == group]:
                del elements[tag]


def _picked(value: bytes, kind: str, numbers: Sequence[int], count: int) -> bytes:
    if kind == "words":
        values = [value[place : place + 2] for place in range(0, len(value), 2)]
        join: Callable[[list[bytes]], bytes] = b"".join
    else:
        values = value.split(b"\\")
        join = b"\\".join
    if len(values) != count:
        return value
    picked = join([values[number - 1].strip(b" ") if kind == "text" else values[number - 1] for number in numbers])
    return picked + b" " * (len(picked) % 2)


def _reference_datetime(group: bytes, is_implicit: bool) -> str:
    content = elements_of(group, is_implicit).get(FRAME_CONTENT_SEQUENCE, ("", b""))[1]
    return next((_text(elements_of(item, is_implicit), FRAME_REFERENCE_DATETIME) for item in items_of(content)), "")


def _moment(text: str) -> datetime | None:
    """A DT of seconds or finer. Its offset from UTC is not looked at: Content Time has none."""
    digits, _, fraction = text.partition("&")[0].partition("+")[0].partition("-")[0].partition(".")
    try:
        whole = datetime.strptime(digits, "%Y%m%d%H%M%S")
        return whole.replace(microsecond=int(fraction[:6].ljust(6, "0")) if fraction else 0)
    except ValueError:
        return None


def _text(elements: Elements, tag: int) -> str:
    return elements.get(tag, ("", b""))[1].decode("ascii", "replace").strip(" \0")


def _number(elements: Elements, tag: int) -> float | None:
    return next(iter(_numbers(elements, tag)), None)


def _numbers(elements: Elements, tag: int) -> list[float]:
    text = _text(elements, tag)
    try:
        return [float(number) for number in text.split("\\")] if text else []
    except ValueError:
        return []


def _ds(numbers: Sequence[float]) -> bytes:
    return _even("\\".join(f"{number:.10g}" for number in numbers))


def _uid(uid: str) -> bytes:
    return uid.encode("ascii") + b"\0" * (len(uid) % 2)


def _even(text: str) -> bytes:
    return (text + " " * (len(text) % 2)).encode("ascii", "replace")


def encapsulated(frames: Iterator[bytes], is_implicit: bool = False) -> Iterator[bytes]:
    """Pixel Data of one fragment a frame and without an offset table (PS3.5 A.4)."""
    yield element_header(0x7FE00010, "OB", UNDEFINED, is_implicit) + struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    for frame in frames:
        yield struct.pack("<HHI", 0xFFFE, 0xE000, len(frame) + len(frame) % 2)
        yield frame + b"\0" * (len(frame) % 2)
    yield struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
