"""Pictures of kept frames: rendered and thumbnail resources (PS3.18 8.3.5, 10.4.1.1.3)."""

import hashlib
from dataclasses import dataclass

from pacs.archive.cache import cached
from pacs.archive.headers import open_instance, read_header
from pacs.archive.selection import InstanceRef, frame_table
from pacs.context import Pacs
from pacs.dicom.pixels import DEFLATED, colour_space_of, decode_frame, pixel_description
from pacs.dicom.presentation import VoiFunction, Window, presentation_of
from pacs.dicom.render import ImageFormat, Viewport, encode, render, resized
from pacs.dicom.spacing import aspect_of, spacing_of
from pacs.errors import NotFound

THUMBNAIL = Viewport(128, 128)
THUMBNAIL_QUALITY = 80
FORM = 1
"""Counts the changes of how pictures are made: those that an older program kept are not given."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a frame is to be shown; by default as its header says, at its own size."""

    media_type: ImageFormat = "image/jpeg"
    quality: int = 90
    """Of a JPEG, 1 to 100."""
    viewport: Viewport | None = None
    window: Window | None = None
    voi_function: VoiFunction | None = None


AS_KEPT = Appearance()
SMALL = Appearance(quality=THUMBNAIL_QUALITY, viewport=THUMBNAIL)
USUAL = frozenset((AS_KEPT, Appearance("image/png"), SMALL))
"""Pictures that are kept. Others a client could ask for in endless variety."""


def rendered(pacs: Pacs, ref: InstanceRef, frame: int = 1, appearance: Appearance = AS_KEPT) -> bytes:
    """A PNG or JPEG of one frame. Raises NotFound, Undecodable, OutOfResources."""
    if appearance not in USUAL:
        return _picture(pacs, ref, frame, appearance)
    digest = hashlib.sha256(repr((FORM, frame, appearance)).encode()).hexdigest()[:16]
    name = f"pictures/{ref.object_key[:2]}/{ref.object_key}-{digest}"
    return cached(pacs, name, lambda: _picture(pacs, ref, frame, appearance))


def thumbnail(pacs: Pacs, ref: InstanceRef, frame: int | None = None, viewport: Viewport = THUMBNAIL) -> bytes:
    """A small JPEG of a frame, the middle one unless told. Raises NotFound, Undecodable, OutOfResources."""
    appearance = Appearance(quality=THUMBNAIL_QUALITY, viewport=viewport)
    return rendered(pacs, ref, frame or max(1, (ref.number_of_frames + 1) // 2), appearance)


def representative(refs: list[InstanceRef]) -> InstanceRef:
    """The instance whose picture stands for them all: the middle one of those with frames. Raises NotFound."""
    with_frames = [ref for ref in refs if ref.has_frames or ref.transfer_syntax_uid == DEFLATED]
    if not with_frames:
        raise NotFound("there is no picture")
    return with_frames[len(with_frames) // 2]


def _picture(pacs: Pacs, ref: InstanceRef, number: int, appearance: Appearance) -> bytes:
    opened = open_instance(pacs, ref, frame_table(pacs, ref))
    data, syntax = opened.frame(number), opened.transfer_syntax_uid
    header = read_header(pacs, ref, opened)
    description = pixel_description(header)
    picture = render(
        description,
        presentation_of(header, description, number),
        decode_frame(description, data, syntax),
        colour_space_of(description, data, syntax),
        appearance.window,
        appearance.voi_function,
    )
    aspect = aspect_of(header, spacing_of(header, number)[0])
    return encode(resized(picture, aspect, appearance.viewport), appearance.media_type, appearance.quality)
