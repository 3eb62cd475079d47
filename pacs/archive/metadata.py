"""What is derived from the headers of a series, made once and kept: its DICOM JSON, and the viewer's document.

Both are kept packed under the series' revision, so that every change of the series gives them anew.
"""

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from sqlalchemy import Select, bindparam, select
from sqlalchemy.engine import RowMapping

from pacs.archive import origins, renditions
from pacs.archive.cache import alone, cached, forget, is_cached, kept_already
from pacs.archive.headers import open_instance, read_header, read_headers
from pacs.archive.outgoing import outgoing_header
from pacs.archive.packed import Piece, deflate, gzip_of, stored
from pacs.archive.removals import missing
from pacs.archive.selection import InstanceRef, frame_table, instances
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom.dicomjson import Json, dataset_to_json
from pacs.dicom.frames import FrameTable
from pacs.dicom.series_builder import Source, series_document_of
from pacs.index import tables
from pacs.index.prepared import Prepared
from pacs.index.remembered import Rows

SERVICE = "/dicom-web"
"""Where the web door answers DICOMweb."""
FORM = 6
"""Counts the changes of what is made here: a new one is not mixed with what an older program kept."""
MOST_BESIDE = 2000
"""Things that are kept of the objects of one series."""
COMMA, OPENED, CLOSED = stored(b","), stored(b"["), stored(b"]")


@dataclass(frozen=True, slots=True)
class SeriesVersion:
    """A series at a revision: what is derived from it stays right."""

    study_instance_uid: str
    series_instance_uid: str
    revision: int


def versions(pacs: Pacs, actor: Actor, study: str, series: str = "") -> list[SeriesVersion]:
    """The series of a study, in the order in which they came, or one of them, by one select at most.

    Raises NotAllowed, NotFound.
    """
    actor.require("retrieve")
    rows = _version_rows(pacs, study, series) if actor.studies is None or study in actor.studies else ()
    if not rows:
        raise missing(pacs, actor, study, series)
    return [SeriesVersion(study, uid, revision) for uid, revision in rows]


def version_of(found: Sequence[SeriesVersion]) -> str:
    """An entity tag for what is derived from these series."""
    told = [(one.series_instance_uid, one.revision) for one in found]
    return hashlib.sha256(repr((FORM, told)).encode()).hexdigest()[:32]


def metadata_gzip(pacs: Pacs, found: Sequence[SeriesVersion], origin: str = "") -> bytes:
    """The metadata of every instance of these series: a DICOM JSON array (PS3.18 F) in UTF-8, as gzip.

    It is put together of what is kept for each series, and not inflated. origin: `https://pacs.example`, by which bulk
    data is to be asked for; "": by a path alone. Raises OutOfResources.
    """
    return gzip_of([piece for piece, _ in _pieces(pacs, found, origin)])


def metadata_json(pacs: Pacs, found: Sequence[SeriesVersion], origin: str = "") -> bytes:
    """The same, not packed."""
    return b"".join([plain or piece.inflated() for piece, plain in _pieces(pacs, found, origin)])


def metadata_objects(pacs: Pacs, found: Sequence[SeriesVersion], origin: str = "") -> Iterator[Json]:
    """The same, an instance at a time."""
    for one in found:
        yield from json.loads(b"[" + _kept_metadata(pacs, one, origin).inflated() + b"]")


def metadata_of(pacs: Pacs, ref: InstanceRef, origin: str = "") -> Json:
    """The metadata of one instance. Raises OutOfResources, Undecodable."""
    opened = open_instance(pacs, ref, frame_table(pacs, ref))
    return _json_of(ref, outgoing_header(pacs, ref, opened, read_header(pacs, ref, opened)), origin)


def series_metadata(pacs: Pacs, actor: Actor, study: str, series: str) -> bytes:
    """The metadata of a series that is named. Raises NotAllowed, NotFound."""
    return metadata_json(pacs, versions(pacs, actor, study, series))


def study_metadata(pacs: Pacs, actor: Actor, study: str) -> bytes:
    """The metadata of a study that is named. Raises NotAllowed, NotFound."""
    return metadata_json(pacs, versions(pacs, actor, study))


def instance_metadata(pacs: Pacs, actor: Actor, study: str, series: str, sop: str) -> bytes:
    """The metadata of an instance that is named: an array of one. Raises NotAllowed, NotFound, Undecodable."""
    (ref,) = instances(pacs, actor, study, series, sop)
    return as_json([metadata_of(pacs, ref)])


