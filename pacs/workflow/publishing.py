"""What a reader has drawn and marked, made DICOM objects of the study, for whoever reads it elsewhere.

A publication is decided in one transaction: its UIDs, its time and what is in it are written down, and its objects
follow from that alone, bit for bit. So whoever asks twice, or after a crash, gets the same objects and no second ones.
The next one of the same reader is a new instance in the same series, and names the report that it replaces.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import NAMESPACE_OID, uuid4, uuid5

from pydicom.dataset import Dataset
from sqlalchemy import Connection, Row, Select, exists, insert, select

from pacs import audit
from pacs.archive.headers import read_headers
from pacs.archive.ingest import ingest
from pacs.archive.selection import InstanceRef, instances
from pacs.context import Actor, Pacs
from pacs.dicom.annotation_document import Annotation, FramePlace, Title
from pacs.dicom.edition import Edition, Reference
from pacs.dicom.pixels import pixel_description
from pacs.dicom.presentation import presentation_of
from pacs.dicom.presentation_state import Look, presentation_state
from pacs.dicom.spacing import aspect_of, spacing_of
from pacs.errors import NotFound, NotInThisState
from pacs.index import tables
from pacs.index.tables import publication as table
from pacs.workflow import annotations
from pacs.workflow.annotations import KeptAnnotation, KeyImage

Kind = Literal["sr", "gsps", "kos"]
KINDS: Mapping[Kind, tuple[int, str]] = {
    "sr": (9801, "Measurements"),
    "gsps": (9802, "Annotations"),
    "kos": (9803, "Key images"),
}
"""Number and description of the series."""


@dataclass(frozen=True, slots=True)
class Window:
    """How a series was shown when it was published."""

    series_instance_uid: str
    center: float
    width: float
    """In modality units."""
    is_inverted: bool = False


@dataclass(frozen=True, slots=True)
class Publication:
    """An object that was made."""

    sop_instance_uid: str
    series_instance_uid: str
    kind: Kind
    author: str
    published_at: datetime
    annotations: Mapping[str, int]
    """The versions that are in it, by id."""
    key_images: Sequence[str]
    """Ids."""


def publications(pacs: Pacs, actor: Actor, study: str) -> list[Publication]:
    """Those that are kept, of everybody, the oldest first. Raises NotAllowed, NotFound."""
    annotations.require_study(pacs, actor, study)
    is_kept = exists().where(tables.instance.c.sop_instance_uid == table.c.sop_instance_uid)
    with pacs.database.read() as connection:
        return [_publication(row) for row in connection.execute(_select(study).where(is_kept))]


def publish(
    pacs: Pacs, actor: Actor, study: str, *, language: str, title: Title, windows: Sequence[Window] = ()
) -> list[Publication]:
    """Make objects of all that the actor has drawn and marked in a study; again the same where nothing has changed.

    language: of what he typed. title: of his key images. windows: as he looks at his series.
    What is drawn on an image that is gone stays out. Raises NotAllowed, NotFound, NotInThisState when there is nothing
    of his, and what `ingest` raises.
    """
    actor.require("annotate")
    actor.require("store")
    drawn = annotations.of_author(annotations.annotations(pacs, actor, study), actor.name)
    marked = [one for one in annotations.key_images(pacs, actor, study) if one.author == actor.name]
    images = _Images(pacs, actor, study, drawn, marked)
    drawn = [one for one in drawn if images.has(one.annotation)]
    marked = [one for one in marked if one.sop_instance_uid in images.references]
    if not drawn and not marked:
        raise NotInThisState("there is nothing of yours to publish")
    parts = list(_parts(images, drawn, marked, windows, {"language": language, "title": title}))
    with pacs.database.write() as connection:
        decided = [_decided(connection, actor, study, one) for one in parts]
    for part, one in zip(parts, decided, strict=True):
        if not one.is_kept:
            file = _file(pacs, images, part, one)
            ingest(pacs, actor, io.BytesIO(file), study_instance_uid=study)
    return [_publication(one.row) for one in decided]


@dataclass(frozen=True, slots=True)
class _Part:
    """What one object is to hold."""

    kind: Kind
    group: str
    """Tells it from others of its kind."""
    drawn: Sequence[KeptAnnotation]
    marked: Sequence[KeyImage]
    options: Mapping[str, Any]
    """What else it depends on, as JSON."""
    look: Look | None = None


@dataclass(frozen=True, slots=True)
class _Decided:
    """Which object a part is, and what it replaces."""

    row: Row[Any]
    former: Reference | None
    is_kept: bool


class _Images:
    """The instances that a reader's work is about, and their headers as they are kept."""

    def __init__(
        self, pacs: Pacs, actor: Actor, study: str, drawn: Sequence[KeptAnnotation], marked: Sequence[KeyImage]
    ) -> None:
        places = [one.annotation.place for one in drawn]
        frames = {place.sop_instance_uid for place in places if isinstance(place, FramePlace)}
        volumes = {place.series_instance_uid for place in places if not isinstance(place, FramePlace)}
        refs = _found(pacs, actor, study, sop=frames | {one.sop_instance_uid for one in marked})
        self.of_volumes = [_reference(ref) for ref in _found(pacs, actor, study, series=volumes)]
        self.references = {ref.sop_instance_uid: _reference(ref) for ref in refs}
        headers = read_headers(pacs, refs or _found(pacs, actor, study, series=volumes)[:1])
        self.headers = {ref.sop_instance_uid: header for ref, _, header in headers}

    @property
    def any(self) -> Dataset:
        """A header of the study."""
        return next(iter(self.headers.values()))

    def has(self, annotation: Annotation) -> bool:
        """Whether what it is drawn on is still there."""
        place = annotation.place
        if isinstance(place, FramePlace):
            return place.sop_instance_uid in self.references
        return any(one.series_instance_uid == place.series_instance_uid for one in self.of_volumes)


