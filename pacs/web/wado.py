"""WADO-RS: retrieve instances and frames (PS3.18 10.4). Pictures are in `rendered`, headers in `metadata`."""

import re
from collections.abc import Iterator, Sequence

from fastapi import APIRouter, Request, Response

from pacs.archive.retrieve import (
    FrameSet,
    InstanceRef,
    decoded,
    frames,
    instances,
    transcoded_chunks,
    whole_file_chunks,
    whole_files,
)
from pacs.context import Actor, Pacs
from pacs.dicom.media import DICOM, OCTET_STREAM, Offer, frame_media_type
from pacs.dicom.multipart import Part, content_length, content_type, new_boundary, write
from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN, file_meta
from pacs.dicom.transcode import TARGETS
from pacs.errors import InvalidQuery, NotAcceptable
from pacs.web.answers import (
    ASK_EVERY_TIME,
    chosen,
    etag_of,
    is_known,
    not_modified,
    send,
    wanted,
)
from pacs.web.auth import pacs_of, signed_in
from pacs.web.short_way import hurried

STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"
FRAMES = INSTANCE + "/frames/{numbers}"

MOST_FRAMES = 10_000
"""Frames in one request."""

router = APIRouter(prefix="/dicom-web", tags=["WADO-RS"])


@router.get(STUDY)
@signed_in
def retrieve_study(request: Request, actor: Actor, study: str) -> Response:
    """All instances of a study, as Part 10 files in multipart/related."""
    return _give_instances(request, instances(pacs_of(request), actor, study))


@router.get(SERIES)
@signed_in
def retrieve_series(request: Request, actor: Actor, study: str, series: str) -> Response:
    """All instances of a series, as Part 10 files in multipart/related."""
    return _give_instances(request, instances(pacs_of(request), actor, study, series))


@router.get(INSTANCE)
@hurried
@signed_in
def retrieve_instance(request: Request, actor: Actor, study: str, series: str, instance: str) -> Response:
    """One instance: as it is stored, or in the transfer syntax that Accept names; multipart or application/dicom."""
    (ref,) = refs = instances(pacs_of(request), actor, study, series, instance)
    offer = chosen(request, _instance_offers(request, refs))
    headers = {"etag": etag_of(ref.version, offer), "vary": "accept", "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    if offer.is_multipart:
        # The boundary is the file's own digest, which is not in the file: the same request has the same bytes.
        return _give_multipart(pacs_of(request), refs, offer, ref.object_key[:32], headers)
    headers["content-disposition"] = f'attachment; filename="{ref.sop_instance_uid}.dcm"'
    part = _instance_part(pacs_of(request), ref, offer)
    return send(iter(part.body), headers, part.content_type, part.size)


@router.get(FRAMES)
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


def _give_instances(request: Request, refs: Sequence[InstanceRef]) -> Response:
    offer = chosen(request, [one for one in _instance_offers(request, refs) if one.is_multipart])
    return _give_multipart(pacs_of(request), refs, offer, new_boundary(), {"vary": "accept"})


def _give_multipart(
    pacs: Pacs, refs: Sequence[InstanceRef], offer: Offer, boundary: str, headers: dict[str, str]
) -> Response:
    parts = _instance_parts(pacs, refs, offer)
    size = content_length(parts, boundary)
    return send(write(parts, boundary), headers, content_type(DICOM, boundary), size)


def _instance_offers(request: Request, refs: Sequence[InstanceRef]) -> list[Offer]:
    """A transfer syntax only where one is named (`*` names none): else instances go out as they came in.

    PS3.18 8.7.3.5.2 would have them in Explicit VR Little Endian; who asks for nothing wants what there is.
    """
    named = dict.fromkeys(re.findall(r'transfer-syntax="?([0-9.]+)', wanted(request)))
    offers = [uid for uid in named if uid in TARGETS or all(ref.transfer_syntax_uid == uid for ref in refs)]
    if not named:
        offers.append("")
    elif not offers:
        raise NotAcceptable(f"what is stored is not given in {' '.join(named)}")
    return [Offer(DICOM, uid, is_multipart) for uid in offers for is_multipart in (True, False)]


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
        return send(given.frames, headers, part_type)
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
