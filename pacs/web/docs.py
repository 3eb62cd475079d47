"""The REST API in words: as an OpenAPI document, and as a page that needs no script and no other host."""

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from pacs.web.auth import admit

router = APIRouter(prefix="/api", include_in_schema=False)

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "code{font-size:1.05em}section{border-top:1px solid #8885;padding:.6rem 0}p{margin:.2rem 0;white-space:pre-line}"
)
POLICY = f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"


@router.get("/openapi.json")
def tell_openapi(request: Request) -> Response:
    """For a signed-in caller, or on this machine."""
    admit(request)
    return JSONResponse(request.app.openapi())


@router.get("/docs")
def show_docs(request: Request) -> Response:
    """For a signed-in caller, or on this machine."""
    admit(request)
    page = _page(request.app.openapi())
    return HTMLResponse(page, headers={"content-security-policy": POLICY})


def _page(document: dict[str, Any]) -> str:
    operations = [
        _section(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
        f"<h1>{title}</h1><p>Send <code>Authorization: Bearer TOKEN</code>; make one with "
        "<code>pacs token create</code>. The same as a document: <a href=openapi.json>openapi.json</a>.</p>"
        + "".join(operations)
    )


def _section(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = ", ".join(parameter["name"] for parameter in operation.get("parameters", ()))
    return (
        f"<section><code><b>{method.upper()}</b> {escape(path)}</code>"
        f"<p>{escape(operation.get('description', ''))}</p>"
        + (f"<p><small>{escape(parameters)}</small></p>" if parameters else "")
        + "</section>"
    )