def _found(pacs: Pacs, actor: Actor, study: str, **wanted: set[str]) -> list[InstanceRef]:
    """Those of them that are there."""
    ((_, uids),) = wanted.items()
    try:
        return instances(pacs, actor, study, **wanted) if uids else []
    except NotFound:
        return []


def _reference(ref: InstanceRef) -> Reference:
    return Reference(
        ref.study_instance_uid,
        ref.series_instance_uid,
        ref.sop_class_uid,
        ref.sop_instance_uid,
        ref.number_of_frames > 1,
    )


def _parts(
    images: _Images,
    drawn: Sequence[KeptAnnotation],
    marked: Sequence[KeyImage],
    windows: Sequence[Window],
    options: Mapping[str, Any],
) -> Iterator[_Part]:
    """A report of all, a presentation state for images that look alike, a selection of the key images."""
    if drawn:
        yield _Part("sr", "", drawn, (), {"language": options["language"]})
    by_look: dict[Look, list[KeptAnnotation]] = {}
    for one in drawn:
        if isinstance(one.annotation.place, FramePlace):
            by_look.setdefault(_look(images, one.annotation.place, windows), []).append(one)
    for look, alike in by_look.items():
        yield _Part("gsps", hashlib.sha256(repr(look).encode()).hexdigest()[:16], alike, (), {}, look)
    if marked:
        yield _Part("kos", "", (), marked, {"title": options["title"]})


def _look(images: _Images, place: FramePlace, windows: Sequence[Window]) -> Look:
    header = images.headers[place.sop_instance_uid]
    description = pixel_description(header)
    spacing, _ = spacing_of(header, place.frame_number)
    is_colour = description.samples_per_pixel > 1 or description.photometric_interpretation == "PALETTE COLOR"
    presentation = presentation_of(header, description, place.frame_number)
    shown = next((one for one in windows if one.series_instance_uid == place.series_instance_uid), None)
    own = presentation.windows[0] if presentation.windows else None
    window = shown or own
    return Look(
        place.series_instance_uid,
        description.rows,
        description.columns,
        spacing,
        aspect_of(header, spacing),
        None if is_colour else presentation,
        (window.center, window.width) if window and not is_colour else None,
        presentation.voi_function,
        presentation.is_inverse != (shown is not None and shown.is_inverted),
    )


