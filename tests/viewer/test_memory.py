"""What the engine holds: one graphics context that may be lost, and nothing of studies that were closed."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, CDPSession, Page
from pydicom.dataset import Dataset

from tests.make import make_ct, make_uid, part10
from tests.server import Server, serving, wait_for
from tests.viewer.test_engine import frame_of, grey, on_screen

ROWS, COLUMNS = 48, 64
STUDIES, SLICES = 10, 20
MANY = STUDIES
"""A study of so many series that they fill every pane."""
PANES = 16
y, x = np.mgrid[0:ROWS, 0:COLUMNS]
LISTEN = """
    window.contexts = [];
    window.drawn = 0;
    const get = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (...asked) {
        const context = get.apply(this, asked);
        if (asked[0] === "webgl2" && context && !contexts.includes(context)) contexts.push(context);
        return context;
    };
    const draw = WebGL2RenderingContext.prototype.drawArrays;
    WebGL2RenderingContext.prototype.drawArrays = function (...asked) {
        window.drawn++;
        return draw.apply(this, asked);
    };
"""
"""Which graphics contexts the page makes, and how often it draws with them."""


def values(study: int, number: int) -> NDArray[np.uint16]:
    return np.asarray(30 * x + 25 * y + 40 * number + 10 * study, "<u2")


def slice_of(study: int, number: int, series: int = 1) -> Dataset:
    """Of a CT of its own for each study."""
    ds = make_ct(
        ROWS,
        COLUMNS,
        StudyInstanceUID=make_uid(9, study),
        SeriesInstanceUID=make_uid(9, study, series),
        SeriesNumber=series,
        InstanceNumber=number + 1,
        ImagePositionPatient=[0, 0, number],
        PixelRepresentation=0,
        BitsStored=12,
        HighBit=11,
        WindowCenter=500,
        WindowWidth=3000,
    )
    ds.PixelData = values(study, number).tobytes()
    return ds


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The web door with small studies, open to whoever is on this machine."""
    folder = tmp_path_factory.mktemp("memory")
    (folder / "studies").mkdir()
    for study in range(STUDIES):
        for number in range(SLICES):
            (folder / f"studies/{study}-{number}.dcm").write_bytes(part10(slice_of(study, number)).getvalue())
    for series in range(PANES):
        (folder / f"studies/many-{series}.dcm").write_bytes(part10(slice_of(MANY, series, series + 1)).getvalue())
    with serving(folder / "data", "web", login="none") as running:
        done = running.pacs("import", str(folder / "studies"))
        assert done.returncode == 0, done.stdout + done.stderr
        yield running


@pytest.fixture
def open_study(server: Server, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a study on a page whose graphics contexts are listed. Errors of the page fail the test."""
    pages: list[Page] = []
    complaints: list[str] = []

    def open_one(study: int, gl: str) -> Page:
        page = chromium.new_page(viewport={"width": 900, "height": 700})
        pages.append(page)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.add_init_script(LISTEN)
        page.goto(f"{server.url}/viewer?StudyInstanceUIDs={make_uid(9, study)}&gl={gl}")
        wait_for(lambda: frame_of(page) == 0, "the first picture")
        return page

    yield open_one
    for page in pages:
        page.close()
    assert complaints == []


def show_last(page: Page) -> bool:
    page.keyboard.press("End")
    return frame_of(page) == SLICES - 1


def difference(page: Page, study: int, number: int) -> float:
    """Mean, in grey levels."""
    wanted = grey(values(study, number).astype(float) - 1024)
    return float(np.abs(on_screen(page) - wanted[..., None]).mean())


def drawn(page: Page) -> int:
    """How often the graphics card has drawn."""
    return int(page.evaluate("drawn"))


def lose(page: Page) -> None:
    page.evaluate("window.lost = contexts.at(-1).getExtension('WEBGL_lose_context'); lost.loseContext()")
    wait_for(lambda: page.evaluate("contexts.at(-1).isContextLost()"), "the loss")


def test_a_lost_graphics_context_is_not_seen_and_comes_back(open_study: Callable[..., Page]) -> None:
    page = open_study(0, "1")
    assert drawn(page) > 0
    lose(page)
    by_card = drawn(page)

    wait_for(lambda: show_last(page), "the last slice, without the card")
    assert difference(page, 0, SLICES - 1) < 1.5
    assert drawn(page) == by_card

    page.evaluate("lost.restoreContext()")
    wait_for(lambda: not page.evaluate("contexts.at(-1).isContextLost()"), "the context to come back")
    page.keyboard.press("Home")
    wait_for(lambda: drawn(page) > by_card and frame_of(page) == 0, "the first slice, by the card")
    assert difference(page, 0, 0) < 1.5


def test_sixteen_panes_share_one_graphics_context(open_study: Callable[..., Page]) -> None:
    page = open_study(MANY, "1")
    page.locator("[data-action=grid]").click()
    page.locator("[data-grid='4 4']").click()

    wait_for(lambda: page.locator("canvas.picture[data-frame]").count() == PANES, "a picture in every pane")
    alive = "contexts.filter((context) => !context.isContextLost()).length"
    assert page.evaluate(alive) == 1


def test_nothing_is_left_of_studies_that_were_closed(open_study: Callable[..., Page]) -> None:
    page = open_study(0, "1")
    session = page.context.new_cdp_session(page)
    for study in (1, 2):
        visit(page, study)
    before = counted(session)
    for study in range(3, STUDIES):
        visit(page, study)
    after = counted(session)

    assert page.evaluate("contexts.filter((context) => !context.isContextLost()).length") == 1
    for kind in ("nodes", "jsEventListeners"):
        assert after[kind] < before[kind] * 1.1 + 50, kind
    assert canvases(session) < 8
    assert len(page.workers) <= 2


def visit(page: Page, study: int) -> None:
    """To the list, and from there to another study, as a reader goes: the page is not loaded anew."""
    page.evaluate("history.pushState(null, '', '/'); dispatchEvent(new PopStateEvent('popstate'))")
    wait_for(lambda: page.locator("canvas.picture").count() == 0, "the study to close")
    address = f"/viewer?StudyInstanceUIDs={make_uid(9, study)}&gl=1"
    page.evaluate(f"history.pushState(null, '', '{address}'); dispatchEvent(new PopStateEvent('popstate'))")
    wait_for(lambda: frame_of(page) == 0, f"study {study}")
    wait_for(lambda: show_last(page), f"the last slice of study {study}")


def counted(session: CDPSession) -> dict[str, int]:
    """Nodes and listeners that are alive after rubbish was collected."""
    session.send("HeapProfiler.collectGarbage")
    found: dict[str, int] = session.send("Memory.getDOMCounters")
    return found


def canvases(session: CDPSession) -> int:
    """All that are alive, on the page or not."""
    session.send("HeapProfiler.collectGarbage")
    prototype = session.send("Runtime.evaluate", {"expression": "HTMLCanvasElement.prototype"})["result"]["objectId"]
    found = session.send("Runtime.queryObjects", {"prototypeObjectId": prototype})["objects"]["objectId"]
    count = "function () { return this.length; }"
    asked = {"objectId": found, "functionDeclaration": count, "returnByValue": True}
    return int(session.send("Runtime.callFunctionOn", asked)["result"]["value"])
