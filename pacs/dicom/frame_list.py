"""Which instances or frames a request of the composite instance models means (PS3.4 Y.3.2, Y.4, Z.4)."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from typing import Any

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue

from pacs.dicom.part10 import EXPLICIT_BIG_ENDIAN, IMPLICIT
from pacs.dicom.walk import check_data_set
from pacs.errors import InvalidFrames, InvalidInstance, InvalidQuery, NoSuchFrames, Untimed

SIMPLE_FRAME_LIST, CALCULATED_FRAME_LIST, TIME_RANGE = 0x00081161, 0x00081162, 0x00081163


@dataclass(frozen=True, slots=True)
class SimpleList:
    """Frames by their numbers, which count from 1 and grow."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CalculatedList:
    """Ranges of frames: the first number, the last, and the step between."""

    ranges: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From and to, both included, in seconds after the Content Time."""

    start_s: float
    stop_s: float


FrameSelection = SimpleList | CalculatedList | TimeRange


@dataclass(frozen=True, slots=True)
class CompositeRequest:
    """Whole instances, or the frames of one."""

    sop_instance_uids: tuple[str, ...]
    selection: FrameSelection | None = None


def parse_composite_request(data: bytes, transfer_syntax_uid: str) -> CompositeRequest:
    """What the identifier asks for. Raises InvalidQuery, and InvalidFrames for frames that cannot be meant."""
    try:
        check_data_set(BytesIO(data), len(data), transfer_syntax_uid)
        ds = read_dataset(BytesIO(data), transfer_syntax_uid in IMPLICIT, transfer_syntax_uid != EXPLICIT_BIG_ENDIAN)
        uids = tuple(filter(None, map(str, _values(ds, "SOPInstanceUID"))))
        level = str(ds.get("QueryRetrieveLevel", ""))
        selections = _selections(ds) if level == "FRAME" else []
    except InvalidInstance as error:
        raise InvalidQuery(f"the identifier cannot be read: {error}") from error
    except (ValueError, TypeError, OverflowError) as error:  # pydicom, on values that are none
        raise InvalidQuery("a value of the identifier cannot be read") from error
    if level not in ("IMAGE", "FRAME") or not uids:
        raise InvalidQuery("this model has the levels IMAGE and FRAME, and the key SOPInstanceUID")
    if level == "IMAGE":
        return CompositeRequest(uids)
    if len(uids) != 1 or len(selections) != 1:
        raise InvalidFrames("frames are asked for of one instance, by one kind of list")
    return CompositeRequest(uids, selections[0])


def selected(selection: FrameSelection, count: int, times_s: Sequence[float] | None) -> list[int]:
    """The numbers of the frames that are meant, of so many. times_s: when each was taken, if that is known.

    Raises NoSuchFrames, Untimed.
    """
    match selection:
        case SimpleList(numbers):
            found = [number for number in numbers if number <= count]
        case CalculatedList(ranges):
            found = [number for first, last, step in ranges for number in range(first, min(last, count) + 1, step)]
        case TimeRange(start_s, stop_s):
            if times_s is None:
                raise Untimed("nothing says when the frames of this instance were taken")
            found = list(range(bisect_left(times_s, start_s) + 1, bisect_right(times_s, stop_s) + 1))
    if not found:
        raise NoSuchFrames(f"the instance has the frames 1 to {count}")
    return found


def _selections(ds: Dataset) -> list[FrameSelection]:
    found: list[FrameSelection] = []
    if SIMPLE_FRAME_LIST in ds:
        found.append(_simple([int(value) for value in _values(ds, "SimpleFrameList")]))
    if CALCULATED_FRAME_LIST in ds:
        found.append(_calculated([int(value) for value in _values(ds, "CalculatedFrameList")]))
    if TIME_RANGE in ds:
        found.append(_time_range([float(value) for value in _values(ds, "TimeRange")]))
    return found


def _simple(numbers: list[int]) -> SimpleList:
    if not _grow([0, *numbers]) or not numbers:
        raise InvalidFrames("the numbers of a simple frame list grow, from 1")
    return SimpleList(tuple(numbers))


def _calculated(numbers: list[int]) -> CalculatedList:
    ranges = tuple(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=False))
    if not ranges or len(numbers) % 3 or not all(1 <= first <= last and step > 0 for first, last, step in ranges):
        raise InvalidFrames("a calculated frame list has a first and a last frame and a step, by threes")
    if any(before[1] >= after[0] for before, after in pairwise(ranges)):
        raise InvalidFrames("the ranges of a calculated frame list grow, and do not overlap")
    return CalculatedList(ranges)


def _time_range(bounds: list[float]) -> TimeRange:
    if len(bounds) != 2 or not bounds[0] <= bounds[1]:
        raise InvalidFrames("a time range has a start, and a stop that is not before it")
    return TimeRange(bounds[0], bounds[1])


def _grow(numbers: Sequence[int]) -> bool:
    return all(a < b for a, b in pairwise(numbers))


def _values(ds: Dataset, keyword: str) -> list[Any]:
    value = ds.get(keyword)
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, MultiValue | list) else [value]