def address_of(ref: InstanceRef) -> str:
    """Where the web door gives an instance, from the root of its host."""
    return (
        f"{SERVICE}/studies/{ref.study_instance_uid}/series/{ref.series_instance_uid}/instances/{ref.sop_instance_uid}"
    )


def prepare(pacs: Pacs, actor: Actor, one: SeriesVersion) -> None:
    """Make what is derived from a series before anybody asks for it. Raises NotAllowed, NotFound, OutOfResources."""
    for origin in origins.known(pacs):
        _kept_metadata(pacs, one, origin)
    series_document_gzip(pacs, actor, one.study_instance_uid, one.series_instance_uid)


def has_metadata(pacs: Pacs, one: SeriesVersion) -> bool:
    """Whether the metadata is made, for all by whose addresses we are asked."""
    return all(is_cached(pacs, _metadata_name(one, origin)) for origin in origins.known(pacs))


def has_document(pacs: Pacs, one: SeriesVersion) -> bool:
    """Whether the viewer's document is made, with the renditions that there are."""
    return is_cached(pacs, _document_name(pacs, one))


def series_document(pacs: Pacs, actor: Actor, study: str, series: str) -> bytes:
    """The `SeriesDocument` of `dicom.series_document` as JSON in UTF-8. Raises NotAllowed, NotFound."""
    return gzip.decompress(series_document_gzip(pacs, actor, study, series))


def series_document_gzip(pacs: Pacs, actor: Actor, study: str, series: str) -> bytes:
    """The same as it is kept, for a client that takes gzip."""
    (one,) = versions(pacs, actor, study, series)
    name = _document_name(pacs, one)
    return _kept(pacs, name, lambda: gzip.compress(_document_of(pacs, actor, one), mtime=0))


def as_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _select_series(actor: Actor, study: str) -> Select[Any]:
    """What the index knows of series, study and patient, under the names of the columns."""
    patient, of_study, series = tables.patient.c, tables.study.c, tables.series.c
    statement = (
        select(
            patient.patient_name,
            patient.patient_id,
            patient.patient_birth_date,
            patient.patient_sex,
            of_study.study_instance_uid,
            of_study.study_date,
            of_study.study_time,
            of_study.study_description,
            of_study.accession_number,
            series.series_instance_uid,
            series.modality,
            series.series_number,
            series.series_description,
            series.series_date,
            series.series_time,
            series.body_part_examined,
            series.protocol_name,
            series.institution_name,
            series.revision,
        )
        .select_from(tables.series.join(tables.study).join(tables.patient))
        .where(of_study.study_instance_uid == study)
    )
    return statement if actor.studies is None else statement.where(of_study.study_instance_uid.in_(actor.studies))


def _version_rows(pacs: Pacs, study: str, series: str) -> Rows:
    remembered = pacs.database.remembered
    asked = "versions", study, series
    rows = remembered.find(asked)
    if rows is None:
        version = remembered.version()
        with pacs.database.read() as connection:
            if series:
                rows = _ONE_SERIES.rows(connection, {"study": study, "series": series})
            else:
                rows = _ALL_SERIES.rows(connection, {"study": study})
        remembered.keep(version, asked, rows)
    return rows


def _pieces(pacs: Pacs, found: Sequence[SeriesVersion], origin: str) -> Iterator[tuple[Piece, bytes]]:
    """An array of the metadata of all of them; with what is not packed its bytes."""
    yield OPENED, b"["
    for number, one in enumerate(found):
        if number:
            yield COMMA, b","
        yield _kept_metadata(pacs, one, origin), b""
    yield CLOSED, b"]"


def _kept_metadata(pacs: Pacs, one: SeriesVersion, origin: str) -> Piece:
    """The objects of a series' instances with commas between them."""

    def make() -> bytes:
        if origin:
            origins.note(pacs, origin)
        return deflate(_told_elsewhere(pacs, one, origin) or _metadata_of(pacs, one, origin)).to_bytes()

    return Piece.from_bytes(_kept(pacs, _metadata_name(one, origin), make, beside=origins.MOST))


def _told_elsewhere(pacs: Pacs, one: SeriesVersion, origin: str) -> list[bytes]:
    """The same as it is kept for another origin, which costs a tenth of reading every header; [] where it is not."""
    for other in origins.known(pacs):
        if other != origin and (kept := kept_already(pacs, _metadata_name(one, other))) is not None:
            return [Piece.from_bytes(kept).inflated().replace(_beginning(other), _beginning(origin))]
    return []


def _beginning(origin: str) -> bytes:
    """Of every BulkDataURI. It is in no value: there, quotation marks have a backslash before them."""
    return b'"BulkDataURI":' + as_json(f"{origin}{SERVICE}/")[:-1]


