"""What readers draw on images, and the images they mark, kept until they are published as DICOM.

Each has one author, who alone changes it. A change names the version it was made from, so that of two places where
somebody works neither overwrites the other unseen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, func, insert, select, update

from pacs import audit
from pacs.archive.headers import open_instance, read_header
from pacs.archive.removals import missing
from pacs.archive.selection import instance_with_frames, instances
from pacs.context import Actor, Pacs
from pacs.dicom.annotation_document import Annotation, FramePlace, PlanePlace
from pacs.dicom.values import word
from pacs.errors import AlreadyThere, ChangedMeanwhile, InvalidQuery, NotAllowed, NotFound, TooLarge
from pacs.index import tables
from pacs.index.tables import annotation as annotations_table
from pacs.index.tables import key_image as key_images_table

MOST = 5000
"""Annotations, and key images, of a study."""


@dataclass(frozen=True, slots=True)
class KeptAnnotation:
    """An annotation as it is kept."""

    annotation: Annotation
    author: str
    """His login."""
    created_at: datetime
    changed_at: datetime
    version: int
    """From 1; each change counts it up."""
    is_removed: bool


@dataclass(frozen=True, slots=True)
class KeyImage:
    """A frame with a star."""

    id: str
    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    frame_number: int
    author: str
    created_at: datetime


def annotations(pacs: Pacs, actor: Actor, study: str) -> list[KeptAnnotation]:
    """Of everybody, the oldest first. Raises NotAllowed, NotFound when the study is not there."""
    require_study(pacs, actor, study)
    table = annotations_table
    wanted = select(table).where(table.c.study_instance_uid == study, table.c.removed_at.is_(None))
    with pacs.database.read() as connection:
        return [_kept(row) for row in connection.execute(wanted.order_by(table.c.created_at, table.c.id))]


def key_images(pacs: Pacs, actor: Actor, study: str) -> list[KeyImage]:
    """Of everybody, the oldest first. Raises NotAllowed, NotFound when the study is not there."""
    require_study(pacs, actor, study)
    table = key_images_table
    wanted = select(table).where(table.c.study_instance_uid == study).order_by(table.c.created_at, table.c.id)
    with pacs.database.read() as connection:
        return [_key_image(row) for row in connection.execute(wanted)]


def keep(pacs: Pacs, actor: Actor, study: str, annotation: Annotation, version: int | None) -> KeptAnnotation:
    """Keep an annotation, or what it has become; to keep the same again changes nothing. One that was removed is back.

    version: the one it was made from; None: it is new. Raises NotAllowed also for another's annotation, NotFound when
    what it is drawn on is not there, InvalidQuery when it cannot be drawn there, ChangedMeanwhile, AlreadyThere when
    its id is that of another study's, TooLarge.
    """
    actor.require("annotate")
    _require_place(pacs, actor, study, annotation.place)
    content = annotation.model_dump_json()
    with pacs.database.write() as connection:
        row = _row_of(connection, annotations_table, annotation.id)
        if row is None:
            return _kept(_add(connection, actor, study, annotation, content))
        if row.study_instance_uid != study:
            raise AlreadyThere(f"annotation {annotation.id} is another study's")
        _require_author(actor, row, "annotation")
        if row.content == content and row.removed_at is None:
            return _kept(row)
        _require_version(row, version)
        values = {"content": content, "series_instance_uid": annotation.place.series_instance_uid, "removed_at": None}
        return _kept(_change(connection, actor, row, "annotation-changed", values))


def remove(pacs: Pacs, actor: Actor, study: str, id: str, version: int | None) -> int:
    """Take an annotation away; to keep it again brings it back. Its version from then on.

    version: the one that is meant; None: whichever it is. Raises NotAllowed, NotFound, ChangedMeanwhile.
    """
    actor.require("annotate")
    require_study(pacs, actor, study)
    with pacs.database.write() as connection:
        row = _row_of(connection, annotations_table, id)
        if row is None or row.study_instance_uid != study:
            raise NotFound(f"there is no annotation {id}")
        if row.removed_at is None:
            _require_author(actor, row, "annotation")
            if version is not None:
                _require_version(row, version)
            row = _change(connection, actor, row, "annotation-removed", {"removed_at": datetime.now(UTC)})
        return int(row.version)


def mark(pacs: Pacs, actor: Actor, study: str, id: str, place: FramePlace) -> KeyImage:
    """Give a frame the actor's star; one that it has already stays as it is.

    Raises NotAllowed, NotFound, InvalidQuery, AlreadyThere when the id is another image's, TooLarge.
    """
    actor.require("annotate")
    _require_place(pacs, actor, study, place)
    table = key_images_table
    with pacs.database.write() as connection:
        row = connection.execute(
            select(table).where(
                table.c.sop_instance_uid == place.sop_instance_uid,
                table.c.frame_number == place.frame_number,
                table.c.author == actor.name,
            )
        ).one_or_none()
        if row is None:
            if _row_of(connection, table, id) is not None:
                raise AlreadyThere(f"key image {id} is another image's")
            _require_room(connection, table, study)
            at = {"id": id, "author": actor.name, "created_at": datetime.now(UTC)}
            connection.execute(insert(table).values(place.model_dump(exclude={"on"}) | at))
            _record(connection, actor, "key-image-marked", study, place.sop_instance_uid)
            row = _row_of(connection, table, id)
        return _key_image(row)


def unmark(pacs: Pacs, actor: Actor, study: str, id: str) -> None:
    """Take a star away. Raises NotAllowed also for another's, NotFound when the study is not there."""
    actor.require("annotate")
    require_study(pacs, actor, study)
    table = key_images_table
    with pacs.database.write() as connection:
        row = _row_of(connection, table, id)
        if row is None or row.study_instance_uid != study:
            return
        _require_author(actor, row, "key image")
        connection.execute(table.delete().where(table.c.id == id))
        _record(connection, actor, "key-image-unmarked", study, row.sop_instance_uid)


