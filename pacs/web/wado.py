"""WADO-RS: retrieve instances and frames (PS3.18 10.4). Pictures are in `rendered`, headers in `metadata`."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import sha256
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from pacs.archive.archived import archived
from pacs.archive.retrieve import (
    FrameSet,
    InstanceRef,
    decoded,
    file_range,
    frames,
    instances,
    is_there,
    transcoded_chunks,
    whole_file_chunks,
    whole_files,
)
from pacs.context import Actor, Pacs
from pacs.dicom.media import DICOM, OCTET_STREAM, ZIP, Offer, frame_media_type
from pacs.dicom.multipart import Part, content_length, content_type, write
from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN, file_meta
from pacs.dicom.transcode import TARGETS
from pacs.errors import InvalidQuery, OutOfResources
from pacs.web.answers import (
    ASK_EVERY_TIME,
    chosen,
    etag_of,
    is_known,
    not_modified,
    refuse_mixture,
    send,
    wanted,
)
from pacs.web.auth import pacs_of, signed_in
from pacs.web.bulk_parts import give_bulk_data
from pacs.web.ranges import send_cut
from pacs.web.resource import resource
from pacs.web.short_way import hurried

STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"
FRAMES = INSTANCE + "/frames/{numbers}"

MOST_FRAMES = 10_000
"""Frames in one request."""

router = APIRouter(prefix="/dicom-web", tags=["WADO-RS"])


@resource(router, STUDY)
@signed_in
def retrieve_study(request: Request, actor: Actor, study: str) -> Response:
    """All instances of a study: as Part 10 files in multipart/related or a zip archive, or their bulk data."""
    return _give_instances(request, actor, instances(pacs_of(request), actor, study))


@resource(router, SERIES)
@signed_in
def retrieve_series(request: Request, actor: Actor, study: str, series: str) -> Response:
    """All instances of a series, in the same forms."""
    return _give_instances(request, actor, instances(pacs_of(request), actor, study, series))


@resource(router, INSTANCE)
@hurried
@signed_in
def retrieve_instance(request: Request, actor: Actor, study: str, series: str, instance: str) -> Response:
    """One instance: as it is stored, or in the transfer syntax that Accept names; in those forms, or application/dicom.

    As application/dicom and as an archive a range of it can be asked for.
    """
    (ref,) = refs = instances(pacs_of(request), actor, study, series, instance)
    offer = chosen(request, _offers(request, refs))
    if offer.media_type != DICOM or offer.is_multipart:
        return _give_all(request, actor, refs, offer)
    headers = {"etag": etag_of(ref.version, offer), "vary": "accept", "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    headers["content-disposition"] = f'attachment; filename="{ref.sop_instance_uid}.dcm"'
    part = _instance_part(pacs_of(request), ref, offer)
    if part.size is None:
        return send(iter(part.body), headers, part.content_type)
    return send_cut(request, part.size, partial(file_range, pacs_of(request), ref), headers, part.content_type)


@resource(router, FRAMES)
@hurried
@signed_in
def retrieve_frames(request: Request, actor: Actor, study: str, series: str, instance: str, numbers: str) -> Response:
    """Frames, counted from 1, joined by commas: uncompressed unless Accept takes what is stored."""
    stored = frames(pacs_of(request), actor, study, series, instance, frame_numbers(numbers))
    return give_frames(request, stored, frame_offers(request, stored))


def frame_numbers(text: str) -> list[int]:
    """Raises InvalidQuery."""
    if not re.fullmatch(r"[0-9]{1,9}(,[0-9]{1,9})*", text) or text.count(",") >= MOST_FRAMES:
        raise InvalidQuery(f"{text[:64]!r} is no list of frame numbers")
    return [int(number) for number in text.split(",")]


def _give_instances(request: Request, actor: Actor, refs: Sequence[InstanceRef]) -> Response:
    refs, lost = _parted(pacs_of(request), refs)
    offer = chosen(request, [one for one in _offers(request, refs) if one.media_type != DICOM or one.is_multipart])
    given = [ref for ref in refs if offer.media_type != DICOM or _can_be_given(ref, offer.transfer_syntax_uid)]
    response = _give_all(request, actor, given, offer)
    missing = len(lost) + len(refs) - len(given)
    if missing and response.status_code == HTTPStatus.OK:
        response.status_code = HTTPStatus.PARTIAL_CONTENT
        number = len(given) + missing
        response.headers["warning"] = f'299 filmless "{missing} of {number} instances cannot be given"'
    return response


def _give_all(request: Request, actor: Actor, refs: Sequence[InstanceRef], offer: Offer) -> Response:
    """Whatever is asked for of one instance or several, but a single Part 10 file."""
    if offer.media_type == ZIP:
        return _give_archive(request, refs)
    if offer.media_type == OCTET_STREAM:
        return give_bulk_data(request, actor, refs)  # PS3.18 10.4.4 note 2
    return _give_multipart(request, refs, offer)


def _give_multipart(request: Request, refs: Sequence[InstanceRef], offer: Offer) -> Response:
    version = sha256("\n".join(ref.version for ref in refs).encode()).hexdigest()[:32]
    headers = {"etag": etag_of(version, offer), "vary": "accept", "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    # The boundary is a digest of what is sent, and so not in it: the same request has the same bytes.
    parts = _instance_parts(pacs_of(request), refs, offer)
    return send(write(parts, version), headers, content_type(DICOM, version), content_length(parts, version))


def _give_archive(request: Request, refs: Sequence[InstanceRef]) -> Response:
    pacs_of(request).take_time()
    archive = archived(pacs_of(request), refs)
    headers = {"etag": f'"{archive.version}"', "vary": "accept", "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    headers["content-disposition"] = f'attachment; filename="{archive.name}.zip"'
    return send_cut(request, archive.size, archive.range, headers, ZIP)


def _parted(pacs: Pacs, refs: Sequence[InstanceRef]) -> tuple[list[InstanceRef], list[InstanceRef]]:
    """Those whose objects are there, and those whose objects are lost. Raises OutOfResources when all are.

    Of a bucket that is not asked: a lost object ends the answer before its end.
    """
    there: list[InstanceRef] = []
    lost: list[InstanceRef] = []
    for ref in refs:
        (there if is_there(pacs, ref) else lost).append(ref)
    if not there:
        raise OutOfResources("the kept bytes of these instances are missing")
    return there, lost


def _can_be_given(ref: InstanceRef, transfer_syntax_uid: str) -> bool:
    return transfer_syntax_uid in ("", ref.transfer_syntax_uid) or transfer_syntax_uid in TARGETS


def _offers(request: Request, refs: Sequence[InstanceRef]) -> list[Offer]:
    """A transfer syntax only where one is named (`*` names none): else instances go out as they came in.

    PS3.18 8.7.3.5.2 would have them in Explicit VR Little Endian; who asks for nothing wants what there is. A syntax in
    which some of several are stored is offered for those, after one in which all can be given.
    """
    refuse_mixture(request)
    named = dict.fromkeys(re.findall(r'transfer-syntax="?([0-9.]+)', wanted(request)))
    possible = {uid: sum(_can_be_given(ref, uid) for ref in refs) for uid in named}
    offers = sorted((uid for uid, number in possible.items() if number), key=lambda uid: -possible[uid])
    others = [Offer(OCTET_STREAM, EXPLICIT_LITTLE_ENDIAN, is_multipart=True), Offer(ZIP)]
    if not named:
        offers.append("")
    return [*(Offer(DICOM, uid, is_multipart) for uid in offers for is_multipart in (True, False)), *others]


def _instance_parts(pacs: Pacs, refs: Sequence[InstanceRef], offer: Offer) -> list[Part]:
    """To be sent one after the other."""
    if all(offer.transfer_syntax_uid in ("", ref.transfer_syntax_uid) for ref in refs):
        files = zip(refs, whole_files(pacs, refs), strict=True)
        return [Part(_part_type(ref.transfer_syntax_uid), file, ref.sent_size) for ref, file in files]
    return [_instance_part(pacs, ref, offer) for ref in refs]


def _instance_part(pacs: Pacs, ref: InstanceRef, offer: Offer) -> Part:
    syntax = offer.transfer_syntax_uid or ref.transfer_syntax_uid
    if syntax == ref.transfer_syntax_uid:
        return Part(_part_type(syntax), whole_file_chunks(pacs, ref), ref.sent_size)
    return Part(_part_type(syntax), _transcoded_file(pacs, ref, syntax))


def _part_type(transfer_syntax_uid: str) -> str:
    return f"{DICOM}; transfer-syntax={transfer_syntax_uid}"


def _transcoded_file(pacs: Pacs, ref: InstanceRef, transfer_syntax_uid: str) -> Iterator[bytes]:
    yield file_meta(ref.sop_class_uid, ref.sop_instance_uid, transfer_syntax_uid)
    yield from transcoded_chunks(pacs, ref, transfer_syntax_uid)


def give_frames(request: Request, stored: FrameSet, offers: Sequence[Offer]) -> Response:
    offer = chosen(request, offers)
    headers = {"etag": etag_of(stored.ref.object_key, offer), "vary": "accept", "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    given = stored if offer.transfer_syntax_uid == _syntax_of(stored) else decoded(pacs_of(request), stored)
    part_type = f"{offer.media_type}; transfer-syntax={offer.transfer_syntax_uid}"
    if not offer.is_multipart:
        (data,) = given.frames
        return send_cut(request, len(data), lambda start, stop: iter((data[start:stop],)), headers, part_type)
    boundary = stored.ref.object_key[:32]
    parts = (Part(part_type, (data,), len(data)) for data in given.frames)
    media_type = content_type(offer.media_type, boundary)
    if len(given.numbers) > 1:
        return send(write(parts, boundary), headers, media_type)
    one = list(parts)
    return send(write(one, boundary), headers, media_type, content_length(one, boundary))


def frame_offers(request: Request, stored: FrameSet) -> list[Offer]:
    """Uncompressed first, as the standard has it; as stored first where any transfer syntax will do (`*`)."""
    syntax = _syntax_of(stored)
    as_stored = [(frame_media_type(syntax), syntax), (OCTET_STREAM, syntax)]
    native = [(OCTET_STREAM, EXPLICIT_LITTLE_ENDIAN)]
    takes_any = "transfer-syntax=*" in wanted(request).replace('"', "")
    forms = dict.fromkeys([*as_stored, *native] if takes_any else [*native, *as_stored])
    kinds = (True, False) if len(stored.numbers) == 1 else (True,)
    return [Offer(media_type, uid, is_multipart) for is_multipart in kinds for media_type, uid in forms]


def _syntax_of(stored: FrameSet) -> str:
    """Of the frames: those of a data set in implicit VR are the same bytes as in explicit VR."""
    syntax = stored.transfer_syntax_uid
    return EXPLICIT_LITTLE_ENDIAN if syntax == IMPLICIT_LITTLE_ENDIAN else syntax
