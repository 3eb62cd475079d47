"""The first picture of a CT beside OHIF: from the address to a slice on screen, in a browser that was never there."""

import base64
import io
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import BrowserContext, CDPSession, Playwright, sync_playwright

from pacs.settings import Settings
from pacs.web.pages import STATIC
from scripts.bench.load import Study, studies
from scripts.bench.measure import Comparison, Goal, Scale, alternate
from scripts.bench.ohif import ohif, unpacked
from scripts.bench.servers import Running, fresh_folder, has_orthanc, orthanc
from scripts.bench.storing import send
from tests.server import serving

SLICES = 200
NAME, PASSWORD = "reader", "a password of the bench"

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRAWN_BY = {
    "SwiftShader": ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"),
    "its own means": (),
}
"""What Chromium draws pages with, and the flags for it. SwiftShader: a GL that the processor makes, as in tests/viewer.
By itself, on a machine without a graphics card, it takes that GL for WebGL only, and Skia on the processor for pages.
"""
WIDTH, HEIGHT = 1280, 800
"""Of the window, in pixels."""
SCREENCAST = {"format": "jpeg", "quality": 80, "maxWidth": WIDTH // 2, "maxHeight": HEIGHT // 2}
"""Half the size: encoding and sending what is on screen takes time from the page."""
MIDDLE = 128
"""Pixels of the screencast, across and down, that are looked at."""
LEAST_GREYS = 32
SPECK = 1 / 1000
"""Share of the middle below which a grey does not count: the edges of letters and of whatever turns while one waits."""
MOST_OF_ONE = 1 / 2
"""Share of the middle that one grey may fill. A background fills nearly all."""
TIMEOUT_S = 60
LOOK_MS = 100


@dataclass(frozen=True, slots=True)
class Viewer:
    """Where a study is opened, and what comes before that."""

    address: str
    sign_in: Callable[[BrowserContext], None] = lambda context: None
    settings: Settings | None = None
    """Of our server."""


def picture(scale: Scale) -> Iterator[Comparison]:
    """A CT of 200 slices, uncompressed as it was stored, opened by its address; a new browser for every visit."""
    if CHROMIUM is None or not shutil.which("storescu") or not (STATIC / "index.html").exists():
        return
    [study] = studies(scale.folder / "load", [scale.of(SLICES, 4)])
    with ExitStack() as stack:
        folder = fresh_folder(scale.folder)
        viewers = {"ours": stack.enter_context(our_viewer(folder / "ours", study))}
        if not scale.is_small and has_orthanc() and (files := unpacked(scale.folder)):
            viewers["OHIF"] = stack.enter_context(ohif_viewer(folder / "orthanc", study, files))
        driver = stack.enter_context(sync_playwright())
        rounds = {name: partial(_round, driver, viewer, scale.folder / name) for name, viewer in viewers.items()}
        for once in rounds.values():
            once()  # the browser is cold each time, the servers are not
        found = alternate(rounds, scale)
    ours, theirs = found["ours"], found.get("OHIF", {})
    for means in DRAWN_BY:
        work = f"first picture of a CT of {study.count} slices, cold browser that draws by {means}"
        goal = Goal("at most", 0.25)
        yield Comparison("picture", work, "s", goal, ours[f"s {means}"], "OHIF", theirs.get(f"s {means}", ()))
    facts = {"kB, OHIF": median(theirs["kB"])} if theirs else {}
    yield Comparison("picture", "script (gzip) before it", "kB", Goal("at most", 60), ours["kB"], facts=facts)


def is_picture(jpeg: bytes) -> bool:
    """Whether the middle is full of greys, as a slice of a body is; a page that waits is of one colour there."""
    screen = np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"))
    top, left = ((length - MIDDLE) // 2 for length in screen.shape)
    middle = screen[top : top + MIDDLE, left : left + MIDDLE]
    shares = np.bincount(middle.ravel(), minlength=256) / middle.size
    return int((shares >= SPECK).sum()) >= LEAST_GREYS and float(shares.max()) <= MOST_OF_ONE


@contextmanager
def our_viewer(folder: Path, study: Study) -> Iterator[Viewer]:
    with serving(folder) as server:
        added = server.pacs("user", "add", NAME, "--role", "radiologist", "--password-stdin", input=f"{PASSWORD}\n")
        if added.returncode:
            raise RuntimeError(added.stderr)
        send(Running(server.process.pid, "PACS", server.dicom_port), [study.folder])
        yield Viewer(address_of(server.url, study), partial(_sign_in, server.url), server.settings)


@contextmanager
def ohif_viewer(folder: Path, study: Study, files: Path) -> Iterator[Viewer]:
    with orthanc(folder) as server:
        send(server, [study.folder])
        with ohif(files, server) as url:
            yield Viewer(address_of(url, study))


def address_of(url: str, study: Study) -> str:
    """The same words in both."""
    return f"{url}/viewer?StudyInstanceUIDs={study.uid}"


def _sign_in(url: str, context: BrowserContext) -> None:
    """Leaves the session's cookie in the context, and nothing in a cache."""
    answer = context.request.post(f"{url}/api/login", data={"name": NAME, "password": PASSWORD})
    if not answer.ok:
        raise RuntimeError(f"signing in is answered by {answer.status}")


def _round(driver: Playwright, viewer: Viewer, kept: Path) -> dict[str, float]:
    """One visit for each means. What was seen first is kept beside `kept`, for the eye."""
    numbers: dict[str, float] = {}
    for means, flags in DRAWN_BY.items():
        watch = _visit(driver, viewer, ["--no-sandbox", *flags])
        kept.with_name(f"picture-{kept.name}-{means}.jpg".replace(" ", "-")).write_bytes(watch.last_seen)
        numbers |= {f"s {means}": watch.seconds(), "kB": watch.kilobytes()}
    return numbers


def _visit(driver: Playwright, viewer: Viewer, flags: list[str]) -> "Watch":
    """Until the first picture is there, or for a minute."""
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
    try:
        context = browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT},
            locale="en-GB",
            # As over a hospital's plain HTTP: only on loopback and TLS does Chromium take brotli too.
            extra_http_headers={"Accept-Encoding": "gzip"},
        )
        viewer.sign_in(context)
        page = context.new_page()
        watch = Watch(context.new_cdp_session(page))
        page.goto(viewer.address, wait_until="commit")
        deadline = time.monotonic() + TIMEOUT_S
        while watch.first_picture is None and time.monotonic() < deadline:
            page.wait_for_timeout(LOOK_MS)
        page.wait_for_timeout(LOOK_MS)  # what the network has told meanwhile comes by another way
    finally:
        browser.close()
    return watch