def require_study(pacs: Pacs, actor: Actor, study: str) -> None:
    """Raises NotAllowed, and NotFound or Removed when the actor may know of no such study."""
    actor.require("retrieve")
    known = select(tables.study.c.pk).where(tables.study.c.study_instance_uid == study)
    with pacs.database.read() as connection:
        is_there = connection.execute(known).first() is not None
    if not is_there or (actor.studies is not None and study not in actor.studies):
        raise missing(pacs, actor, study)


def _require_place(pacs: Pacs, actor: Actor, study: str, place: FramePlace | PlanePlace) -> None:
    if place.study_instance_uid != study:
        raise InvalidQuery("what is drawn names another study than the address")
    if isinstance(place, PlanePlace):
        _require_plane(pacs, actor, place)
        return
    ref, _ = instance_with_frames(pacs, actor, study, place.series_instance_uid, place.sop_instance_uid)
    if ref.sop_class_uid != place.sop_class_uid:
        raise InvalidQuery(f"instance {place.sop_instance_uid} is of the class {ref.sop_class_uid}")
    if place.frame_number > max(ref.number_of_frames, 1):
        raise InvalidQuery(f"instance {place.sop_instance_uid} has the frames 1 to {max(ref.number_of_frames, 1)}")


def _require_plane(pacs: Pacs, actor: Actor, place: PlanePlace) -> None:
    ref = instances(pacs, actor, place.study_instance_uid, place.series_instance_uid)[0]
    _, table = instance_with_frames(pacs, actor, ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
    header = read_header(pacs, ref, open_instance(pacs, ref, table))
    if word(header, "FrameOfReferenceUID") != place.frame_of_reference_uid:
        raise InvalidQuery("the series has another frame of reference than the plane")


def _require_author(actor: Actor, row: Row[Any], what: str) -> None:
    if row.author != actor.name:
        raise NotAllowed(f"this {what} is of {row.author}, who alone may change it")


def _require_version(row: Row[Any], version: int | None) -> None:
    if version != row.version:
        raise ChangedMeanwhile(f"annotation {row.id} was changed meanwhile: it is at version {row.version}")


def _require_room(connection: Connection, table: Table, study: str) -> None:
    count = connection.scalar(select(func.count()).select_from(table).where(table.c.study_instance_uid == study)) or 0
    if count >= MOST:
        raise TooLarge(f"a study has at most {MOST} of them")


def _add(connection: Connection, actor: Actor, study: str, annotation: Annotation, content: str) -> Row[Any]:
    _require_room(connection, annotations_table, study)
    now = datetime.now(UTC)
    values = {
        "id": annotation.id,
        "study_instance_uid": study,
        "series_instance_uid": annotation.place.series_instance_uid,
        "content": content,
        "author": actor.name,
        "created_at": now,
        "changed_at": now,
        "version": 1,
    }
    connection.execute(insert(annotations_table).values(values))
    _record(connection, actor, "annotation-added", study, annotation.id)
    return _there(_row_of(connection, annotations_table, annotation.id))


def _change(connection: Connection, actor: Actor, row: Row[Any], action: str, values: dict[str, Any]) -> Row[Any]:
    table = annotations_table
    counted = {"version": row.version + 1, "changed_at": datetime.now(UTC)}
    connection.execute(update(table).where(table.c.id == row.id).values(values | counted))
    _record(connection, actor, action, row.study_instance_uid, f"{row.id} version {row.version + 1}")
    return _there(_row_of(connection, table, row.id))


def _row_of(connection: Connection, table: Table, id: str) -> Row[Any] | None:
    return connection.execute(select(table).where(table.c.id == id)).one_or_none()


def _there(row: Row[Any] | None) -> Row[Any]:
    assert row is not None, "it was written in this transaction"
    return row


def _record(connection: Connection, actor: Actor, action: str, study: str, detail: str) -> None:
    audit.record(connection, actor, action, study_instance_uid=study, detail=detail)


def _kept(row: Row[Any]) -> KeptAnnotation:
    return KeptAnnotation(
        Annotation.model_validate_json(row.content),
        row.author,
        row.created_at,
        row.changed_at,
        row.version,
        row.removed_at is not None,
    )


def _key_image(row: Row[Any] | None) -> KeyImage:
    return KeyImage(**_there(row)._mapping)


def current(pacs: Pacs, actor: Actor, study: str, id: str) -> KeptAnnotation:
    """One annotation as it is now, also when it was removed. Raises NotAllowed, NotFound."""
    require_study(pacs, actor, study)
    with pacs.database.read() as connection:
        row = _row_of(connection, annotations_table, id)
    if row is None or row.study_instance_uid != study:
        raise NotFound(f"there is no annotation {id}")
    return _kept(row)


def of_author(kept: Iterable[KeptAnnotation], author: str) -> list[KeptAnnotation]:
    """Those that are his."""
    return [one for one in kept if one.author == author]
