"""What a reader draws is kept while he works, comes back exactly, and is shown to others; key images; publishing."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.annotation import make_annotation, place_on
from tests.make import part10
from tests.server import Server, serving
from tests.viewer.test_progressive import slice_of

SAVED = "[data-saving=saved]"
SLICES = [slice_of(number) for number in range(4)]
STUDY = SLICES[0].StudyInstanceUID


@pytest.fixture(scope="module")
def server(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The web door with four slices, open to whoever is on this machine."""
    folder: Path = tmp_path_factory.mktemp("kept")
    (folder / "files").mkdir()
    for number, ds in enumerate(SLICES):
        (folder / f"files/{number}.dcm").write_bytes(part10(ds).getvalue())
    with serving(folder / "data", "web", login="none") as running:
        done = running.pacs("import", str(folder / "files"))
        assert done.returncode == 0, done.stdout + done.stderr
        yield running


@pytest.fixture
def open_study(server: Server, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens the study where nothing is drawn. Errors of the page fail the test."""
    pages: list[Page] = []
    complaints: list[str] = []

    def open_one(**options: Any) -> Page:
        page = chromium.new_page(**{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | options)
        pages.append(page)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        clear(page, server)
        page.goto(f"{server.url}/viewer?StudyInstanceUIDs={STUDY}")
        ready(page)
        return page

    yield open_one
    for page in pages:
        page.context.close()
    assert complaints == []


@pytest.fixture
def reading(open_study: Callable[..., Page]) -> Page:
    """A desk with everything that comes after the first picture, measurements listed."""
    page = open_study()
    page.keyboard.press("Shift+M")
    return page


@pytest.fixture(scope="module")
def colleague(server: Server) -> dict[str, str]:
    """Headers of somebody else."""
    done = server.pacs("token", "create", "--role", "radiologist", "--name", "bs.bình")
    assert done.returncode == 0, done.stderr
    return {"authorization": f"Bearer {done.stdout.strip()}"}


def ready(page: Page) -> None:
    expect(page.locator("[data-corner=image]")).to_be_visible()
    page.wait_for_selector("body:has([data-action=key_images]), body:has(.phone-bar)")


def clear(page: Page, server: Server) -> None:
    """Nothing of an earlier test."""
    kept = all_kept(page, server)
    for drawn in kept["annotations"]:
        if drawn["author"] == "anyone":
            assert page.request.delete(f"{annotations(server)}/{drawn['id']}").ok
    for image in kept["key_images"]:
        assert page.request.delete(f"{server.url}/api/studies/{STUDY}/key-images/{image['id']}").ok


def annotations(server: Server) -> str:
    return f"{server.url}/api/studies/{STUDY}/annotations"


def all_kept(page: Page, server: Server) -> Any:
    return page.request.get(annotations(server)).json()


def draw_length(page: Page, shift: float = 0) -> None:
    box = page.locator(".surface").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + shift
    page.keyboard.press("d")
    page.mouse.move(x - 80.25, y - 30.5)
    page.mouse.down()
    page.mouse.move(x, y)
    page.mouse.move(x + 60.75, y + 40.125)
    page.mouse.up()


def test_a_stroke_is_saved_by_itself_and_comes_back_exactly(reading: Page, server: Server) -> None:
    with reading.expect_request(lambda request: request.method == "PUT") as sent:
        draw_length(reading)
    expect(reading.locator(SAVED)).to_be_visible()
    drawn = json.loads(sent.value.post_data or "")
    (kept,) = all_kept(reading, server)["annotations"]
    assert {key: kept[key] for key in drawn} == drawn
    shown = reading.locator("[data-measured=length] .line").inner_text()
    assert re.fullmatch(r"[\d.]+ mm", shown)

    reading.reload()
    ready(reading)
    reading.keyboard.press("Shift+M")

    expect(reading.locator("[data-measured=length] .line")).to_have_text(shown)
    (again,) = all_kept(reading, server)["annotations"]
    assert again == kept, "nothing of it was sent anew"


def test_what_was_drawn_without_a_line_is_sent_when_it_is_back(reading: Page, server: Server) -> None:
    reading.context.set_offline(True)
    draw_length(reading)
    expect(reading.locator(".save-pill")).to_contain_text("Not saved yet")
    expect(reading.locator("[data-saving=offline]")).to_be_visible()
    reading.context.set_offline(False)
    expect(reading.locator(SAVED)).to_be_visible(timeout=15_000)
    assert len(all_kept(reading, server)["annotations"]) == 1


def test_what_was_not_sent_yet_survives_a_reload(reading: Page, server: Server) -> None:
    reading.route("**/annotations/*", lambda route: route.abort())
    draw_length(reading)
    expect(reading.locator("[data-saving=offline]")).to_be_visible()
    assert all_kept(reading, server)["annotations"] == []
    reading.unroute("**/annotations/*")

    reading.reload()
    ready(reading)
    reading.keyboard.press("Shift+M")

    expect(reading.locator("[data-measured=length]")).to_have_count(1)
    expect(reading.locator(SAVED)).to_be_visible(timeout=15_000)
    assert len(all_kept(reading, server)["annotations"]) == 1


def test_what_the_server_will_not_take_is_said(reading: Page, server: Server) -> None:
    problem = json.dumps({"title": "Bad Request", "detail": "length has 2 to 2 points, and not 1"})
    reading.route("**/annotations/*", lambda route: route.fulfill(status=400, body=problem))
    draw_length(reading)
    expect(reading.locator(".save-pill")).to_contain_text("Not saved: length has 2 to 2 points")
    reading.get_by_role("button", name="Do not save it").click()
    expect(reading.locator(SAVED)).to_be_visible()


def test_removing_and_undoing_it_are_kept_too(reading: Page, server: Server) -> None:
    draw_length(reading)
    expect(reading.locator(SAVED)).to_be_visible()
    reading.locator("[data-measured=length]").get_by_role("button", name="Delete").click()
    expect(reading.locator("[data-measured=length]")).to_have_count(0)
    expect(reading.locator(SAVED)).to_be_visible()
    assert all_kept(reading, server)["annotations"] == []
    reading.keyboard.press("Control+Z")
    expect(reading.locator("[data-measured=length]")).to_have_count(1)
    expect(reading.locator(SAVED)).to_be_visible()
    assert len(all_kept(reading, server)["annotations"]) == 1


def test_the_same_changed_at_two_screens_is_kept_twice(reading: Page, server: Server) -> None:
    draw_length(reading)
    expect(reading.locator(SAVED)).to_be_visible()
    (kept,) = all_kept(reading, server)["annotations"]
    elsewhere = {key: kept[key] for key in ("id", "kind", "place", "text", "results")} | {"points": [[1, 1], [20, 20]]}
    changed = reading.request.put(
        f"{annotations(server)}/{kept['id']}", data=elsewhere, headers={"if-match": f'"{kept["version"]}"'}
    )
    assert changed.ok
    end = reading.locator(".surface").first.bounding_box()
    assert end is not None
    x, y = end["x"] + end["width"] / 2 + 60.75, end["y"] + end["height"] / 2 + 40.125
    reading.keyboard.press("Escape")
    reading.mouse.move(x, y)
    reading.mouse.down()
    reading.mouse.move(x + 30, y + 10)
    reading.mouse.up()

    expect(reading.locator(".save-pill")).to_contain_text("changed at another screen")
    expect(reading.locator("[data-measured=length]")).to_have_count(2)
    expect(reading.locator(SAVED)).to_be_visible()
    assert len(all_kept(reading, server)["annotations"]) == 2


def test_a_key_marks_the_image_and_the_gallery_leads_back_to_it(reading: Page, server: Server) -> None:
    reading.keyboard.press("ArrowDown")
    expect(reading.locator("[data-corner=image]")).to_have_text("Image 2 / 4")
    reading.keyboard.press("k")
    expect(reading.locator(".star-mark.mine")).to_be_visible()
    reading.keyboard.press("Shift+K")
    expect(reading.locator(SAVED)).to_be_visible()
    (image,) = all_kept(reading, server)["key_images"]
    gallery = reading.locator(".key-image")
    expect(gallery).to_have_count(1)
    picture = gallery.locator("img")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("img => img.naturalWidth") > 0
    reading.keyboard.press("End")
    expect(reading.locator(".star-mark")).to_have_count(0)

    reading.locator("[data-action=to-key-image]").click()

    expect(reading.locator(".star-mark.mine")).to_be_visible()
    assert image["sop_instance_uid"] == SLICES[1].SOPInstanceUID
    gallery.get_by_role("button", name="Take the star away").click()
    expect(gallery).to_have_count(0)
    expect(reading.locator(SAVED)).to_be_visible()
    assert all_kept(reading, server)["key_images"] == []


def test_what_is_drawn_and_marked_is_published_from_the_page(reading: Page, server: Server) -> None:
    draw_length(reading)
    reading.keyboard.press("k")
    reading.keyboard.press("Shift+K")
    expect(reading.locator(SAVED)).to_be_visible()
    reading.locator("[data-action=publish]").click()
    for kind in ("sr", "gsps", "kos"):
        expect(reading.locator(f"[data-published={kind}]").first).to_be_visible(timeout=20_000)
    found = reading.request.get(f"{server.url}/dicom-web/studies/{STUDY}/series").json()
    assert {"SR", "PR", "KO"} <= {one["00080060"]["Value"][0] for one in found}


def test_what_others_drew_is_shown_as_theirs_and_cannot_be_changed(
    reading: Page, server: Server, colleague: dict[str, str]
) -> None:
    theirs = make_annotation(SLICES[0], points=[[40, 60], [90, 60]])
    address = f"{annotations(server)}/{theirs['id']}"
    assert reading.request.put(address, data=theirs, headers=colleague).ok
    reading.reload()
    ready(reading)
    reading.keyboard.press("Shift+M")
    listed = reading.locator("[data-measured=length]")
    expect(listed).to_contain_text("bs.bình")

    listed.get_by_role("button", name="Delete").click()

    expect(reading.locator(".save-pill")).to_contain_text("bs.bình drew this")
    expect(listed).to_have_count(1)
    (kept,) = all_kept(reading, server)["annotations"]
    assert kept["points"] == theirs["points"]
    assert reading.request.delete(address, headers=colleague).ok


def test_a_star_of_somebody_else_is_his(reading: Page, server: Server, colleague: dict[str, str]) -> None:
    place = place_on(SLICES[0])
    del place["study_instance_uid"]
    address = f"{server.url}/api/studies/{STUDY}/key-images/{make_annotation(SLICES[0])['id']}"
    assert reading.request.put(address, data=place, headers=colleague).ok
    reading.reload()
    ready(reading)
    expect(reading.locator(".star-mark")).to_have_attribute("title", "Key image of bs.bình")
    expect(reading.locator(".star-mark.mine")).to_have_count(0)
    reading.keyboard.press("Shift+K")
    expect(reading.locator(".key-image")).to_contain_text("by bs.bình")
    expect(reading.get_by_role("button", name="Take the star away")).to_have_count(0)
    assert reading.request.delete(address, headers=colleague).ok
