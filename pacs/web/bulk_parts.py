"""Bulk data of several instances in one answer, a part for each value (PS3.18 8.7.1)."""

from collections.abc import Sequence
from itertools import chain

from fastapi import Request, Response

from pacs.archive.bulk_data import PIXEL_PATHS, BulkValue, bulk_values
from pacs.archive.metadata import address_of
from pacs.archive.retrieve import InstanceRef
from pacs.context import Actor
from pacs.dicom.media import OCTET_STREAM
from pacs.dicom.multipart import Part, content_type, new_boundary, write
from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN
from pacs.errors import NotFound
from pacs.web.answers import origin_of, send
from pacs.web.auth import pacs_of


def give_bulk_data(
    request: Request, actor: Actor, refs: Sequence[InstanceRef], *, only_pixels: bool = False
) -> Response:
    """Made while it is sent. Raises NotFound when there is none."""
    pacs, origin = pacs_of(request), origin_of(request)
    pacs.take_time()
    boundary = new_boundary()
    values = (value for ref in refs for value in bulk_values(pacs, actor, ref, only_pixels=only_pixels))
    first = next(values, None)
    if first is None:
        raise NotFound("there is no bulk data")
    parts = (part_of(value, value.media_type, origin) for value in chain((first,), values))
    return send(write(parts, boundary), {"vary": "accept"}, content_type(OCTET_STREAM, boundary))


def part_of(value: BulkValue, media_type: str, origin: str) -> Part:
    """One value, with its BulkDataURI as Content-Location."""
    syntax = f"; transfer-syntax={EXPLICIT_LITTLE_ENDIAN}" if value.path in PIXEL_PATHS else ""
    location = f"{origin}{address_of(value.ref)}/bulkdata/{value.path}"
    return Part(media_type + syntax, value.pieces(0, value.size), value.size, location)
