"""What every answer carries so that a browser keeps to itself (reliability 4.4)."""

import json
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY: Mapping[str, tuple[str, ...]] = {
    "default-src": ("'none'",),
    "script-src": ("'self'", "'wasm-unsafe-eval'"),
    "worker-src": ("'self'", "blob:"),
    "connect-src": ("'self'",),
    "img-src": ("'self'", "blob:", "data:"),
    "style-src": ("'self'",),
    "media-src": ("'self'",),
    "frame-src": ("'self'",),
    "font-src": ("'self'",),
    "manifest-src": ("'self'",),
    "base-uri": ("'none'",),
    "form-action": ("'self'",),
    "frame-ancestors": ("'none'",),
}

ALWAYS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}

FOR_OTHER_ORIGINS: Mapping[str, Any] = {
    "allow_methods": ("DELETE", "GET", "HEAD", "POST", "PUT"),
    "allow_headers": ("accept", "authorization", "content-type", "if-none-match", "if-range", "range"),
    "expose_headers": ("content-location", "content-range", "etag", "location", "retry-after", "warning"),
    "max_age": 600,
}
"""What pages of the origins that are listed may send and read. Never cookies: they bring a token."""

NO_STORE = (b"cache-control", b"no-store")
"""Of an answer that says nothing of caching itself: it may hold what is a patient's."""
TLS_FOR_A_YEAR = (b"strict-transport-security", b"max-age=31536000")


class Headers:
    """The outermost layer of the app. Adds no task and no copy: it looks at the start of an answer only."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._always = [(name.encode(), value.encode()) for name, value in ALWAYS.items()]
        self._policy = (b"content-security-policy", policy.encode())

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = self._completed(message["headers"], scope["scheme"])
            return send(message)

        return self._app(scope, receive, send_with_headers)

    def _completed(self, headers: list[tuple[bytes, bytes]], scheme: str) -> list[tuple[bytes, bytes]]:
        said = {name for name, _ in headers}
        completed = [*headers, *self._always]
        if b"content-security-policy" not in said:
            completed.append(self._policy)
        if b"cache-control" not in said:
            completed.append(NO_STORE)
        if scheme == "https":
            completed.append(TLS_FOR_A_YEAR)
        return completed


def policy_of_build(static: Path, embedders: Sequence[str] = ()) -> str:
    """The policy under which the built viewer runs: its `csp.json` names the hashes of its inline scripts."""
    path = static / "csp.json"
    return content_security_policy(json.loads(path.read_bytes()) if path.exists() else {}, embedders)


def content_security_policy(hashes: Mapping[str, Sequence[str]], embedders: Sequence[str] = ()) -> str:
    """The policy as a header's value.

    hashes: `sha256-…` to allow besides, by directive. embedders: origins whose pages may show ours in a frame.
    """
    policy = {**CONTENT_SECURITY_POLICY, **({"frame-ancestors": ("'self'", *embedders)} if embedders else {})}
    return "; ".join(
        " ".join((directive, *sources, *(f"'{one}'" for one in hashes.get(directive, ()))))
        for directive, sources in policy.items()
    )
