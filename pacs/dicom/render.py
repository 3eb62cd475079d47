"""A frame as a picture: the grayscale pipeline of PS3.4 N.2, or colours, and then a file of its media type."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pacs.dicom.pixels import PixelDescription, Samples, stored_values
from pacs.dicom.presentation import Palette, Presentation, Table, VoiFunction, Window
from pacs.errors import InvalidQuery, Undecodable

Picture = NDArray[np.uint8]
"""Shape (rows, columns), or (rows, columns, 3): red, green, blue."""

ONE = 1 << 16


@dataclass(frozen=True, slots=True)
class _Transform:
    """The terms of PS3.3 C.7.6.3.1.2, solved for red, green and blue: tables of 256 entries, times 65536."""

    y: NDArray[np.int32]
    cr_to_red: NDArray[np.int32]
    cb_to_green: NDArray[np.int32]
    cr_to_green: NDArray[np.int32]
    cb_to_blue: NDArray[np.int32]


def _term(factor: float, zero: int = 128) -> NDArray[np.int32]:
    return np.array([round((value - zero) * factor * ONE) for value in range(256)], np.int32)


YBR_FULL = _Transform(_term(1, 0), _term(1.402), _term(-0.344136), _term(-0.714136), _term(1.772))
YBR_PARTIAL = _Transform(_term(255 / 219, 16), _term(1.596027), _term(-0.391762), _term(-0.812968), _term(2.017232))
"""Luminance is 16 to 235, chrominance 16 to 240."""

SMALL_SCALE = 0.5
"""Below it a picture is a thumbnail of what it shows."""
TABLE_PAYS_UP_TO = 1 << 18
"""Different stored values for which a table of greys is made before the pixels are looked up in it."""


@dataclass(frozen=True, slots=True)
class Viewport:
    """The size of the picture, and the part of the frame it shows (PS3.18 8.3.5.1.3)."""

    width: int
    height: int
    region: tuple[float, float, float, float] | None = None
    """Left, top, width and height in pixels of the frame, infinity: up to its edge; None: all of it."""
    is_mirrored: bool = False
    """Left is shown right."""
    is_upside_down: bool = False


def render(
    description: PixelDescription,
    presentation: Presentation,
    samples: Samples,
    colour_space: str,
    window: Window | None = None,
    voi_function: VoiFunction | None = None,
) -> Picture:
    """What `decode_frame` gave as 8-bit grey or RGB of the same size.

    window: in place of the first of the presentation. Without any the VOI table, without that the range of the values
    in the frame. Raises Undecodable for colours that are no picture.
    """
    stored = stored_values(description, samples)
    if description.samples_per_pixel == 3:
        return rgb_of(description, stored, colour_space)
    if description.samples_per_pixel != 1:
        raise Undecodable(f"{description.samples_per_pixel} samples per pixel are no picture")
    if presentation.palette is not None:
        return _palette_colours(presentation.palette, stored)
    if description.photometric_interpretation == "PALETTE COLOR":
        raise Undecodable("the palette is missing or damaged")
    return _grey(description, presentation, stored, window, voi_function or presentation.voi_function)


def resized(picture: Picture, aspect: float, viewport: Viewport | None) -> Picture:
    """The picture with square pixels, as large as fits the viewport; without one as it is.

    aspect: height of a pixel by its width. Raises InvalidQuery for a region that lies outside.
    """
    if viewport is None:
        return picture
    image = Image.fromarray(picture)
    box = _box(viewport, image.size)
    width, height = box[2] - box[0], (box[3] - box[1]) * aspect
    scale = min(viewport.width / width, viewport.height / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Of far fewer pixels none is sharp enough to be worth the better filter.
    filtered = Image.Resampling.BILINEAR if scale < SMALL_SCALE else Image.Resampling.LANCZOS
    shown = np.asarray(image.resize(size, filtered, box, reducing_gap=2.0))
    shown = shown[:, ::-1] if viewport.is_mirrored else shown
    return shown[::-1] if viewport.is_upside_down else shown


def _box(viewport: Viewport, size: tuple[int, int]) -> tuple[float, float, float, float]:
    width, height = size
    left, top, across, down = viewport.region or (0, 0, math.inf, math.inf)
    box = left, top, min(width, left + across), min(height, top + down)
    if box[0] >= box[2] or box[1] >= box[3]:
        raise InvalidQuery(f"viewport: the region lies outside of {width} × {height} pixels")
    return box


def _grey(
    description: PixelDescription,
    presentation: Presentation,
    stored: Samples,
    window: Window | None,
    function: VoiFunction,
) -> Picture:
    if stored.dtype.kind == "f":
        stored = np.nan_to_num(stored, nan=0.0)
    low, high = stored.min().item(), stored.max().item()
    if stored.dtype.kind == "f" or high - low >= min(TABLE_PAYS_UP_TO, 4 * stored.size):
        return _greys_of(description, presentation, stored.astype(np.float64), stored, window, function)
    inputs = np.arange(low, high + 1)
    greys = _greys_of(description, presentation, inputs.astype(np.float64), stored, window, function)
    from_lowest = np.subtract(stored, low, dtype=stored.dtype)  # it may wrap: read as unsigned it is right again
    picture: Picture = greys.take(from_lowest.view(f"u{stored.dtype.itemsize}"))  # twice as fast as by index
    return picture


def _greys_of(
    description: PixelDescription,
    presentation: Presentation,
    inputs: NDArray[np.float64],
    stored: Samples,
    window: Window | None,
    function: VoiFunction,
) -> Picture:
    """The whole pipeline on stored values of any shape. stored: the frame, whose range is the window of last resort."""
    values = modality_values(presentation, inputs)
    window = window or (presentation.windows[0] if presentation.windows else None)
    if window is not None:
        unit = _windowed(values, window, function)
    elif presentation.voi_table is not None:
        unit = _looked_up(presentation.voi_table, values) / ((1 << presentation.voi_table.bits) - 1)
    else:
        unit = _stretched(description, presentation, values, stored)
    if presentation.presentation_table is not None:
        unit = _presented(presentation.presentation_table, unit)
    if presentation.is_inverse:
        unit = 1 - unit
    if presentation.padding is not None:
        first, last = presentation.padding
        unit = np.where((inputs >= first) & (inputs <= last), 0, unit)
    return np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)


def modality_values(presentation: Presentation, stored: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stored values as modality units (HU for CT), the shape kept (PS3.3 C.11.1)."""
    if presentation.modality_table is not None:
        return _looked_up(presentation.modality_table, stored)
    return stored * presentation.slope + presentation.intercept


