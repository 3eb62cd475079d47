"""Data sets in the DICOM JSON Model as requests bring them, and elements of ours (PS3.18 F.2)."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydicom.datadict import dictionary_has_tag, keyword_for_tag

from pacs.dicom.dicomjson import KNOWN_VRS, NAME_GROUPS, NUMBER_FORMATS, Json, dictionary_vr
from pacs.dicom.json_matching import tag_of
from pacs.errors import InvalidInstance

DEEPEST = 16
"""Sequences within sequences that are taken."""
LONGEST_LIST = 10_000
"""Values of one attribute that are taken."""

_TAG = re.compile(r"[0-9A-F]{8}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_INTEGER = re.compile(r" *[+-]?[0-9]{1,12} *")
_DECIMAL = re.compile(r" *[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)? *")


def data_set_of(body: object) -> Json:
    """The one data set of a request in the DICOM JSON Model: tags in upper case, VRs in place, command and meta gone.

    Raises InvalidInstance, which names the attribute and not its value.
    """
    if isinstance(body, list):
        if len(body) != 1:
            raise InvalidInstance("one data set is expected")
        (body,) = body
    return _data_set(body, 0)


def element(tag: str, value: object) -> Json:
    """An element with one value; an empty one for "" and None."""
    vr = dictionary_vr(int(tag, 16))
    return {"vr": vr} if value in ("", None) else {"vr": vr, "Value": [value]}


def sequence(items: Iterable[Json]) -> Json:
    values = list(items)
    return {"vr": "SQ", "Value": values} if values else {"vr": "SQ"}


def code(**values: str) -> Json:
    """An item of a code sequence, by keywords (PS3.3 8.8)."""
    return {tag_of(keyword): element(tag_of(keyword), value) for keyword, value in sorted(values.items())}


def date_time(moment: datetime) -> str:
    """A time of ours as a DT in UTC."""
    return f"{moment:%Y%m%d%H%M%S.%f}+0000"


def named(tags: Iterable[str]) -> str:
    """Attributes by their keywords, for people."""
    return ", ".join(keyword_for_tag(int(tag, 16)) or tag for tag in tags)


def _data_set(given: object, depth: int) -> Json:
    if not isinstance(given, Mapping) or depth > DEEPEST:
        raise InvalidInstance("this is no data set in the DICOM JSON Model")
    found: Json = {}
    for name, one in given.items():
        tag = str(name).upper()
        if not _TAG.fullmatch(tag) or not isinstance(one, Mapping):
            raise InvalidInstance(f"{str(name)[:32]!r} is no attribute")
        if int(tag[:4], 16) > 2:
            found[tag] = _element(tag, one, depth)
    return dict(sorted(found.items()))


def _element(tag: str, given: Mapping[str, Any], depth: int) -> Json:
    known = dictionary_vr(int(tag, 16)) if dictionary_has_tag(int(tag, 16)) else ""
    vr = known or given.get("vr")
    values = given.get("Value") or []
    if not isinstance(vr, str) or vr not in KNOWN_VRS or "BulkDataURI" in given:
        raise InvalidInstance(f"{named([tag])} has no value that can be taken")
    if "InlineBinary" in given:
        return {"vr": vr, "InlineBinary": _base64(tag, given["InlineBinary"])}
    if not isinstance(values, list) or len(values) > LONGEST_LIST:
        raise InvalidInstance(f"{named([tag])} has no list of values")
    if vr == "SQ":
        return sequence(_data_set({} if item is None else item, depth + 1) for item in values)
    if not all(value is None or _is_value(vr, value) for value in values):
        raise InvalidInstance(f"{named([tag])} has a value that is no {vr}")
    return {"vr": vr, "Value": values} if any(value not in (None, "", {}) for value in values) else {"vr": vr}


def _is_value(vr: str, value: object) -> bool:
    if vr == "PN":
        return isinstance(value, Mapping) and all(
            name in NAME_GROUPS and _is_text(text) for name, text in value.items()
        )
    if vr == "IS" or (vr in NUMBER_FORMATS and vr not in ("FL", "FD")):
        return not isinstance(value, bool) and bool(_INTEGER.fullmatch(str(value)))
    if vr in ("DS", "FL", "FD"):
        return not isinstance(value, bool) and bool(_DECIMAL.fullmatch(str(value)))
    return _is_text(value)


def _is_text(value: object) -> bool:
    """Half of a surrogate pair, which JSON can spell, is none."""
    return isinstance(value, str) and not _SURROGATE.search(value)


def _base64(tag: str, value: object) -> str:
    if not isinstance(value, str) or not _BASE64.fullmatch(value):
        raise InvalidInstance(f"{named([tag])} is no Base64")
    return value
