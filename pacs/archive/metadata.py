"""What is derived from the headers of a series, made once and kept: its DICOM JSON, and the viewer's document.

Both are kept as gzip under the series' revision, so that every change of the series gives them anew.
"""

import gzip
import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from sqlalchemy import Select, select
from sqlalchemy.engine import RowMapping

from pacs.archive.cache import cached, forget
from pacs.archive.headers import open_instance, read_header, read_headers
from pacs.archive.outgoing import outgoing_header
from pacs.archive.removals import missing
from pacs.archive.selection import InstanceRef, instance_with_frames, instances
from pacs.context import Actor, Pacs
from pacs.dicom.dicomjson import dataset_to_json
from pacs.dicom.frames import FrameTable
from pacs.dicom.pixels import BIG_ENDIAN
from pacs.dicom.series_builder import Source, series_document_of
from pacs.errors import NotFound
from pacs.index import tables

SERVICE = "/dicom-web"
"""Where the web door answers DICOMweb: a path from the root is right at every level, a relative one is not."""
WORD_BYTES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
FORM = 1
"""Counts the changes of what is made here: a new one is not mixed with what an older program kept."""


def series_metadata(pacs: Pacs, actor: Actor, study: str, series: str) -> bytes:
    """The metadata of every instance of a series: a DICOM JSON array (PS3.18 F), in UTF-8.

    Raises NotAllowed, NotFound.
    """
    return gzip.decompress(series_metadata_gzip(pacs, actor, study, series))


def series_metadata_gzip(pacs: Pacs, actor: Actor, study: str, series: str) -> bytes:
    """The same as it is kept, for a client that takes gzip."""
    revision = series_revision(pacs, actor, study, series)
    return _kept(pacs, "metadata", study, series, revision, lambda: _metadata_of(pacs, actor, study, series))


def study_metadata(pacs: Pacs, actor: Actor, study: str) -> bytes:
    """The metadata of every instance of a study: a DICOM JSON array. Raises NotAllowed, NotFound."""
    actor.require("retrieve")
    with pacs.database.read() as connection:
        found = connection.execute(_select_series(actor, study).order_by(tables.series.c.pk)).mappings().all()
    if not found:
        raise missing(pacs, actor, study)
    arrays = (series_metadata(pacs, actor, study, one["series_instance_uid"]) for one in found)
    return b"[" + b",".join(array[1:-1] for array in arrays) + b"]"


def instance_metadata(pacs: Pacs, actor: Actor, study: str, series: str, sop: str) -> bytes:
    """The metadata of one instance: a DICOM JSON array of one. Raises NotAllowed, NotFound, Undecodable."""
    ref, table = instance_with_frames(pacs, actor, study, series, sop)
    opened = open_instance(pacs, ref, table)
    return _json([_json_of(ref, outgoing_header(pacs, ref, opened, read_header(pacs, ref, opened)))])


def bulk_data(pacs: Pacs, actor: Actor, study: str, series: str, sop: str, path: str) -> bytes:
    """The value that a BulkDataURI stands for, little endian. path: tags and item numbers, `54000100/1/54001010`.

    Pixel data is not asked for here, but as frames. Raises NotAllowed, NotFound, Undecodable.
    """
    ref, table = instance_with_frames(pacs, actor, study, series, sop)
    opened = open_instance(pacs, ref, table)
    element = _element_at(read_header(pacs, ref, opened), path)
    value = element.value if element is not None else None
    if isinstance(element, RawDataElement) and value is None:
        value = opened.read(element.value_tell, element.value_tell + element.length)
    if element is None or not isinstance(value, bytes):
        raise NotFound(f"instance {sop} has no bulk data {path}")
    if ref.transfer_syntax_uid == BIG_ENDIAN and element.VR in WORD_BYTES:
        return np.frombuffer(value, f"u{WORD_BYTES[element.VR]}").byteswap().tobytes()
    return value


def series_document(pacs: Pacs, actor: Actor, study: str, series: str) -> bytes:
    """The `SeriesDocument` of `dicom.series_document` as JSON in UTF-8. Raises NotAllowed, NotFound."""
    return gzip.decompress(series_document_gzip(pacs, actor, study, series))


def series_document_gzip(pacs: Pacs, actor: Actor, study: str, series: str) -> bytes:
    """The same as it is kept, for a client that takes gzip."""
    row = _series_row(pacs, actor, study, series)
    return _kept(pacs, "document", study, series, row["revision"], lambda: _document_of(pacs, actor, row))


def series_revision(pacs: Pacs, actor: Actor, study: str, series: str) -> int:
    """Counts the changes of the series: an entity tag for all that is derived. Raises NotAllowed, NotFound."""
    return int(_series_row(pacs, actor, study, series)["revision"])


def _series_row(pacs: Pacs, actor: Actor, study: str, series: str) -> RowMapping:
    actor.require("retrieve")
    statement = _select_series(actor, study).where(tables.series.c.series_instance_uid == series)
    with pacs.database.read() as connection:
        row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise missing(pacs, actor, study, series)
    return row


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


def _kept(pacs: Pacs, kind: str, study: str, series: str, revision: int, make: Callable[[], bytes]) -> bytes:
    digest = hashlib.sha256(f"{study}/{series}".encode()).hexdigest()[:32]
    name = f"{kind}/{digest[:2]}/{digest}-{FORM}-{revision}.json.gz"

    def made() -> bytes:
        forget(pacs, f"{kind}/{digest[:2]}", f"{digest}-*")
        return gzip.compress(make(), compresslevel=1, mtime=0)

    return cached(pacs, name, made)


def _metadata_of(pacs: Pacs, actor: Actor, study: str, series: str) -> bytes:
    refs = instances(pacs, actor, study, series)
    headers = read_headers(pacs, refs)
    return _json([_json_of(ref, outgoing_header(pacs, ref, opened, header)) for ref, opened, header in headers])


def _json_of(ref: InstanceRef, header: Dataset) -> dict[str, Any]:
    instance = (
        f"{SERVICE}/studies/{ref.study_instance_uid}/series/{ref.series_instance_uid}/instances/{ref.sop_instance_uid}"
    )
    return dataset_to_json(header, lambda path: f"{instance}/bulkdata/{path}")


def _document_of(pacs: Pacs, actor: Actor, row: RowMapping) -> bytes:
    refs = instances(pacs, actor, row["study_instance_uid"], row["series_instance_uid"])
    sources = [
        Source(header, ref.sop_class_uid, ref.sop_instance_uid, opened.transfer_syntax_uid, _sizes(opened.table))
        if opened
        else Source(header, ref.sop_class_uid, ref.sop_instance_uid, ref.transfer_syntax_uid, ())
        for ref, opened, header in read_headers(pacs, refs)
    ]
    return _json(series_document_of(dict(row), sources))


def _element_at(ds: Dataset, path: str) -> RawDataElement | DataElement | None:
    *places, last = path.split("/")
    try:
        for keyword, number in zip(places[::2], places[1::2], strict=True):
            ds = ds[int(keyword, 16)].value[int(number) - 1]
        tag = int(last, 16)
        return ds.get_item(tag) if tag in ds else None
    except Exception:  # no number, no such element, no sequence: all the same to who asked
        return None


def _sizes(table: FrameTable | None) -> tuple[int, ...]:
    """Bytes of each frame."""
    if table is None:
        return ()
    ranges = (table.range_of(number) for number in range(1, table.count + 1))
    return tuple(stop - start for start, stop in ranges)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
