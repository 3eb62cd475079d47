"""How stored values become what is seen, read from a header: rescale, windows, tables, palette (PS3.3 C.11, C.7.6.3).

The renderer of the server and the viewer's document both read it here, so that they show the same.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from pacs.dicom.functional_groups import functional_group
from pacs.dicom.pixels import PixelDescription
from pacs.dicom.values import item, number, numbers, raw_bytes, word, words

VoiFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
COLOURS = ("Red", "Green", "Blue")
MOST_ENTRIES = 1 << 16


@dataclass(frozen=True, slots=True)
class Window:
    """Centre and width in modality units."""

    center: float
    width: float
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A look-up table: input `first + i` gives entry i; inputs beyond an end take that end's entry."""

    first: int
    bits: int
    """Outputs are 0 to 2^bits - 1."""
    entries: bytes
    """Unsigned 16-bit little-endian."""

    @property
    def values(self) -> NDArray[np.uint16]:
        return np.frombuffer(self.entries, "<u2")


@dataclass(frozen=True, slots=True)
class Palette:
    """Red, green and blue, one byte an entry, for stored value `first + i`."""

    first: int
    red: bytes
    green: bytes
    blue: bytes


@dataclass(frozen=True, slots=True)
class Presentation:
    """The grayscale pipeline of one frame (PS3.4 N.2), or its palette."""

    slope: float
    intercept: float
    rescale_type: str
    modality_table: Table | None
    """In place of slope and intercept."""
    windows: tuple[Window, ...]
    """Those that can be applied, in their order."""
    voi_function: VoiFunction
    voi_table: Table | None
    padding: tuple[float, float] | None
    """Stored values that are no picture, both ends included."""
    is_inverse: bool
    palette: Palette | None
    presentation_table: Table | None = None
    """From black to white, whatever the entries are (PS3.3 C.11.4)."""


def presentation_of(ds: Dataset, description: PixelDescription, frame_number: int = 1) -> Presentation:
    """What a header says of a frame; what it says wrongly is as if it were not said."""
    rescale = functional_group(ds, "PixelValueTransformationSequence", frame_number)
    voi = functional_group(ds, "FrameVOILUTSequence", frame_number)
    rescale = ds if rescale is None else rescale
    voi = ds if voi is None else voi
    function = _voi_function(voi)
    slope = number(rescale, "RescaleSlope")
    return Presentation(
        slope=slope if slope else 1.0,
        intercept=number(rescale, "RescaleIntercept") or 0.0,
        rescale_type=word(rescale, "RescaleType"),
        modality_table=_table(ds, "ModalityLUTSequence", description.is_signed),
        windows=_windows(voi, function),
        voi_function=function,
        voi_table=_table(voi, "VOILUTSequence", description.is_signed or _reaches_below_zero(rescale)),
        padding=_padding(ds, description),
        is_inverse=description.photometric_interpretation == "MONOCHROME1"
        or word(ds, "PresentationLUTShape") == "INVERSE",
        palette=_palette(ds, description) if description.photometric_interpretation == "PALETTE COLOR" else None,
        presentation_table=_table(ds, "PresentationLUTSequence", False),
    )


def _voi_function(voi: Dataset) -> VoiFunction:
    match word(voi, "VOILUTFunction"):
        case "LINEAR_EXACT":
            return "LINEAR_EXACT"
        case "SIGMOID":
            return "SIGMOID"
        case _:
            return "LINEAR"


def _windows(voi: Dataset, function: VoiFunction) -> tuple[Window, ...]:
    """PS3.3 C.11.2.1.2: LINEAR needs a width of at least 1, the others one above 0."""
    centers, widths = numbers(voi, "WindowCenter"), numbers(voi, "WindowWidth")
    explanations = words(voi, "WindowCenterWidthExplanation") + ("",) * len(centers)
    pairs = zip(centers, widths, explanations, strict=False)
    return tuple(Window(*pair) for pair in pairs if (pair[1] >= 1 if function == "LINEAR" else pair[1] > 0))


def _padding(ds: Dataset, description: PixelDescription) -> tuple[float, float] | None:
    """PS3.3 C.7.5.1.1.2, C.7.6.3: of the kind of the stored values."""
    if description.keyword != "PixelData":
        value = number(ds, description.keyword.replace("PixelData", "PixelPaddingValue"))
        limit = number(ds, description.keyword.replace("PixelData", "PixelPaddingRangeLimit"))
    else:
        vr = "SS" if description.is_signed else "US"
        value = number(ds, "PixelPaddingValue", vr)
        limit = number(ds, "PixelPaddingRangeLimit", vr)
    if value is None:
        return None
    return (value, value) if limit is None else (min(value, limit), max(value, limit))


