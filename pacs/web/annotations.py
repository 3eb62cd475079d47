"""What readers draw on the images of a study, the images they mark, and publishing both as DICOM (our own API)."""

import hashlib
import json
import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, Field

from pacs.context import Actor
from pacs.dicom.annotation_document import Annotation, Finite, FramePlace, Id, Title, Uid
from pacs.errors import ChangedMeanwhile, InvalidQuery
from pacs.web.answers import ASK_EVERY_TIME, etag_of, is_known, not_modified, send_json
from pacs.web.auth import pacs_of, signed_in
from pacs.web.problem import problem, status_of
from pacs.workflow import annotations, publishing
from pacs.workflow.annotations import KeptAnnotation, KeyImage
from pacs.workflow.publishing import Publication, Window

LARGEST = 256 << 10
"""Bytes: no annotation is longer."""
SMALL = 4 << 10
STUDY = "/studies/{study}"
JSON = "application/json"

IfMatch = Annotated[str, Header(alias="if-match", max_length=32)]
"""The version that a change was made from, as an entity tag; "": it is new."""

router = APIRouter(prefix="/api", tags=["annotations"])


class KeyImageBody(BaseModel, frozen=True, extra="forbid"):
    """The frame that gets a star."""

    series_instance_uid: Uid
    sop_class_uid: Uid
    sop_instance_uid: Uid
    frame_number: int = Field(1, ge=1)


class WindowBody(BaseModel, frozen=True, extra="forbid"):
    """How the caller looks at a series: centre and width in modality units."""

    series_instance_uid: Uid
    center: Finite
    width: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    is_inverted: bool = False


class PublishBody(BaseModel, frozen=True, extra="forbid"):
    """How what is published is to be told."""

    language: Literal["vi", "en", "fr"] = "en"
    title: Title = "of-interest"
    windows: Annotated[tuple[WindowBody, ...], Field(max_length=64)] = ()


@router.get(STUDY + "/annotations")
@signed_in
def list_annotations(request: Request, actor: Actor, study: str) -> Response:
    """Everything that was drawn on a study's images, and its key images, of everybody."""
    pacs = pacs_of(request)
    body = _dumped(
        {
            "annotations": [_shown(one) for one in annotations.annotations(pacs, actor, study)],
            "key_images": [_shown_key_image(one) for one in annotations.key_images(pacs, actor, study)],
            "publications": [_shown_publication(one) for one in publishing.publications(pacs, actor, study)],
        }
    )
    headers = {"etag": etag_of(hashlib.sha256(body).hexdigest()[:32]), "cache-control": ASK_EVERY_TIME}
    return not_modified(headers) if is_known(request, headers["etag"]) else send_json(request, body, headers, JSON)


@router.put(STUDY + "/annotations/{id}", max_body_size=LARGEST)
@signed_in
def keep_annotation(
    request: Request, actor: Actor, study: str, id: Id, body: Annotation, if_match: IfMatch = ""
) -> Response:
    """Keep an annotation. A changed one names in If-Match the version it was made from."""
    if body.id != id:
        raise InvalidQuery("the annotation has another id than the address")
    pacs = pacs_of(request)
    try:
        kept = annotations.keep(pacs, actor, study, body, _version(if_match))
    except ChangedMeanwhile as error:
        current = annotations.current(pacs, actor, study, id)
        return problem(status_of(error), str(error), also={"current": _shown(current), "removed": current.is_removed})
    return Response(_dumped(_shown(kept)), headers={"etag": etag_of(str(kept.version))}, media_type=JSON)


@router.delete(STUDY + "/annotations/{id}")
@signed_in
def remove_annotation(request: Request, actor: Actor, study: str, id: Id, if_match: IfMatch = "") -> Response:
    """Take an annotation away. To keep it again, with the version that is answered, brings it back."""
    version = annotations.remove(pacs_of(request), actor, study, id, _version(if_match))
    return Response(status_code=204, headers={"etag": etag_of(str(version))})


@router.put(STUDY + "/key-images/{id}", max_body_size=SMALL)
@signed_in
def mark_key_image(request: Request, actor: Actor, study: Uid, id: Id, body: KeyImageBody) -> Response:
    """Give a frame a star; the answer tells its id where it had one."""
    place = FramePlace(on="frame", study_instance_uid=study, **body.model_dump())
    marked = annotations.mark(pacs_of(request), actor, study, id, place)
    return Response(_dumped(_shown_key_image(marked)), media_type=JSON)


@router.delete(STUDY + "/key-images/{id}")
@signed_in
def unmark_key_image(request: Request, actor: Actor, study: str, id: Id) -> Response:
    """Take a star away."""
    annotations.unmark(pacs_of(request), actor, study, id)
    return Response(status_code=204)


@router.post(STUDY + "/annotations/publish", max_body_size=LARGEST)
@signed_in
def publish(request: Request, actor: Actor, study: str, body: PublishBody) -> Response:
    """Make DICOM objects of all that the caller has drawn and marked in a study: a report, presentation states, a
    selection of key images. What has not changed since the last time is not made anew."""
    windows = [Window(**one.model_dump()) for one in body.windows]
    pacs = pacs_of(request)
    made = publishing.publish(pacs, actor, study, language=body.language, title=body.title, windows=windows)
    return Response(_dumped([_shown_publication(one) for one in made]), media_type=JSON)


def _version(if_match: str) -> int | None:
    """Of the entity tag `"3"`. Raises InvalidQuery."""
    if not if_match:
        return None
    found = re.fullmatch(r'"([1-9][0-9]{0,8})"', if_match.strip())
    if found is None:
        raise InvalidQuery("If-Match has one version in quotation marks")
    return int(found[1])


def _shown(kept: KeptAnnotation) -> dict[str, Any]:
    return kept.annotation.model_dump(mode="json") | {
        "author": kept.author,
        "created_at": kept.created_at.isoformat(),
        "changed_at": kept.changed_at.isoformat(),
        "version": kept.version,
    }


def _shown_key_image(image: KeyImage) -> dict[str, Any]:
    return {
        "id": image.id,
        "series_instance_uid": image.series_instance_uid,
        "sop_class_uid": image.sop_class_uid,
        "sop_instance_uid": image.sop_instance_uid,
        "frame_number": image.frame_number,
        "author": image.author,
        "created_at": image.created_at.isoformat(),
    }


def _shown_publication(made: Publication) -> dict[str, Any]:
    return {
        "sop_instance_uid": made.sop_instance_uid,
        "series_instance_uid": made.series_instance_uid,
        "kind": made.kind,
        "author": made.author,
        "published_at": made.published_at.isoformat(),
        "annotations": made.annotations,
        "key_images": made.key_images,
    }


def _dumped(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
