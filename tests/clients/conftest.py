"""One server with the sample studies, for the clients of other houses; pages of two other hosts may ask it."""

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, sync_playwright

from scripts.bench.ohif import Front
from scripts.seed import make
from tests.server import ROOT, Server, free_port, serving

CACHE = ROOT / ".bench"
"""What is fetched from npm's registry, for measurements too; it is not committed."""
SAMPLES = ROOT / "sample_dicom"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SOFTWARE_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-sandbox")

NAME, PASSWORD = "reader", "a password of the tests"


@dataclass(frozen=True, slots=True)
class House:
    """A server, and who may do everything there."""

    server: Server
    token: str
    origins: tuple[int, ...] = ()
    """Ports of loopback whose pages may ask."""

    @property
    def dicomweb(self) -> str:
        return f"{self.server.url}/dicom-web"

    def remove(self, study_instance_uid: str) -> None:
        """Remove what a test has stored: the others know what there is."""
        answer = requests.delete(
            f"{self.server.url}/api/studies/{study_instance_uid}",
            params={"reason": "it was a test"},
            headers={"authorization": f"Bearer {self.token}"},
            timeout=20,
        )
        answer.raise_for_status()


@pytest.fixture(scope="package")
def samples() -> Path:
    """The folder of the sample studies, made when they were not yet."""
    make(SAMPLES)
    return SAMPLES / "studies"


@pytest.fixture(scope="package")
def house(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The sample studies behind the web door, and one who reads them."""
    ports = free_port(), free_port()
    origins = " ".join(f"http://127.0.0.1:{port}" for port in ports)
    with serving(tmp_path_factory.mktemp("house") / "data", "web", workers="1", cors_origins=origins) as server:
        done = server.pacs("import", str(samples))
        assert done.returncode == 0, done.stderr
        added = server.pacs("user", "add", NAME, "--role", "radiologist", "--password-stdin", input=f"{PASSWORD}\n")
        assert added.returncode == 0, added.stderr
        yield House(server, server.token(), ports)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        unavailable("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(SOFTWARE_GL))
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[[str], Page]]:
    """Opens pages in a browser of nobody; what their scripts throw fails the test."""
    context = chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    thrown: list[str] = []

    def new_page(address: str) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: thrown.append(str(error)))
        page.goto(address)
        return page

    yield new_page
    context.close()
    assert thrown == []


@contextmanager
def fronting(folder: Path, port: int = 0, configuration: str = "", behind: int = 0) -> Iterator[str]:
    """The address of a host with these files; what it is asked of DICOMweb it asks the server at the port `behind`."""
    with socket.create_server(("127.0.0.1", port), backlog=128) as listening:
        front = Front(folder, configuration, listening, behind)
        thread = threading.Thread(target=front.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            front.shutdown()
            thread.join()


def unavailable(reason: str) -> None:
    """Skipped by name on a machine of one's own; in CI it is a failure."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