def _looked_up(table: Table, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    entries = table.values
    indices = np.clip(np.rint(inputs) - table.first, 0, len(entries) - 1)
    outputs: NDArray[np.float64] = entries[indices.astype(np.intp)].astype(np.float64)
    return outputs


def _presented(table: Table, unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """All of the range of the input is spread over the entries (PS3.3 C.11.4)."""
    indices = np.rint(np.clip(unit, 0, 1) * (len(table.values) - 1)).astype(np.intp)
    return table.values[indices] / ((1 << table.bits) - 1)


def _windowed(values: NDArray[np.float64], window: Window, function: VoiFunction) -> NDArray[np.float64]:
    """0 to 1, and beyond where it is to be cut (PS3.3 C.11.2.1.2, C.11.2.1.3)."""
    center, width = window.center, window.width
    match function:
        case "LINEAR":
            if width <= 1:
                return (values > center - 0.5).astype(np.float64)
            return (values - (center - 0.5)) / (width - 1) + 0.5
        case "LINEAR_EXACT":
            return (values - center) / width + 0.5
        case "SIGMOID":
            exponent: NDArray[np.float64] = np.clip(-4 * (values - center) / width, -700, 700)
            return 1 / (1 + np.exp(exponent, dtype=np.float64))
        case _:
            assert_never(function)


def _stretched(
    description: PixelDescription, presentation: Presentation, values: NDArray[np.float64], stored: Samples
) -> NDArray[np.float64]:
    """The range of the frame's values from black to white, padding left out; single bits are black or white."""
    if description.bits_stored == 1:
        return values
    shown = stored
    if presentation.padding is not None:
        first, last = presentation.padding
        shown = stored[(stored < first) | (stored > last)]
    if shown.size == 0:
        return np.zeros_like(values)
    ends = modality_values(presentation, np.array([shown.min(), shown.max()], np.float64))
    low, high = ends.min(), ends.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _palette_colours(palette: Palette, stored: Samples) -> Picture:
    table = np.stack([np.frombuffer(channel, "u1") for channel in (palette.red, palette.green, palette.blue)], axis=1)
    indices = np.clip(stored.astype(np.int64) - palette.first, 0, len(table) - 1)
    return table[indices]


def rgb_of(description: PixelDescription, stored: Samples, colour_space: str) -> Picture:
    """Stored values of three samples as 8-bit red, green and blue. Raises Undecodable for floats."""
    if stored.dtype.kind == "f":
        raise Undecodable("colours of floating point samples are no picture")
    shift = description.bits_stored - 8
    unsigned = stored.view(f"u{stored.dtype.itemsize}")
    eight = unsigned.astype(np.uint8) if shift <= 0 else (unsigned >> shift).astype(np.uint8)
    if colour_space.startswith("YBR_PARTIAL"):
        return _transformed(eight, YBR_PARTIAL)
    return _transformed(eight, YBR_FULL) if colour_space.startswith("YBR") else eight


def _transformed(ybr: Picture, transform: "_Transform") -> Picture:
    """Luminance and chrominance as red, green and blue: sums of three tables in fixed point, rounded."""
    y = transform.y[ybr[..., 0]]
    rgb = np.empty(ybr.shape, np.int32)
    rgb[..., 0] = y + transform.cr_to_red[ybr[..., 2]]
    rgb[..., 1] = y + transform.cb_to_green[ybr[..., 1]] + transform.cr_to_green[ybr[..., 2]]
    rgb[..., 2] = y + transform.cb_to_blue[ybr[..., 1]]
    picture: Picture = np.clip((rgb + ONE // 2) >> 16, 0, 255).astype(np.uint8)
    return picture


ImageFormat = Literal["image/jpeg", "image/png", "image/gif", "image/jp2", "image/jxl"]
TAKE_PROFILES = frozenset(("image/jpeg", "image/png"))
"""Formats into which an ICC profile is put."""
PILLOW: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "image/jpeg": ("JPEG", {}),
    "image/png": ("PNG", {"compress_level": 3}),
    "image/gif": ("GIF", {}),
}
REVERSIBLE_QUALITY = 100


def encode(picture: Picture, media_type: ImageFormat, quality: int = 90, profile: bytes = b"") -> bytes:
    """The picture in a file of the media type.

    quality: 1 to 100, of those that lose something (PS3.18 8.3.5.1.2); 100 loses nothing in JPEG 2000 and JPEG XL.
    profile: ICC, for those that take one.
    """
    if media_type == "image/jp2":
        decibels = 0 if quality == REVERSIBLE_QUALITY else 20 + quality * 3 // 10
        reversible = quality == REVERSIBLE_QUALITY
        picture = np.ascontiguousarray(picture)
        return bytes(imagecodecs.jpeg2k_encode(picture, decibels, codecformat="JP2", reversible=reversible))
    if media_type == "image/jxl":
        picture = np.ascontiguousarray(picture)
        lossless = quality == REVERSIBLE_QUALITY
        return bytes(imagecodecs.jpegxl_encode(picture, None if lossless else quality, lossless=lossless))
    name, options = PILLOW[media_type]
    out = io.BytesIO()
    Image.fromarray(picture).save(out, name, quality=quality, icc_profile=profile or None, **options)
    return out.getvalue()


def encode_film(pictures: Sequence[Picture], milliseconds: float) -> bytes:
    """Pictures of one size as an animated GIF without end. milliseconds: that each is shown."""
    first, *more = (Image.fromarray(picture) for picture in pictures)
    out = io.BytesIO()
    first.save(out, "GIF", save_all=True, append_images=more, duration=max(20, round(milliseconds)), loop=0)
    return out.getvalue()