def _kept(pacs: Pacs, name: str, make: Callable[[], bytes], beside: int = 0) -> bytes:
    """beside: how many of the same revision may be kept as well."""

    def made() -> bytes:
        folder, _, file = name.rpartition("/")
        series, form, revision, _ = file.split("-", 3)
        forget(pacs, folder, f"{series}-*", f"{series}-{form}-{revision}-*", beside)
        return make()

    if not pacs.may_wait or is_cached(pacs, name):
        return cached(pacs, name, made)
    with alone(pacs, name):
        return cached(pacs, name, made)


def kept_of_series(pacs: Pacs, one: SeriesVersion, state: str, make: Callable[[], bytes]) -> bytes:
    """What else is derived from a series, as gzip: made once for each revision and state of what it depends on."""
    return _kept(pacs, _name("objects", one, state), lambda: gzip.compress(make(), mtime=0), beside=MOST_BESIDE)


def forget_series(pacs: Pacs, study: str, series: str) -> None:
    """Remove what is kept of a series that is removed itself."""
    digest = _digest(study, series)
    for kind in ("metadata", "document", "objects"):
        forget(pacs, f"{kind}/{digest[:2]}", f"{digest}-*")


def _document_name(pacs: Pacs, one: SeriesVersion) -> str:
    """The document also tells which frames are to be had in HTJ2K, which changes without a revision."""
    return _name("document", one, renditions.state_of(pacs, one.study_instance_uid, one.series_instance_uid))


def _metadata_name(one: SeriesVersion, origin: str) -> str:
    return _name("metadata", one, origins.digest(origin) if origin else "0")


def _name(kind: str, one: SeriesVersion, state: str) -> str:
    digest = _digest(one.study_instance_uid, one.series_instance_uid)
    return f"{kind}/{digest[:2]}/{digest}-{FORM}-{one.revision}-{state}.gz"


def _digest(study: str, series: str) -> str:
    return hashlib.sha256(f"{study}/{series}".encode()).hexdigest()[:32]


def _metadata_of(pacs: Pacs, one: SeriesVersion, origin: str) -> Iterator[bytes]:
    """In pieces: as Python's objects the headers of a thousand slices would take a hundred megabytes."""
    refs = instances(pacs, SYSTEM, one.study_instance_uid, one.series_instance_uid)
    for number, (ref, opened, header) in enumerate(read_headers(pacs, refs)):
        if number:
            yield b","
        yield as_json(_json_of(ref, outgoing_header(pacs, ref, opened, header), origin))


def _json_of(ref: InstanceRef, header: Dataset, origin: str) -> Json:
    return dataset_to_json(header, lambda path: f"{origin}{address_of(ref)}/bulkdata/{path}")


def _document_of(pacs: Pacs, actor: Actor, one: SeriesVersion) -> bytes:
    row = _index_row(pacs, actor, one)
    refs = instances(pacs, actor, one.study_instance_uid, one.series_instance_uid)
    made = renditions.renditions_of(pacs, refs)
    sources = [
        Source(
            header,
            ref.sop_class_uid,
            ref.sop_instance_uid,
            opened.transfer_syntax_uid,
            _sizes(opened.table),
            made[ref.pk].table if ref.pk in made else None,
        )
        if opened
        else Source(header, ref.sop_class_uid, ref.sop_instance_uid, ref.transfer_syntax_uid, ())
        for ref, opened, header in read_headers(pacs, refs)
    ]
    return as_json(series_document_of(dict(row), sources))


def _index_row(pacs: Pacs, actor: Actor, one: SeriesVersion) -> RowMapping:
    statement = _select_series(actor, one.study_instance_uid).where(
        tables.series.c.series_instance_uid == one.series_instance_uid
    )
    with pacs.database.read() as connection:
        row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise missing(pacs, actor, one.study_instance_uid, one.series_instance_uid)
    return row


def _sizes(table: FrameTable | None) -> tuple[int, ...]:
    """Bytes of each frame."""
    if table is None:
        return ()
    ranges = (table.range_of(number) for number in range(1, table.count + 1))
    return tuple(stop - start for start, stop in ranges)


_SELECT_VERSIONS = (
    select(tables.series.c.series_instance_uid, tables.series.c.revision)
    .select_from(tables.series.join(tables.study))
    .where(tables.study.c.study_instance_uid == bindparam("study"))
)
_ALL_SERIES = Prepared(_SELECT_VERSIONS.order_by(tables.series.c.pk))
_ONE_SERIES = Prepared(_SELECT_VERSIONS.where(tables.series.c.series_instance_uid == bindparam("series")))
