"""Reading a CT beside OHIF: the first picture, pictures while scrolling, memory; and ours with large studies."""

import base64
import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

import imagecodecs
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, Playwright, sync_playwright
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from pacs.archive import renditions
from pacs.settings import Settings
from pacs.web.pages import STATIC
from pacs.wiring import close_pacs, open_pacs
from scripts.bench.load import Study, slices, studies
from scripts.bench.measure import Comparison, Goal, Scale, alternate
from scripts.bench.ohif import unpacked
from scripts.bench.picture import CHROMIUM, HEIGHT, WIDTH, Viewer, Watch, ohif_viewer, our_viewer
from scripts.bench.processes import cpu_seconds, memory_mb, tree
from scripts.bench.servers import fresh_folder, has_orthanc
from tests.make import make_ct, make_uid, part10
from tests.server import Server, serving

SLICES = 200
SCROLL_S = 4.0
TURN = 150
"""Pictures in one direction, before it goes back: fewer than the series has."""
SMALL_SCREEN = {"format": "jpeg", "quality": 50, "maxWidth": WIDTH // 4, "maxHeight": HEIGHT // 4}
TIMEOUT_S = 60
IDLE_S = 2.0
LOOK_MS = 50

LINE = {"offline": False, "latency": 40, "downloadThroughput": 20e6 / 8, "uploadThroughput": 20e6 / 8}
"""20 Mbit/s, 40 ms."""
STUDIES, WARM = 50, 10
KEPT_MS = 16_000
"""Longer than a page keeps what nobody looks at."""

SCROLL = f"""(seconds) => new Promise((done) => {{
    const began = performance.now();
    let pressed = 0;
    const press = () => {{
        if (performance.now() - began > seconds * 1000) return done(pressed);
        const [key, keyCode] = Math.floor(pressed++ / {TURN}) % 2 ? ["ArrowUp", 38] : ["ArrowDown", 40];
        for (const type of ["keydown", "keyup"])
            document.body.dispatchEvent(new KeyboardEvent(type, {{ key, code: key, keyCode, bubbles: true }}));
        requestAnimationFrame(press);
    }};
    press();
}})"""
"""One press for each animation frame, on whatever page."""
WATCH_TASKS = """
    window.longest = 0;
    new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
    }).observe({ type: "longtask", buffered: true });
"""
NO_TOUR = "localStorage.setItem('shownTours', '[\"basicViewerTour\"]')"
"""OHIF's, which lies over the pictures."""


def viewer(scale: Scale) -> Iterator[Comparison]:
    """The page with all its parts, in a browser that draws without a graphics card."""
    if CHROMIUM is None or not shutil.which("storescu") or not (STATIC / "index.html").exists():
        return
    with sync_playwright() as driver:
        yield from _beside_ohif(scale, driver)
        yield from _alone(scale, driver)


def _beside_ohif(scale: Scale, driver: Playwright) -> Iterator[Comparison]:
    [study] = studies(scale.folder / "load", [scale.of(SLICES, 4)])
    with ExitStack() as stack:
        folder = fresh_folder(scale.folder)
        ours_at = stack.enter_context(our_viewer(folder / "ours", study))
        viewers = {"ours": ours_at}
        if not scale.is_small and has_orthanc() and (files := unpacked(scale.folder)):
            viewers["OHIF"] = stack.enter_context(ohif_viewer(folder / "orthanc", study, files))
        rounds = {name: partial(_read, driver, each, scale) for name, each in viewers.items()}
        if not scale.is_small:
            for once in rounds.values():
                once()  # the servers are warm then
        found = alternate(rounds, scale)
        assert ours_at.settings is not None
        _make_renditions(ours_at.settings)
        on_line = [_scrollable_s(driver, ours_at) for _ in range(scale.rounds)]
    ours, theirs = found["ours"], found.get("OHIF", {})
    compared = partial(Comparison, "viewer")
    for name, work, unit, goal in (
        ("s", "first picture", "s", Goal("at most", 0.25)),
        ("cpu", "processor time of the browser until the first picture", "s", Goal("at most", 0.25)),
        ("pictures", "pictures a second, a key pressed for each animation frame", "/s", Goal("at least", 2)),
        ("MB", "memory of the browser (PSS) after scrolling", "MB", Goal("at most", 0.6)),
    ):
        title = f"{work}, CT of {study.count} slices"
        yield compared(title, unit, goal, ours[name], "OHIF", theirs.get(name, ()))
    facts = {"kB, OHIF": median(theirs["kB"])} if theirs else {}
    yield compared("script (gzip) before the first picture", "kB", Goal("at most", 60), ours["kB"], facts=facts)
    title = f"all {study.count} slices scrollable in a low resolution, 20 Mbit/s and 40 ms"
    yield compared(title, "s", Goal("at most", 2), tuple(on_line))


def _read(driver: Playwright, viewer: Viewer, scale: Scale) -> dict[str, float]:
    """One visit: the first picture, all of the series, scrolling through it."""
    with _browser(driver) as (browser, pid):
        context = _context(browser, viewer)
        page = context.new_page()
        page.goto("about:blank")
        before = cpu_seconds(pid)
        session = context.new_cdp_session(page)
        watch = Watch(session)
        page.goto(viewer.address, wait_until="commit")
        _wait(page, lambda: watch.first_picture is not None)
        spent = cpu_seconds(pid) - before
        _wait_until_idle(page, session)
        session.send("Page.stopScreencast")
        rate = _pictures_a_second(page, context, scale.of(int(SCROLL_S), 1))
        page.wait_for_timeout(1000)
        return {"s": watch.seconds(), "cpu": spent, "kB": watch.kilobytes(), "pictures": rate, "MB": memory_mb(pid)}


def _pictures_a_second(page: Page, context: BrowserContext, seconds: float) -> float:
    """Pictures of the screen whose middle is another one than before."""
    session = context.new_cdp_session(page)
    seen: list[tuple[float, bytes]] = []

    def look(event: dict[str, object]) -> None:
        seen.append((event["metadata"]["timestamp"], base64.b64decode(str(event["data"]))))  # type: ignore[index]
        session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    session.on("Page.screencastFrame", look)
    session.send("Page.startScreencast", SMALL_SCREEN)
    page.evaluate(SCROLL, seconds)
    session.send("Page.stopScreencast")
    middles = [_middle(jpeg) for _, jpeg in seen]
    changed = sum(not np.array_equal(one, other) for one, other in pairwise(middles))
    return changed / seconds


def _middle(jpeg: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    screen = np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"))
    rows, columns = screen.shape
    return screen[rows // 3 : -rows // 3, columns // 3 : -columns // 3]


def _scrollable_s(driver: Playwright, viewer: Viewer) -> float:
    with _browser(driver) as (browser, _):
        context = _context(browser, viewer)
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", LINE)
        page.goto(viewer.address, wait_until="commit")
        _wait(page, lambda: bool(page.evaluate("performance.getEntriesByName('scrollable').length")))
        return float(page.evaluate("performance.getEntriesByName('scrollable')[0].startTime")) / 1000


def _alone(scale: Scale, driver: Playwright) -> Iterator[Comparison]:
    """What is asked of ours whoever stands beside it."""
    small = studies(scale.folder / "load", [scale.of(20, 2)] * scale.of(STUDIES, 4), size=256)
    with serving(fresh_folder(scale.folder) / "data", login="none") as server:
        _import(server, *(study.folder for study in small))
        large = {
            "CT of 2,000 slices": _large_ct(scale, server),
            "ultrasound of 500 frames": _ultrasound(scale, server),
        }
        for what, uid in large.items():
            longest = tuple(_longest_ms(driver, server, uid, scale) for _ in range(scale.rounds))
            title = f"longest task of the page's thread, {what}, opened and scrolled"
            yield Comparison("viewer", title, "ms", Goal("at most", 100), longest)
        growth = _growth(driver, server, small, scale)
        title = f"memory (PSS) after {len(small)} studies were opened and closed, as a share of that after {WARM}"
        yield Comparison("viewer", title, "", Goal("at most", 1.1), (growth,))


def _longest_ms(driver: Playwright, server: Server, study_uid: str, scale: Scale) -> float:
    """Zero: none took over 50 ms."""
    with _browser(driver) as (browser, _):
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.add_init_script(WATCH_TASKS)
        page.goto(f"{server.url}/viewer?StudyInstanceUIDs={study_uid}", wait_until="commit")
        _wait(page, lambda: _frame_of(page) is not None)
        page.evaluate(SCROLL, scale.of(6, 1))
        return float(page.evaluate("longest"))


def _growth(driver: Playwright, server: Server, visited: list[Study], scale: Scale) -> float:
    """From study to study by the page itself, which is loaded once."""
    with _browser(driver) as (browser, pid):
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(server.url)
        # Before it is there, the page does not follow its address.
        _wait(page, lambda: page.evaluate("document.getElementById('app').childElementCount > 0"))
        early = 0.0
        for number, study in enumerate(visited, start=1):
            _go(page, f"/viewer?StudyInstanceUIDs={study.uid}")
            _wait(page, lambda: _frame_of(page) is not None)
            page.evaluate(SCROLL, 0.5)
            _go(page, "/")
            _wait(page, lambda: _frame_of(page) is None)
            if number == scale.of(WARM, 1):
                early = _at_rest_mb(page, pid, scale)
        return _at_rest_mb(page, pid, scale) / early


def _at_rest_mb(page: Page, pid: int, scale: Scale) -> float:
    page.wait_for_timeout(scale.of(KEPT_MS, 1))
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.detach()
    return memory_mb(pid)


def _go(page: Page, address: str) -> None:
    page.evaluate(
        "(address) => { history.pushState(null, '', address); dispatchEvent(new PopStateEvent('popstate')); }", address
    )


def _frame_of(page: Page) -> str | None:
    found: str | None = page.evaluate("document.querySelector('canvas.picture')?.dataset.frame")
    return found


def _large_ct(scale: Scale, server: Server) -> str:
    """Its Study Instance UID."""
    count = scale.of(2000, 4)
    [study] = studies(scale.folder / "load" / "long", [count], size=256)
    _import(server, study.folder)
    return study.uid


def _ultrasound(scale: Scale, server: Server) -> str:
    """One instance in colour as scanners send it: JPEG. Its Study Instance UID."""
    folder = scale.folder / "load" / "us-500"
    folder.mkdir(parents=True, exist_ok=True)
    uid = make_uid(33, 1)
    greys = [np.clip(each / 16, 0, 255).astype("u1") for each in slices(10, 512, 9)]
    frames = [bytes(imagecodecs.jpeg8_encode(np.stack([each] * 3, axis=-1), level=80)) for each in greys]
    count = scale.of(500, 10)
    ds = _colour(
        make_ct(512, 512, "1.2.840.10008.1.2.4.50", StudyInstanceUID=uid, SeriesInstanceUID=make_uid(33, 1, 1))
    )
    ds.NumberOfFrames = count
    ds.PixelData = encapsulate([frames[number % len(frames)] for number in range(count)])
    ds["PixelData"].is_undefined_length = True
    (folder / "us.dcm").write_bytes(part10(ds).getvalue())
    _import(server, folder)
    return uid


def _colour(ds: Dataset) -> Dataset:
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    ds.Modality = "US"
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "YBR_FULL_422", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.CineRate = 30
    for keyword in ("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "ImagePositionPatient"):
        if keyword in ds:
            del ds[keyword]
    return ds


def _import(server: Server, *folders: Path) -> None:
    done = server.pacs("import", *map(str, folders))
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


def _make_renditions(settings: Settings) -> None:
    """As the worker does while nobody stores."""
    pacs = open_pacs(settings)
    while renditions.is_waiting(pacs):
        renditions.make_some(pacs, lambda: True)
    close_pacs(pacs)


@contextmanager
def _browser(driver: Playwright) -> Iterator[tuple[Browser, int]]:
    """A browser that was never there, and its process."""
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    try:
        yield browser, _pid_of_browser()
    finally:
        browser.close()


def _pid_of_browser() -> int:
    """The one of ours that started the others."""
    for pid in tree(os.getpid()):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"chrom" in words[0] and any(word.startswith(b"--user-data-dir=") for word in words):
            return pid
    raise RuntimeError("the browser is not among our processes")


def _context(browser: Browser, viewer: Viewer) -> BrowserContext:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB", extra_http_headers={"Accept-Encoding": "gzip"}
    )
    context.add_init_script(NO_TOUR)
    viewer.sign_in(context)
    return context


def _wait(page: Page, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {TIMEOUT_S} s in vain")
        page.wait_for_timeout(LOOK_MS)


def _wait_until_idle(page: Page, session: CDPSession) -> None:
    """Until nothing has come from the server for a while: all of the series is here."""
    last = [time.monotonic()]
    session.on("Network.dataReceived", lambda event: last.__setitem__(0, time.monotonic()))
    _wait(page, lambda: time.monotonic() - last[0] > IDLE_S)
