"""What we say to DICOMweb services: STOW-RS (PS3.18 10.5), several instances a request, streamed."""

import json
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from pacs.dicom.multipart import Part, content_length, content_type, new_boundary, write
from pacs.errors import PacsError
from pacs.peers.dimse import Unreachable

DICOM, DICOM_JSON = "application/dicom", "application/dicom+json"
CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 300.0
"""How long a service may take to store what it was sent."""
FAILED_SOP_SEQUENCE, REFERENCED_SOP_INSTANCE_UID, FAILURE_REASON = "00081198", "00081155", "00081197"
REASONS = {
    0xA700: "it is out of resources",
    0xA900: "it finds that the data set is not of its SOP class",
    0xC000: "it does not understand the instance",
    0xC122: "it does not take the transfer syntax",
    0x0110: "it failed to process it",
    0x0122: "it does not take the SOP class",
}
"""PS3.18 Table I.2-2."""


class Refused(PacsError):
    """A service takes nothing of a request, and does not say of which instance that is the fault."""


@dataclass(frozen=True, slots=True)
class File:
    """An instance as a Part 10 file."""

    sop_instance_uid: str
    body: Iterable[bytes]
    size: int | None
    """Bytes, where they are known."""


def is_web_address(text: str) -> bool:
    """Whether it is the address of a DICOMweb service, to which `/studies` is to be added."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
    except ValueError:
        return False


@contextmanager
def open_service(base: str, token: str = "") -> Iterator[httpx.Client]:
    """A connection for several requests. TLS is verified by the authorities that this machine trusts.

    Redirects are not followed, so nothing goes anywhere but where it was sent.
    """
    headers = {"accept": DICOM_JSON} | ({"authorization": f"Bearer {token}"} if token else {})
    timeout = httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    tls = ssl.create_default_context()
    with httpx.Client(base_url=base, headers=headers, timeout=timeout, verify=tls, trust_env=False) as client:
        yield client


def store(service: httpx.Client, files: Sequence[File]) -> dict[str, str]:
    """Store instances by one request; those that were refused by SOP Instance UID, and why.

    Raises Unreachable, Refused, and what reading a file raises.
    """
    boundary = new_boundary()
    parts = [Part(DICOM, file.body, file.size) for file in files]
    headers = {"content-type": content_type(DICOM, boundary)}
    length = content_length(parts, boundary)
    if length is not None:
        headers["content-length"] = str(length)
    try:
        answer = service.post("studies", content=write(parts, boundary), headers=headers)
    except httpx.HTTPError as error:
        raise Unreachable(_explanation_of(error, service)) from error
    return _outcome(answer, [file.sop_instance_uid for file in files])


def _outcome(answer: httpx.Response, sent: Sequence[str]) -> dict[str, str]:
    """PS3.18 10.5.3: 200 all are stored, 202 some failed, 409 all failed; others mean the request."""
    place, status = answer.request.url, answer.status_code
    match status:
        case 200 | 202 | 409:
            failed = _failed(answer)
            if status == 409 and not failed:
                raise Refused(f"{place} answers 409 and does not say why")
            return {uid: why for uid, why in failed.items() if uid in sent}
        case 401 | 403:
            raise Unreachable(f"{place} does not let us in ({status}): check the token")
        case 404 | 405:
            raise Unreachable(f"{place} takes no instances ({status}): check the address, it ends before /studies")
        case _ if answer.is_redirect:
            raise Unreachable(f"{place} sends us elsewhere ({status}): give the address that it names")
        case _ if answer.is_server_error and status != 501:
            raise Unreachable(f"{place} is in trouble ({status})")
        case _:
            raise Refused(f"{place} refuses the request ({status})")


def _failed(answer: httpx.Response) -> dict[str, str]:
    """Of the Store Instances Response (PS3.18 I.2). An empty answer names nobody."""
    try:
        document = answer.json() if answer.content else {}
        sequence = document.get(FAILED_SOP_SEQUENCE, {}).get("Value", [])
        return {
            str(_first(item, REFERENCED_SOP_INSTANCE_UID)): _reason(_first(item, FAILURE_REASON)) for item in sequence
        }
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, TypeError, ValueError) as error:
        if answer.status_code == 200:
            return {}
        raise Refused(f"{answer.request.url} answers {answer.status_code} in words that are no DICOM JSON") from error


def _first(item: Mapping[str, Any], tag: str) -> Any:
    return next(iter(item.get(tag, {}).get("Value", [])), "")


def _reason(code: Any) -> str:
    if not isinstance(code, int):
        return "the service refuses it"
    kind = code if code in REASONS else code & 0xF000 if code & 0xF000 == 0xC000 else code & 0xFF00
    return f"the service refuses it: {REASONS.get(kind, 'no reason is known')} ({code:04X})"


def _explanation_of(error: httpx.HTTPError, service: httpx.Client) -> str:
    """Why a service cannot be spoken to, and what to look at."""
    place = service.base_url
    match error:
        case httpx.ConnectTimeout():
            return f"{place} does not answer: check the address, and firewalls between us"
        case httpx.ConnectError() if "CERTIFICATE" in str(error).upper():
            return f"{place} shows a certificate that this machine does not trust: {error}"
        case httpx.ConnectError():
            return f"{place} cannot be connected to: {error}"
        case httpx.TimeoutException():
            return f"{place} took the instances and did not answer in {ANSWER_TIMEOUT_S:.0f} s"
        case _:
            return f"{place} ended the connection: {error}"
