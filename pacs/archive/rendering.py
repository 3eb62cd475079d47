"""Pictures and readable documents of kept instances: rendered and thumbnail resources (PS3.18 8.7.4, 10.4.1.1.3)."""

import hashlib
import os
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from pacs.archive.cache import cached
from pacs.archive.decoding import samples_of
from pacs.archive.headers import Opened, open_instance, read_header
from pacs.archive.outgoing import outgoing_header
from pacs.archive.selection import InstanceRef, frame_table, instances
from pacs.context import Actor, Pacs
from pacs.dicom.annotation import Annotation, annotated, icon, lines_of
from pacs.dicom.colour import ColourSpace, in_colour_space, profile_of
from pacs.dicom.document import TextFormat, report_of, written
from pacs.dicom.overlays import draw, overlays_of
from pacs.dicom.pixels import DEFLATED, PixelDescription, colour_space_of, pixel_description
from pacs.dicom.presentation import Presentation, VoiFunction, Window, presentation_of
from pacs.dicom.render import ImageFormat, Picture, Viewport, encode, encode_film, render, resized
from pacs.dicom.softcopy import COLOURS, GREYS, drawn_under, overlays_under, presentation_under, shown_by
from pacs.dicom.spacing import aspect_of, spacing_of
from pacs.dicom.values import integer, number
from pacs.errors import NotAcceptable, NotFound, Undecodable

THUMBNAIL = Viewport(128, 128)
THUMBNAIL_QUALITY = 80
FOLDER = "pictures"
FORM = 2
"""Counts the changes of how pictures are made: those that an older program kept are not given."""
MOST_KEPT = 16 << 20
"""Bytes of pictures in each of 256 folders: 4 GiB in all. Beyond that those that were made first go."""
LOOKED_AFTER_EVERY = 1 << 20
"""Bytes that are written into a folder between two looks at how much is in it, on average."""
MOST_IN_A_FILM = 1 << 28
"""Pixels of all frames of an animation: they are in memory at once."""
USUAL_FRAME_MS = 100.0

Kind = Literal["image", "film", "report", "pdf", "cda", "state", "other"]
"""What can be made of an instance: a picture, several, a text, the document that it holds, pictures of others."""
REPORT_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
DOCUMENTS: Mapping[str, Kind] = {
    "1.2.840.10008.5.1.4.1.1.104.1": "pdf",
    "1.2.840.10008.5.1.4.1.1.104.2": "cda",
    GREYS: "state",
    COLOURS: "state",
}
LABELS: Mapping[str, str] = {
    "1.2.840.10008.5.1.4.1.1.88.59": "KO",
    REPORT_CLASSES: "SR",
    "1.2.840.10008.5.1.4.1.1.104.1": "PDF",
    "1.2.840.10008.5.1.4.1.1.104.": "DOC",
    "1.2.840.10008.5.1.4.1.1.11.": "PR",
    "1.2.840.10008.5.1.4.1.1.9.": "WAVE",
    "1.2.840.10008.5.1.4.1.1.481.": "RT",
}
"""What stands on the icon of an instance without a picture, by the beginning of its SOP class; else DICOM."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a frame is to be shown; by default as its header says, at its own size."""

    media_type: ImageFormat = "image/jpeg"
    quality: int = 90
    """1 to 100, of a format that loses something."""
    viewport: Viewport | None = None
    window: Window | None = None
    voi_function: VoiFunction | None = None
    annotations: tuple[Annotation, ...] = ()
    colours: ColourSpace = "no"
    has_overlays: bool = True
    """They may name the patient."""


AS_KEPT = Appearance()


def kind_of(ref: InstanceRef) -> Kind:
    if ref.number_of_frames:
        return "image" if ref.number_of_frames == 1 else "film"
    if ref.sop_class_uid.startswith(REPORT_CLASSES):
        return "report"
    return DOCUMENTS.get(ref.sop_class_uid, "other")


@dataclass(frozen=True, slots=True)
class State:
    """A softcopy presentation state."""

    ref: InstanceRef
    header: Dataset