def _decided(connection: Connection, actor: Actor, study: str, part: _Part) -> _Decided:
    """A new object, unless the last one of its group says the same."""
    content = {
        "group": part.group,
        "annotations": {one.annotation.id: one.version for one in part.drawn},
        "key_images": sorted(one.id for one in part.marked),
        "options": part.options,
    }
    rows = connection.execute(_select(study).where(table.c.kind == part.kind, table.c.author == actor.name)).all()
    alike = [row for row in rows if json.loads(row.content)["group"] == part.group]
    if alike and _said(alike[-1]) == content:
        former = _newest_kept(connection, alike[:-1])
        return _Decided(alike[-1], former, _newest_kept(connection, alike[-1:]) is not None)
    series = uuid5(NAMESPACE_OID, f"{study} {part.kind} {actor.name}")
    made = {"series_instance_uid": f"2.25.{series.int}", "instance_number": len(rows) + 1}
    sop = f"2.25.{uuid4().int}"
    values = {
        "sop_instance_uid": sop,
        "study_instance_uid": study,
        "kind": part.kind,
        "author": actor.name,
        "published_at": datetime.now(UTC),
        "content": json.dumps(content | made),
    }
    connection.execute(insert(table).values(values))
    audit.record(connection, actor, "published", study_instance_uid=study, detail=f"{part.kind} {sop}")
    row = connection.execute(_select(study).where(table.c.sop_instance_uid == sop)).one()
    return _Decided(row, _newest_kept(connection, alike), False)


def _said(row: Row[Any]) -> dict[str, Any]:
    """What an object holds, without which one it is."""
    content = json.loads(row.content)
    return {key: content[key] for key in ("group", "annotations", "key_images", "options")}


def _newest_kept(connection: Connection, rows: Sequence[Row[Any]]) -> Reference | None:
    """The newest of these that is there."""
    for row in reversed(rows):
        known = select(tables.instance.c.sop_class_uid).where(
            tables.instance.c.sop_instance_uid == row.sop_instance_uid
        )
        if found := connection.execute(known).first():
            series = json.loads(row.content)["series_instance_uid"]
            return Reference(row.study_instance_uid, series, found.sop_class_uid, row.sop_instance_uid)
    return None


def _file(pacs: Pacs, images: _Images, part: _Part, decided: _Decided) -> bytes:
    # highdicom takes half a second to load: most processes never publish anything.
    from pacs.dicom.key_object_selection import key_object_selection
    from pacs.dicom.measurement_report import measurement_report

    row = decided.row
    made = json.loads(row.content)
    number, description = KINDS[part.kind]
    edition = Edition(
        row.study_instance_uid,
        made["series_instance_uid"],
        row.sop_instance_uid,
        number,
        made["instance_number"],
        row.author,
        row.published_at,
        pacs.settings.ae_title,
        description,
    )
    drawn = [one.annotation for one in part.drawn]
    if part.kind == "sr":
        language, replaces = part.options["language"], [decided.former] if decided.former else []
        references = [*_drawn_on(images, drawn), *images.of_volumes]
        return measurement_report(edition, images.any, references, drawn, language=language, replaces=replaces)
    if part.look is not None:
        return presentation_state(edition, images.any, part.look, _drawn_on(images, drawn), drawn)
    frames = [(images.references[one.sop_instance_uid], one.frame_number) for one in part.marked]
    return key_object_selection(edition, images.any, frames, part.options["title"])


def _drawn_on(images: _Images, drawn: Sequence[Annotation]) -> list[Reference]:
    """The instances, each once."""
    uids = dict.fromkeys(one.place.sop_instance_uid for one in drawn if isinstance(one.place, FramePlace))
    return [images.references[uid] for uid in uids]


def _select(study: str) -> Select[Any]:
    """Those of a study, the oldest first."""
    return (
        select(table)
        .where(table.c.study_instance_uid == study)
        .order_by(table.c.published_at, table.c.sop_instance_uid)
    )


def _publication(row: Row[Any]) -> Publication:
    content = json.loads(row.content)
    return Publication(
        row.sop_instance_uid,
        content["series_instance_uid"],
        row.kind,
        row.author,
        row.published_at,
        content["annotations"],
        content["key_images"],
    )
