"""The built viewer's files. They hold nothing of a patient, so they are public."""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from pacs.errors import NotFound

STATIC = Path(__file__).parent / "static"

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""What the build leaves beside a file that shrinks, smallest first."""

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"

router = APIRouter(include_in_schema=False)


@router.get("/")
@router.get("/viewer")
@router.get("/IHEInvokeImageDisplay")
@router.get("/signin")
@router.get("/admin")
@router.get("/patterns")
def show_viewer(request: Request) -> Response:
    """The one page; the script in it looks at the address."""
    if not (STATIC / "index.html").exists():
        return PlainTextResponse("The viewer is not built yet: make install\n", 503)
    return _file(request, "index.html", ASK_AGAIN)


@router.get("/assets/{name:path}")
def give_asset(request: Request, name: str) -> Response:
    """A file whose name holds the hash of its content."""
    return _file(request, f"assets/{name}", FOR_EVER)


@router.get("/{name}")
def give_file(request: Request, name: str) -> Response:
    """Icons and the like, which keep their names."""
    return _file(request, name, ASK_AGAIN)


def _file(request: Request, name: str, cache_control: str) -> Response:
    """Raises NotFound for what is no file of the build."""
    path = (STATIC / name).resolve()
    if path.suffix not in MEDIA_TYPES or not path.is_relative_to(STATIC) or not path.is_file():
        raise NotFound("there is no such page")
    headers = {"cache-control": cache_control, "vary": "accept-encoding"}
    sent = path
    for encoding, suffix in ENCODINGS.items():
        packed = path.with_name(path.name + suffix)
        if encoding in request.headers.get("accept-encoding", "") and packed.is_file():
            headers["content-encoding"] = encoding
            sent = packed
            break
    stat = sent.stat()
    headers["etag"] = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(sent.read_bytes(), headers=headers, media_type=MEDIA_TYPES[path.suffix])