class Source:
    """An instance whose frames are asked for one after the other: opened once, and only if a picture is not kept."""

    def __init__(self, pacs: Pacs, ref: InstanceRef, state: State | None = None) -> None:
        """state: under which its frames are shown."""
        self.pacs = pacs
        self.ref = ref
        self.state = state

    @property
    def version(self) -> str:
        """Of all that a picture is made of."""
        return self.ref.version if self.state is None else f"{self.ref.version} {self.state.ref.version}"

    def rendered(self, frame: int = 1, appearance: Appearance = AS_KEPT) -> bytes:
        """A frame in a file of the media type; they count from 1.

        Raises NotFound, Undecodable, OutOfResources, InvalidQuery for a viewport outside of the frame.
        """
        return _kept(self, (frame, appearance), lambda: self._made(frame, appearance))

    def film(self, appearance: Appearance) -> bytes:
        """All frames as an animated GIF. Raises NotAcceptable when they are too many, else as `rendered`."""
        return _kept(self, ("film", appearance), lambda: self._film(appearance))

    def _made(self, frame: int, appearance: Appearance) -> bytes:
        picture, profile = self._picture(frame, appearance)
        return encode(picture, appearance.media_type, appearance.quality, profile)

    def _film(self, appearance: Appearance) -> bytes:
        count = self.ref.number_of_frames
        shown = appearance.viewport or Viewport(self._description.columns, self._description.rows)
        if count * shown.width * shown.height * self._description.samples_per_pixel > MOST_IN_A_FILM:
            raise NotAcceptable(f"an animation of {count} frames would be too large: ask for a smaller viewport")
        pictures = [self._picture(number, appearance)[0] for number in range(1, count + 1)]
        return encode_film(pictures, frame_milliseconds(self._header))

    def _picture(self, frame: int, appearance: Appearance) -> tuple[Picture, bytes]:
        description = self._description
        data, syntax = self._opened.frame(frame), self._opened.transfer_syntax_uid
        samples = samples_of(self.pacs, description, data, syntax)
        picture = render(
            description,
            self._presentation(frame),
            samples,
            colour_space_of(description, data, syntax),
            appearance.window,
            appearance.voi_function,
        )
        if appearance.has_overlays:
            header = self._header if self.state is None else overlays_under(self.state.header, self._header)
            picture = draw(picture, overlays_of(header, description, samples, frame))
        if self.state is not None:
            picture = drawn_under(self.state.header, picture, self.ref.sop_instance_uid, frame)
        profile = profile_of(self._header, data) if appearance.colours != "no" else b""
        picture, profile = in_colour_space(picture, profile, appearance.colours)
        aspect = aspect_of(self._header, spacing_of(self._header, frame)[0])
        return self._annotated(resized(picture, aspect, appearance.viewport), frame, appearance), profile

    def _presentation(self, frame: int) -> Presentation:
        if self.state is None:
            return presentation_of(self._header, self._description, frame)
        return presentation_under(self.state.header, self.ref.sop_instance_uid, self._description, frame)

    def _annotated(self, picture: Picture, frame: int, appearance: Appearance) -> Picture:
        if not appearance.annotations:
            return picture
        header = outgoing_header(self.pacs, self.ref, self._opened, self._header)
        lines = {one: lines_of(header, one, frame) for one in appearance.annotations}
        return annotated(picture, lines.get("patient", ()), lines.get("technique", ()))

    @cached_property
    def _opened(self) -> Opened:
        return open_instance(self.pacs, self.ref, frame_table(self.pacs, self.ref))

    @cached_property
    def _header(self) -> Dataset:
        return read_header(self.pacs, self.ref, self._opened)

    @cached_property
    def _description(self) -> PixelDescription:
        return pixel_description(self._header)


def rendered(pacs: Pacs, ref: InstanceRef, frame: int = 1, appearance: Appearance = AS_KEPT) -> bytes:
    """A picture of one frame. Raises NotFound, Undecodable, OutOfResources, InvalidQuery."""
    return Source(pacs, ref).rendered(frame, appearance)


