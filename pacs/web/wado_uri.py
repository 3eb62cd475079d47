"""WADO-URI: one instance by one address, as DICOM or rendered (PS3.18 9). It is put as WADO-RS would be asked."""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from pacs.archive.metadata import metadata_of
from pacs.archive.rendering import kind_of
from pacs.archive.retrieve import InstanceRef, instances
from pacs.context import Actor, Pacs
from pacs.dicom.media import DICOM, Offer, choose
from pacs.errors import InvalidQuery, NotAcceptable
from pacs.web.appearance import LARGEST_SIDE
from pacs.web.auth import pacs_of, signed_in
from pacs.web.rendered import MEDIA_TYPES, give_rendered
from pacs.web.resource import resource
from pacs.web.wado import retrieve_instance

MANDATORY = ("requestType", "studyUID", "seriesUID", "objectUID")
NOT_DONE: Mapping[str, str] = {
    "anonymize": "instances are not given without what identifies a patient",
    "presentationUID": "presentation states are not applied here",
    "presentationSeriesUID": "presentation states are not applied here",
}
"""What nobody should believe to be done: it is refused. By parameter, what is said of it."""
WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
DECIMAL = re.compile(r"[0-9]{0,2}\.?[0-9]{0,18}")
ROWS, COLUMNS = "00280010", "00280011"

router = APIRouter(tags=["WADO-URI"])


@resource(router, "/wado")
@signed_in
def retrieve_by_uri(request: Request, actor: Actor) -> Response:
    """One instance.

    Parameters: requestType=WADO, studyUID, seriesUID, objectUID; contentType, charset; of DICOM transferSyntax;
    of a picture frameNumber, rows, columns, region, windowCenter, windowWidth, imageQuality, imageAnnotation.
    """
    asked = request.query_params
    for name in MANDATORY:
        if not asked.get(name):
            raise InvalidQuery(f"{name} is missing")
    if asked["requestType"] != "WADO":
        raise InvalidQuery(f"requestType is WADO, not {asked['requestType'][:32]!r}")
    pacs = pacs_of(request)
    (ref,) = instances(pacs, actor, asked["studyUID"], asked["seriesUID"], asked["objectUID"])
    for name in NOT_DONE.keys() & asked.keys():
        raise NotAcceptable(NOT_DONE[name])
    media_type = _media_type(request, ref)
    if media_type == DICOM:
        uids = ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid
        return retrieve_instance(_put(request, {"accept": _dicom(asked)}), *uids)
    frames = [_frame_number(asked["frameNumber"], ref)] if "frameNumber" in asked else None
    return give_rendered(_put(request, {"accept": media_type, **_appearance(pacs, ref, asked)}), [ref], frames)


def _media_type(request: Request, ref: InstanceRef) -> str:
    """The one that is liked best: rendered, where anything is welcome. Raises NotAcceptable."""
    offers = [Offer(name) for name in (*MEDIA_TYPES[kind_of(ref)], DICOM)]
    wanted = request.query_params.get("contentType") or request.query_params.get("accept", "")
    return choose(request.headers.get("accept", ""), offers, wanted).media_type


def _dicom(asked: Mapping[str, str]) -> str:
    syntax = asked.get("transferSyntax", "")
    if not re.fullmatch(r"[0-9.]{0,64}|\*", syntax):
        raise InvalidQuery(f"transferSyntax: {syntax[:64]!r} is no UID")
    return f"{DICOM}; transfer-syntax={syntax}" if syntax else DICOM


def _put(request: Request, parameters: Mapping[str, str]) -> Request:
    """The same request with other parameters."""
    return Request({**request.scope, "query_string": urlencode(parameters).encode()}, request.receive)


def _appearance(pacs: Pacs, ref: InstanceRef, asked: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a rendered resource that mean the same (PS3.18 8.3.5.1). Raises InvalidQuery."""
    found = {}
    if "imageQuality" in asked:
        found["quality"] = asked["imageQuality"]
    if "imageAnnotation" in asked:
        found["annotation"] = asked["imageAnnotation"]
    if "windowCenter" in asked or "windowWidth" in asked:
        if not (asked.get("windowCenter") and asked.get("windowWidth")):
            raise InvalidQuery("windowCenter and windowWidth go together")
        found["window"] = f"{asked['windowCenter']},{asked['windowWidth']},linear"
    if viewport := _viewport(pacs, ref, asked):
        found["viewport"] = viewport
    return found


def _viewport(pacs: Pacs, ref: InstanceRef, asked: Mapping[str, str]) -> str:
    """The size of the picture: of one side that is told the other follows."""
    for name in ("rows", "columns"):
        if name in asked and not WHOLE_NUMBER.fullmatch(asked[name]):
            raise InvalidQuery(f"{name} is a whole number, not {asked[name][:32]!r}")
    width, height = asked.get("columns"), asked.get("rows")
    if "region" not in asked:
        return f"{width or LARGEST_SIDE},{height or LARGEST_SIDE}" if width or height else ""
    left, top, across, down = _region(pacs, ref, asked["region"])
    if not (width or height):
        width, height = f"{max(1, round(across))}", f"{max(1, round(down))}"
    return f"{width or LARGEST_SIDE},{height or LARGEST_SIDE},{left:.4f},{top:.4f},{across:.4f},{down:.4f}"


def _region(pacs: Pacs, ref: InstanceRef, text: str) -> tuple[float, float, float, float]:
    """Left, top, width and height in pixels of the frame, out of fractions of its sides."""
    parts = text.split(",")
    if len(parts) != 4 or not all(DECIMAL.fullmatch(part) and part.strip(".") for part in parts):
        raise InvalidQuery(f"region is left,top,right,bottom from 0 to 1, not {text[:64]!r}")
    left, top, right, bottom = map(float, parts)
    if not (left < right <= 1 and top < bottom <= 1):
        raise InvalidQuery(f"region: {text[:64]!r} lies not within the picture")
    header = metadata_of(pacs, ref)
    rows, columns = (header.get(tag, {}).get("Value", [0])[0] for tag in (ROWS, COLUMNS))
    return left * columns, top * rows, (right - left) * columns, (bottom - top) * rows


def _frame_number(text: str, ref: InstanceRef) -> int:
    """PS3.18 9.5.2: one that there is not is a bad request."""
    if not WHOLE_NUMBER.fullmatch(text) or not 1 <= int(text) <= ref.number_of_frames:
        raise InvalidQuery(f"frameNumber is 1 to {ref.number_of_frames}, not {text[:32]!r}")
    return int(text)