class Watch:
    """What a browser shows and fetches, told by its debugger: it does not know whose page it is."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session
        self._began: tuple[float, float] | None = None
        """When the page was asked for: seconds of the wall's clock, and of the network's."""
        self._scripts: set[str] = set()
        """Requests for script, and for the page, in which there is some."""
        self._transferred: list[tuple[float, int]] = []
        """When each of these was there, in seconds from the request for the page; bytes with the answer's head."""
        self.first_picture: float | None = None
        """When, by the wall's clock."""
        self.last_seen = b""
        """The JPEG of the first picture, or what is shown in its place."""
        session.on("Network.requestWillBeSent", self._note_request)
        session.on("Network.loadingFinished", self._note_transfer)
        session.on("Page.screencastFrame", self._look)
        session.send("Network.enable")
        session.send("Page.startScreencast", SCREENCAST)

    def seconds(self) -> float:
        """From the request for the page to the first picture. Raises RuntimeError when there was none."""
        if self._began is None or self.first_picture is None:
            raise RuntimeError(f"no picture in {TIMEOUT_S} s")
        return self.first_picture - self._began[0]

    def kilobytes(self) -> float:
        """Script that was there before the first picture. Raises RuntimeError when there was none."""
        elapsed = self.seconds()
        return sum(size for at, size in self._transferred if at <= elapsed) / 1000

    def _note_request(self, event: dict[str, Any]) -> None:
        if self._began is None:
            self._began = event["wallTime"], event["timestamp"]
        if event["type"] in ("Script", "Document"):
            self._scripts.add(event["requestId"])

    def _note_transfer(self, event: dict[str, Any]) -> None:
        if self._began is not None and event["requestId"] in self._scripts:
            self._transferred.append((event["timestamp"] - self._began[1], event["encodedDataLength"]))

    def _look(self, event: dict[str, Any]) -> None:
        if self.first_picture is not None:
            return
        self.last_seen = base64.b64decode(event["data"])
        if is_picture(self.last_seen):
            self.first_picture = event["metadata"]["timestamp"]
        else:  # what is not acknowledged is the last that comes: nothing is under way when the browser is closed
            self._session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})