def thumbnail(pacs: Pacs, ref: InstanceRef, frame: int | None = None, viewport: Viewport = THUMBNAIL) -> bytes:
    """A small JPEG of a frame, the middle one unless told. Raises NotFound, Undecodable, OutOfResources."""
    appearance = Appearance(quality=THUMBNAIL_QUALITY, viewport=viewport, has_overlays=False)
    return rendered(pacs, ref, frame or max(1, (ref.number_of_frames + 1) // 2), appearance)


def icon_of(ref: InstanceRef, viewport: Viewport = THUMBNAIL) -> bytes:
    """A small JPEG that stands for an instance without a picture."""
    fitting = (label for begin, label in LABELS.items() if ref.sop_class_uid.startswith(begin))
    return encode(icon(next(fitting, "DICOM"), viewport.width, viewport.height), "image/jpeg", THUMBNAIL_QUALITY)


def presented(pacs: Pacs, actor: Actor, ref: InstanceRef) -> list[tuple[Source, int]]:
    """The frames that a presentation state is about, in its order, each to be shown as it says.

    Raises NotAllowed, Undecodable, OutOfResources, and NotFound when none of its images is here.
    """
    state = State(ref, _outgoing(pacs, ref)[1])
    found: list[tuple[Source, int]] = []
    for shown in shown_by(state.header):
        with suppress(NotFound):
            (image,) = instances(pacs, actor, ref.study_instance_uid, shown.series_instance_uid, shown.sop_instance_uid)
            source = Source(pacs, image, state)
            found += [(source, frame) for frame in shown.frames or range(1, image.number_of_frames + 1)]
    if not found:
        raise NotFound("no image of the presentation state is here")
    return found


def representative(refs: list[InstanceRef]) -> InstanceRef:
    """The instance whose picture stands for them all: the middle one of those with frames. Raises NotFound."""
    with_frames = [ref for ref in refs if ref.has_frames or ref.transfer_syntax_uid == DEFLATED]
    if not with_frames:
        raise NotFound("there is no picture")
    return with_frames[len(with_frames) // 2]


def report(pacs: Pacs, ref: InstanceRef, form: TextFormat, link: Callable[[str, str, str], str]) -> bytes:
    """A structured report or a key object note to be read, corrected as it leaves.

    link: where a referenced instance is to be seen. Raises Undecodable, OutOfResources.
    """
    return written(report_of(_outgoing(pacs, ref)[1]), form, link)


def encapsulated_document(pacs: Pacs, ref: InstanceRef) -> bytes:
    """The document that an instance holds (PS3.3 C.24.2), as it was put in. Raises Undecodable, OutOfResources."""
    opened, header = _outgoing(pacs, ref)
    tag = Tag("EncapsulatedDocument")
    element = header.get_item(tag, keep_deferred=True) if tag in header else None
    value = element.value if element is not None else None
    if isinstance(element, RawDataElement) and value is None:
        value = opened.read(element.value_tell, element.value_tell + element.length)
    if not isinstance(value, bytes) or not value:
        raise Undecodable("the instance holds no document")
    return value[: integer(header, "EncapsulatedDocumentLength") or len(value)]


def frame_milliseconds(header: Dataset) -> float:
    """How long each frame is shown (PS3.3 C.7.6.5)."""
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        if (rate := number(header, keyword)) and rate > 0:
            return 1000 / rate
    milliseconds = number(header, "FrameTime")
    return milliseconds if milliseconds and milliseconds > 0 else USUAL_FRAME_MS


def _outgoing(pacs: Pacs, ref: InstanceRef) -> tuple[Opened, Dataset]:
    opened = open_instance(pacs, ref, None)
    return opened, outgoing_header(pacs, ref, opened, read_header(pacs, ref, opened))


def _kept(source: Source, what: tuple[object, Appearance], make: Callable[[], bytes]) -> bytes:
    pacs, ref = source.pacs, source.ref
    version = source.version if what[1].annotations or source.state is not None else ref.object_key
    digest = hashlib.sha256(repr((FORM, version, what)).encode()).hexdigest()[:16]
    folder = f"{FOLDER}/{ref.object_key[:2]}"

    def made() -> bytes:
        picture = make()
        if random.random() < len(picture) / LOOKED_AFTER_EVERY:
            _make_room(pacs, folder)
        return picture

    return cached(pacs, f"{folder}/{ref.object_key}-{digest}", made)


def _make_room(pacs: Pacs, folder: str) -> None:
    """Remove what was made first, down to three quarters of the bound, where a folder has grown beyond it."""
    with suppress(OSError), os.scandir(pacs.settings.data / "cache" / folder) as entries:
        files = [(entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in entries]
        left = sum(size for _, size, _ in files)
        if left <= MOST_KEPT:
            return
        for _, size, path in sorted(files):
            if left <= MOST_KEPT * 3 // 4:
                break
            with suppress(OSError):
                Path(path).unlink()
            left -= size
