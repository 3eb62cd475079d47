"""What leaves: kept instances as they are, or with the corrections of their study laid over them."""

import io
import zlib
from collections.abc import Callable, Iterator, Sequence

import structlog
from pydicom.dataset import Dataset

from pacs.archive import selection, transcoding
from pacs.archive.headers import Opened, header_of, inflated_data_set
from pacs.archive.overlay import applied_to_study
from pacs.archive.selection import InstanceRef
from pacs.context import Pacs
from pacs.dicom.coerce import coerced
from pacs.dicom.part10 import file_meta
from pacs.dicom.pixels import DEFLATED, EXPLICIT
from pacs.dicom.rewrite import Encoding
from pacs.dicom.transcode import encoding_of
from pacs.errors import NotAcceptable
from storage import MustWait

log = structlog.get_logger(__name__)

PIXEL_HEADER = 12
"""Bytes that tell of what kind the pixel data is."""


def transcoded(pacs: Pacs, ref: InstanceRef, transfer_syntax_uid: str) -> bytes:
    """The data set in a transfer syntax, whole in memory; `transcoded_chunks` is for what is large."""
    return b"".join(transcoded_chunks(pacs, ref, transfer_syntax_uid))


def transcoded_chunks(pacs: Pacs, ref: InstanceRef, transfer_syntax_uid: str) -> Iterator[bytes]:
    """The data set in its own transfer syntax or an uncompressed one, corrected.

    What cannot be done is told before the first chunk, but for a frame that turns out to be damaged. The digest is
    checked where the instance is not decoded. Raises NotAcceptable, Undecodable, OutOfResources.
    """
    if not ref.corrections:
        return transcoding.transcoded_chunks(pacs, ref, transfer_syntax_uid)
    if ref.transfer_syntax_uid == transfer_syntax_uid == DEFLATED:
        return _deflated(pacs, ref)
    encoding = encoding_of(transfer_syntax_uid)
    return corrected(pacs, ref, lambda: transcoding.transcoded_chunks(pacs, ref, transfer_syntax_uid), encoding)


def data_set(pacs: Pacs, ref: InstanceRef) -> bytes:
    """The data set in its own transfer syntax, whole in memory."""
    return b"".join(data_set_chunks(pacs, ref))


def data_set_chunks(pacs: Pacs, ref: InstanceRef, size: int = selection.CHUNK) -> Iterator[bytes]:
    """The data set in its own transfer syntax, in chunks. The last comes only when the kept bytes are right."""
    if ref.corrections:
        return transcoded_chunks(pacs, ref, ref.transfer_syntax_uid)
    return selection.data_set_chunks(pacs, ref, size)


def whole_file(pacs: Pacs, ref: InstanceRef) -> bytes:
    """The Part 10 file in its own transfer syntax, whole in memory."""
    return b"".join(whole_file_chunks(pacs, ref))


def whole_file_chunks(pacs: Pacs, ref: InstanceRef, size: int = selection.CHUNK) -> Iterator[bytes]:
    """The same in chunks. The last comes only when the kept bytes are right."""
    return _corrected_file(pacs, ref) if ref.corrections else selection.whole_file_chunks(pacs, ref, size)


def file_range(pacs: Pacs, ref: InstanceRef, start: int, stop: int) -> Iterator[bytes]:
    """A part of the Part 10 file of an instance without corrections, in chunks. Only the whole of it is checked."""
    if start == 0 and stop == ref.size:
        return selection.whole_file_chunks(pacs, ref)
    size = selection.CHUNK
    return (selection.read(pacs, ref, begin, min(begin + size, stop)) for begin in range(start, stop, size))


def is_there(pacs: Pacs, ref: InstanceRef) -> bool:
    """Whether the object of an instance is there, where that can be told at once; else it is taken to be."""
    try:
        return pacs.objects.hurried().exists(ref.object_key)
    except MustWait:
        return True


def whole_files(pacs: Pacs, refs: Sequence[InstanceRef]) -> Iterator[Iterator[bytes]]:
    """Several Part 10 files, each to be taken to its end before the next."""
    if any(ref.corrections for ref in refs):
        return (whole_file_chunks(pacs, ref) for ref in refs)
    return selection.whole_files(pacs, refs)


def outgoing_header(pacs: Pacs, ref: InstanceRef, opened: Opened | None, header: Dataset) -> Dataset:
    """The header as it leaves: the one that is given, which is as it is kept, or a corrected one."""
    if not ref.corrections or opened is None:
        return header
    syntax = opened.transfer_syntax_uid
    found = file_meta(ref.sop_class_uid, ref.sop_instance_uid, syntax)
    pieces = corrected(pacs, ref, lambda: _kept(pacs, ref), encoding_of(syntax))
    found += next(pieces)
    enough = len(found) + PIXEL_HEADER
    while len(found) < enough and (piece := next(pieces, b"")):
        found += piece[: enough - len(found)]
    return header_of(io.BytesIO(found), syntax)


def corrected(pacs: Pacs, ref: InstanceRef, kept: Callable[[], Iterator[bytes]], encoding: Encoding) -> Iterator[bytes]:
    """What is kept of an instance, or made of it, with the corrections of its study.

    kept: the data set, not deflated, from its beginning. The first piece is all before the pixel data. An instance that
    cannot be read leaves as it is: it is somebody's image.
    """
    if not ref.corrections:
        yield from kept()
        return
    with pacs.database.read() as connection:
        corrections = applied_to_study(connection, ref.study_instance_uid)
    pieces = coerced(kept(), encoding, corrections)
    try:
        first = next(pieces)
    except NotAcceptable as error:
        log.warning("instance leaves uncorrected", sop_instance_uid=ref.sop_instance_uid, why=str(error))
        pieces = kept()
        first = b""
    yield first
    yield from pieces


def _corrected_file(pacs: Pacs, ref: InstanceRef) -> Iterator[bytes]:
    yield file_meta(ref.sop_class_uid, ref.sop_instance_uid, ref.transfer_syntax_uid)
    yield from transcoded_chunks(pacs, ref, ref.transfer_syntax_uid)


def _kept(pacs: Pacs, ref: InstanceRef) -> Iterator[bytes]:
    """The data set, inflated."""
    if ref.transfer_syntax_uid == DEFLATED:
        return iter((inflated_data_set(pacs, ref),))
    return selection.data_set_chunks(pacs, ref)


def _deflated(pacs: Pacs, ref: InstanceRef) -> Iterator[bytes]:
    selection.whole_file(pacs, ref)  # its digest
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    for piece in corrected(pacs, ref, lambda: _kept(pacs, ref), encoding_of(EXPLICIT)):
        yield deflater.compress(piece)
    yield deflater.flush()