def _reaches_below_zero(rescale: Dataset) -> bool:
    return (number(rescale, "RescaleIntercept") or 0) < 0


def _table(ds: Dataset, keyword: str, is_signed: bool) -> Table | None:
    """The table of the first item. PS3.3 C.11.1.1.1: entries, first input, bits of an entry."""
    found = item(ds, keyword)
    if found is None:
        return None
    descriptor = _descriptor(found, "LUTDescriptor", is_signed)
    if descriptor is None:
        return None
    count, first, bits = descriptor
    entries = _entries(found, "LUTData", count)
    if entries is None:
        return None
    return Table(first, min(max(bits, int(entries.max()).bit_length()), 16), entries.astype("<u2").tobytes())


def _descriptor(ds: Dataset, keyword: str, is_signed: bool) -> tuple[int, int, int] | None:
    described = numbers(ds, keyword, "US")
    if len(described) < 3:
        return None
    count, first, bits = (int(one) for one in described[:3])
    if is_signed and first >= 1 << 15:
        first -= 1 << 16
    return count % MOST_ENTRIES or MOST_ENTRIES, first, bits


def _entries(ds: Dataset, keyword: str, count: int) -> NDArray[np.uint16] | None:
    """The entries as they are, one byte each where there are bytes for no more; None when some are missing."""
    data = raw_bytes(ds, keyword)
    if data:
        words_ = _words(ds, keyword, data)
        found = words_ if len(words_) >= count else np.frombuffer(words_.tobytes(), "u1").astype("<u2")
    else:
        found = np.array(numbers(ds, keyword, "US"), "<u2")
    return found[:count] if len(found) >= count else None


def _words(ds: Dataset, keyword: str, data: bytes) -> NDArray[np.uint16]:
    element = ds.get_item(Tag(keyword))
    is_big_endian = isinstance(element, RawDataElement) and not element.is_little_endian
    return np.frombuffer(data[: len(data) // 2 * 2], ">u2" if is_big_endian else "<u2").astype("<u2")


def _palette(ds: Dataset, description: PixelDescription) -> Palette | None:
    """PS3.3 C.7.6.3.1.5 and C.7.6.3.1.6; the descriptor of red holds for all three."""
    descriptor = _descriptor(ds, "RedPaletteColorLookupTableDescriptor", description.is_signed)
    if descriptor is None:
        return None
    count, first, bits = descriptor
    channels = [_channel(ds, colour, count) for colour in COLOURS]
    tables = [channel for channel in channels if channel is not None]
    if len(tables) < 3:
        return None
    # Some write 8-bit entries where they announce 16 bits.
    shift = 8 if bits > 8 and max(int(table.max()) for table in tables) > 255 else 0
    red, green, blue = ((table >> shift).astype("u1").tobytes() for table in tables)
    return Palette(first, red, green, blue)


def _channel(ds: Dataset, colour: str, count: int) -> NDArray[np.uint16] | None:
    plain = _entries(ds, f"{colour}PaletteColorLookupTableData", count)
    if plain is not None:
        return plain
    keyword = f"Segmented{colour}PaletteColorLookupTableData"
    data = raw_bytes(ds, keyword)
    return _written_out(_words(ds, keyword, data).tolist(), count) if data else None


def _written_out(segments: list[int], count: int) -> NDArray[np.uint16] | None:
    """Discrete, linear and indirect segments of PS3.3 C.7.9.2; None when they do not give all the entries."""
    entries: list[int] = []
    position = 0
    try:
        while position < len(segments) and len(entries) < count:
            position = _append_segment(segments, position, entries, count)
    except (IndexError, ValueError):
        return None
    return np.array(entries[:count], "<u2") if len(entries) >= count else None


def _append_segment(segments: list[int], position: int, entries: list[int], count: int) -> int:
    """Appends what one segment says, and tells where the next one begins."""
    code, length = segments[position], segments[position + 1]
    match code:
        case 0:
            entries += segments[position + 2 : position + 2 + length]
            return position + 2 + length
        case 1:
            start, end = entries[-1], segments[position + 2]
            entries += [round(start + (end - start) * step / length) for step in range(1, length + 1)]
            return position + 3
        case 2:
            copied = (segments[position + 2] | segments[position + 3] << 16) // 2
            for _ in range(length):
                if segments[copied] > 1 or len(entries) >= count:
                    break
                copied = _append_segment(segments, copied, entries, count)
            return position + 4
        case _:
            raise ValueError(code)
