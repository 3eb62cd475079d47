"""The viewer's files."""

from pathlib import Path

import pytest

from pacs.web import pages
from tests.web.conftest import Caller


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build of two files, one of them packed."""
    (tmp_path / "static/assets").mkdir(parents=True)
    (tmp_path / "static/index.html").write_text("<!doctype html>")
    (tmp_path / "static/csp.json").write_text("{}")
    (tmp_path / "static/assets/app-1a2b.js").write_text("alert()")
    (tmp_path / "static/assets/app-1a2b.js.gz").write_bytes(b"packed by gzip")
    (tmp_path / "static/assets/app-1a2b.js.br").write_bytes(b"packed by brotli")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr(pages, "STATIC", tmp_path / "static")
    return tmp_path / "static"


@pytest.mark.parametrize("path", ["/", "/viewer?StudyInstanceUIDs=1.2", "/signin"])
def test_every_page_is_the_one_page_and_is_asked_for_again(anonymous: Caller, build: Path, path: str) -> None:
    answer = anonymous.get(path)

    assert answer.text == "<!doctype html>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert anonymous.get(path, headers={"if-none-match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("accepted", "body", "encoding"),
    [
        ("gzip, deflate, br", b"packed by brotli", "br"),
        ("gzip", b"packed by gzip", "gzip"),
        ("identity", b"alert()", None),
    ],
)
def test_assets_are_given_as_small_as_the_browser_takes_them(
    anonymous: Caller, build: Path, accepted: str, body: bytes, encoding: str | None
) -> None:
    with anonymous.get("/assets/app-1a2b.js", headers={"accept-encoding": accepted}, stream=True) as answer:
        assert answer.raw.read() == body

    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "accept-encoding"


@pytest.mark.parametrize("path", ["/assets/..%2F..%2Fsecret.txt", "/..%2Fsecret.txt", "/assets/", "/nothing.js"])
def test_nothing_but_the_build_is_given(anonymous: Caller, build: Path, path: str) -> None:
    assert anonymous.get(path).status_code == 404


def test_without_a_build_the_page_says_how_to_make_it(
    anonymous: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "STATIC", tmp_path)

    answer = anonymous.get("/")

    assert answer.status_code == 503
    assert "make install" in answer.text
