"""What the server says of itself (PS3.18 8.9, H): its resources, with their methods, media types and parameters.

Paths and methods are those that are registered. What each kind of resource takes and gives stands here, and a test
asks the running server for every word of it.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from xml.sax.saxutils import escape, quoteattr

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from pacs.archive.resources import KINDS
from pacs.dicom.media import DICOM, DICOM_JSON, DICOM_XML, MULTIPART, OCTET_STREAM, Offer
from pacs.errors import NotFound
from pacs.settings import Settings
from pacs.web.answers import chosen, is_known, not_modified, origin_of
from pacs.web.auth import admit, pacs_of
from pacs.web.rendered import FORMATS, TEXTS

BASE = "/dicom-web"
WADL = "application/vnd.sun.wadl+xml"
JSON = "application/json"
MARKDOWN = "text/markdown"
NAMESPACE = "http://wadl.dev.java.net/2009/02"


def in_parts(name: str) -> str:
    """A media type of parts, as Content-Type and Accept have it."""
    return f'{MULTIPART}; type="{name}"'


@dataclass(frozen=True, slots=True)
class Kind:
    """What the resources of one kind take and give."""

    gives: tuple[str, ...] = ()
    """Media types of the answer, the default first."""
    takes: tuple[str, ...] = ()
    """Media types of the request."""
    parameters: tuple[str, ...] = ()


DATASETS = (DICOM_JSON, in_parts(DICOM_XML))
SEARCH = ("includefield", "fuzzymatching", "emptyvaluematching", "multiplevaluematching", "limit", "offset")
SEARCHED = Kind(DATASETS, parameters=("{attributeID}", *SEARCH, "cursor", "TimezoneOffsetFromUTC"))
RESOURCES_SEARCHED = Kind(DATASETS, parameters=("{attributeID}", *SEARCH))
FILES = Kind((in_parts(DICOM),))
FILE = Kind((in_parts(DICOM), DICOM))
RESOURCE = Kind((in_parts(DICOM), DICOM, DICOM_JSON, DICOM_XML, in_parts(DICOM_XML)))
PICTURE = ("window", "viewport", "quality", "annotation", "iccprofile", "charset")
DOCUMENTS = (DICOM_JSON, DICOM_XML)
DICOM_TYPES = (DICOM, *DOCUMENTS)
STORED = Kind(DOCUMENTS, (*map(in_parts, DICOM_TYPES), *DICOM_TYPES))
WRITTEN = Kind((), (*DOCUMENTS, in_parts(DICOM_XML)))
OF_LEVEL = {"studies": FILES, "series": FILES, "instances": FILE, "workitems": Kind((*DATASETS, DICOM_XML))}
"""Of one of them, by the name of all."""
READ: Mapping[str, Kind] = {
    "studies": SEARCHED,
    "series": SEARCHED,
    "instances": SEARCHED,
    "patients": SEARCHED,
    "workitems": RESOURCES_SEARCHED,
    "count": Kind((JSON,), parameters=("{attributeID}",)),
    "metadata": Kind(DATASETS),
    "frames": Kind((in_parts(OCTET_STREAM), OCTET_STREAM)),
    "bulkdata": Kind((in_parts(OCTET_STREAM),)),
    "pixeldata": Kind((in_parts(OCTET_STREAM),)),
    "rendered": Kind((*map(in_parts, FORMATS), *FORMATS, *TEXTS), parameters=PICTURE),
    "thumbnail": Kind(("image/jpeg",), parameters=("viewport",)),
    "commitment-requests": Kind(DOCUMENTS),
    "conformance": Kind((MARKDOWN,)),
    **dict.fromkeys(KINDS, RESOURCES_SEARCHED),
    "": Kind((WADL, JSON)),
}
WRITE: Mapping[str, Kind] = {
    "studies": STORED,
    "commitment-requests": Kind(DOCUMENTS, DOCUMENTS),
    "workitems": WRITTEN,
    "state": WRITTEN,
    "cancelrequest": WRITTEN,
    "subscribers": Kind(parameters=("deletionlock", "filter")),
    **dict.fromkeys(KINDS, Kind(DOCUMENTS, (*map(in_parts, DICOM_TYPES), *DICOM_TYPES))),
}


@dataclass(frozen=True, slots=True)
class Method:
    """One method of one resource."""

    path: str
    """Behind the base, as a template: `/studies/{study}`."""
    name: str
    function: str
    description: str
    kind: Kind


router = APIRouter(prefix=BASE, tags=["capabilities"])


@router.get("")
@router.options("", include_in_schema=False)
@router.api_route("/", methods=["OPTIONS", "GET"], include_in_schema=False)
def tell_capabilities(request: Request) -> Response:
    """What this server does, as WADL or as JSON. For a signed-in caller, or on this machine."""
    admit(request)
    return _described(request, methods_of(request.app.state.routers), ("GET",))


@router.get("/conformance")
def tell_conformance(request: Request) -> Response:
    """The DICOM conformance statement, as Markdown. For a signed-in caller, or on this machine."""
    admit(request)
    statement: Callable[[Settings], str] | None = request.app.state.statement
    if statement is None:
        raise NotFound("there is no conformance statement here")
    chosen(request, (Offer(MARKDOWN), Offer("text/plain")))
    return Response(statement(pacs_of(request).settings), media_type=f"{MARKDOWN}; charset=utf-8")


@router.options("/{path:path}", include_in_schema=False)
def tell_capabilities_of_resource(request: Request, path: str) -> Response:
    """The same of one resource and what is below it. Raises NotFound."""
    admit(request)
    methods = methods_of(request.app.state.routers)
    here = [method for method in methods if _pattern(method.path).fullmatch(f"/{path}".rstrip("/"))]
    if not here:
        raise NotFound("there is no such resource")
    template = here[0].path
    below = [method for method in methods if f"{method.path}/".startswith(f"{template}/")]
    return _described(request, below, [method.name for method in here])


def methods_of(routers: Iterable[APIRouter]) -> list[Method]:
    """Every method of every resource of DICOMweb that is registered, in the order of their paths."""
    found = {
        (route.path.rstrip("/"), name): _method(route, name)
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute) and f"{route.path}/".startswith(f"{BASE}/")
        for name in (route.methods or set()) - {"OPTIONS", "HEAD"}
    }
    return [found[key] for key in sorted(found)]


def _method(route: APIRoute, name: str) -> Method:
    path = re.sub(r"\{path:path\}", "{path}", route.path.removeprefix(BASE)).rstrip("/")
    description = " ".join((route.endpoint.__doc__ or "").partition("\n")[0].split())
    return Method(path, name, route.endpoint.__name__, description, _kind(path, name))


def _kind(path: str, name: str) -> Kind:
    """By the last word of the path."""
    *_, last = [""] + [step for step in path.split("/") if step and not step.startswith("{")]
    if name in ("POST", "PUT"):
        return WRITE.get(last, Kind())
    if path.endswith("}") and last in KINDS:
        return RESOURCE
    if path.endswith("}") and last in OF_LEVEL:
        return OF_LEVEL[last]
    return READ.get(last, Kind()) if name == "GET" else Kind()


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{path\\\}", ".+", re.sub(r"\\\{(?!path)\w+\\\}", "[^/]+", re.escape(template))))


def _described(request: Request, methods: Sequence[Method], here: Iterable[str]) -> Response:
    """here: the methods of the resource itself."""
    is_wadl = chosen(request, (Offer(WADL), Offer(DICOM_JSON))).media_type == WADL  # JSON is that of DICOM by its alias
    base = f"{origin_of(request)}{BASE.rstrip('/')}"
    body = wadl(base, methods) if is_wadl else _json(base, methods)
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"etag": etag, "allow": ", ".join(sorted({*here, "OPTIONS"})), "vary": "accept"}
    if is_known(request, etag):
        return not_modified(headers)
    return Response(body, headers=headers, media_type=WADL if is_wadl else JSON)


def _json(base: str, methods: Sequence[Method]) -> bytes:
    resources: dict[str, list[Mapping[str, object]]] = {}
    for method in methods:
        told = {
            "name": method.name,
            "id": method.function,
            "description": method.description,
            "parameters": method.kind.parameters,
            "takes": method.kind.takes,
            "gives": method.kind.gives,
        }
        resources.setdefault(method.path or "/", []).append(told)
    found = {"base": base, "resources": [{"path": path, "methods": told} for path, told in resources.items()]}
    return json.dumps(found, ensure_ascii=False).encode()


def wadl(base: str, methods: Sequence[Method]) -> bytes:
    """The resources as a tree, in a WADL document."""
    tree = "".join(_tree(_steps(methods)))
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<application xmlns="{NAMESPACE}">'
    return f"{head}<resources base={quoteattr(base)}>{tree}</resources></application>".encode()


Steps = list[tuple[list[str], Method]]


def _steps(methods: Sequence[Method]) -> Steps:
    return [(method.path.strip("/").split("/"), method) for method in methods]


def _tree(methods: Steps) -> Iterator[str]:
    """The resources of these methods, whose paths begin here."""
    for step in dict.fromkeys(steps[0] for steps, _ in methods):
        below = [(steps[1:], method) for steps, method in methods if steps[0] == step]
        template = "".join(f'<param name="{name}" style="template"/>' for name in re.findall(r"\{(\w+)\}", step))
        own = "".join(_wadl_method(method) for steps, method in below if not steps)
        inner = "".join(_tree([one for one in below if one[0]]))
        yield f'<resource path="{step}">{template}{own}{inner}</resource>'


def _wadl_method(method: Method) -> str:
    accept = _accept(method.kind.gives) if method.kind.gives else ""
    queries = "".join(f'<param name="{name}" style="query"/>' for name in method.kind.parameters)
    taken = "".join(map(_representation, method.kind.takes))
    given = "".join(map(_representation, method.kind.gives))
    return (
        f'<method name="{method.name}" id="{method.function}"><doc>{escape(method.description)}</doc>'
        f"<request>{accept}{queries}{taken}</request><response>{given}</response></method>"
    )


def _accept(media_types: Sequence[str]) -> str:
    options = "".join(f"<option value={quoteattr(name)}/>" for name in media_types)
    return f'<param name="Accept" style="header" default={quoteattr(media_types[0])}>{options}</param>'


def _representation(media_type: str) -> str:
    return f"<representation mediaType={quoteattr(media_type)}/>"
