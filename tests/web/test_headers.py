"""What keeps a browser from giving away what it is shown."""

import json
from pathlib import Path

import pytest

from pacs.web.headers import policy_of_build
from tests.web.conftest import Caller


@pytest.mark.parametrize("path", ["/healthz", "/api/me", "/no/such/path", "/dicom-web/studies"])
def test_every_answer_is_closed_to_other_sites_and_kept_nowhere(anonymous: Caller, path: str) -> None:
    headers = anonymous.get(path).headers

    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers
    assert "strict-transport-security" not in headers


def test_over_tls_browsers_are_told_to_stay_there(anonymous: Caller) -> None:
    headers = anonymous.get("/healthz", headers={"x-forwarded-proto": "https"}).headers

    assert "max-age=31536000" in headers["strict-transport-security"]


def test_the_inline_scripts_of_the_build_may_run_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "csp.json").write_text(json.dumps({"script-src": ["sha256-abc="]}))

    policy = policy_of_build(tmp_path)

    assert "script-src 'self' 'wasm-unsafe-eval' 'sha256-abc=';" in policy
    assert "unsafe-inline" not in policy
