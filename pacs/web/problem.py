"""An error as a problem document (RFC 9457). What is no PacsError is a bug: its text is told to no one."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from pacs.errors import (
    AlreadyThere,
    IdentityConflict,
    InstanceMismatch,
    InvalidInstance,
    InvalidQuery,
    NotAcceptable,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    NotInThisState,
    OutOfResources,
    PacsError,
    Removed,
    StateConflict,
    TooLarge,
    TooManyAttempts,
    Undecodable,
    UnknownDestination,
    UnsupportedContent,
    UnsupportedTransferSyntax,
)
from pacs.web.auth import refuse_strangers
from pacs.web.headers import ALWAYS

STATUS: Mapping[type[PacsError], HTTPStatus] = {
    InvalidInstance: HTTPStatus.BAD_REQUEST,
    InstanceMismatch: HTTPStatus.CONFLICT,
    IdentityConflict: HTTPStatus.CONFLICT,
    OutOfResources: HTTPStatus.SERVICE_UNAVAILABLE,
    InvalidQuery: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    Removed: HTTPStatus.GONE,
    AlreadyThere: HTTPStatus.CONFLICT,
    NotInThisState: HTTPStatus.BAD_REQUEST,  # as PS3.18 Tables 11.6.3-1 and 11.7.3-1 have it
    StateConflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnknownDestination: HTTPStatus.NOT_FOUND,
    NotAllowed: HTTPStatus.FORBIDDEN,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    UnsupportedContent: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    UnsupportedTransferSyntax: HTTPStatus.CONFLICT,  # PS3.18 Table 10.5.3-1
    Undecodable: HTTPStatus.NOT_ACCEPTABLE,  # PS3.18 9.4.4.1: no acceptable rendering can be made of it
}
"""The nearest class of an error's ancestors decides."""

EXTRA: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"www-authenticate": 'Bearer realm="filmless"'},
    HTTPStatus.TOO_MANY_REQUESTS: {"retry-after": "60"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"retry-after": "10"},
}


def answer_problems(app: FastAPI) -> None:
    """Every error that leaves an endpoint of the app is answered as a problem document."""
    app.add_exception_handler(PacsError, answer_pacs_error)
    app.add_exception_handler(HTTPException, answer_http_exception)
    app.add_exception_handler(RequestValidationError, answer_bad_request)
    app.add_exception_handler(Exception, answer_bug)


def status_of(error: PacsError) -> HTTPStatus:
    """The HTTP status of an error of ours."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(
    status: HTTPStatus,
    detail: str = "",
    headers: Mapping[str, str] | None = None,
    also: Mapping[str, object] | None = None,
) -> Response:
    """A problem document of no special type: its title is the status' phrase (RFC 9457 4.2.1). also: its extensions."""
    body = {"title": status.phrase, "status": int(status), **({"detail": detail} if detail else {}), **(also or {})}
    return Response(
        json.dumps(body, ensure_ascii=False),
        status,
        headers={**EXTRA.get(status, {}), **(headers or {})},
        media_type="application/problem+json",
    )


def answer_pacs_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PacsError)
    return problem(status_of(error), str(error), warning(str(error)) if isinstance(error, NotInThisState) else {})


def warning(text: str) -> dict[str, str]:
    """The header that tells something besides the status (PS3.18 8.4.1.2): where a state is in the way, it is read."""
    said = text.encode("ascii", "replace").decode().replace('"', "'")
    return {"warning": f'299 filmless "{said}"'}


def answer_http_exception(request: Request, error: Exception) -> Response:
    """What the framework found by itself: no such path, no such method."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return problem(status, "" if error.detail == status.phrase else error.detail, error.headers)


def answer_bad_request(request: Request, error: Exception) -> Response:
    """Names the parameters that are wrong, and tells none of their values: they may be a patient's."""
    assert isinstance(error, RequestValidationError)
    try:
        refuse_strangers(request)
    except PacsError as refusal:
        return answer_pacs_error(request, refusal)
    wrong = ", ".join(
        ".".join(str(step) for step in fault["loc"][1:]) + ": " + fault["msg"] for fault in error.errors()
    )
    return problem(HTTPStatus.BAD_REQUEST, wrong)


def answer_bug(request: Request, error: Exception) -> Response:
    """Answered outside of every other layer of the app, so the headers are set here."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, headers=ALWAYS)
