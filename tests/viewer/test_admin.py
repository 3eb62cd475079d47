"""The administrator's place: peers, routing and corrections, by keyboard, mouse and thumb."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pydicom
import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from pacs.web.pages import STATIC
from pacs.wiring import close_pacs, open_pacs
from pacs.workflow import further
from tests.server import Server, free_port, serving
from tests.viewer.conftest import NAME, PASSWORD, sign_in

OpenAdmin = Callable[..., Page]
ADMIN = "chi.admin"
PHONE = {"width": 390, "height": 844}


@dataclass(frozen=True, slots=True)
class Administered:
    """A server with one study of a CT, a destination that nobody listens at, and an administrator."""

    server: Server
    study_instance_uid: str
    patient_id: str
    number: int
    """Of images in its series."""

    @property
    def admin(self) -> str:
        return f"{self.server.url}/admin"


def run(server: Server, *arguments: str, input: str | None = None) -> str:
    done = server.pacs(*arguments, input=input)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def administered(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administered]:
    """No worker: what is in the queue stays where a test has put it. Open to the network: strangers are turned away."""
    if not (STATIC / "index.html").exists():
        pytest.skip("the viewer is not built: make install")
    series = corpus / "series/mr-hitachi-4"
    with serving(tmp_path_factory.mktemp("admin") / "data", "dicom", "web", dicom=f"0.0.0.0:{free_port()}") as server:
        run(server, "import", str(series))
        run(server, "user", "add", ADMIN, "--role", "admin", "--password-stdin", input=f"{PASSWORD}\n")
        run(server, "user", "add", NAME, "--role", "radiologist", "--password-stdin", input=f"{PASSWORD}\n")
        run(server, "peer", "add", "ARCHIVE", "127.0.0.1", "9", "--may", "store")
        files = [path for path in series.rglob("*") if path.is_file()]
        ds = pydicom.dcmread(files[0], stop_before_pixels=True)
        yield Administered(server, ds.StudyInstanceUID, ds.PatientID, len(files))


@pytest.fixture
def open_admin(chromium: Browser, administered: Administered) -> Iterator[OpenAdmin]:
    """Signs in and opens the place, in English unless told; what the page complains of fails the test."""
    contexts = []
    complaints: list[str] = []

    def new_page(query: str = "", name: str = ADMIN, path: str = "/admin", **options: Any) -> Page:
        chosen = {"locale": "en-GB", "viewport": {"width": 1920, "height": 1080}} | options
        context = chromium.new_context(**chosen)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{administered.server.url}/signin")
        sign_in(page, name)
        page.wait_for_url(f"{administered.server.url}/")
        page.goto(f"{administered.server.url}{path}{query}")
        return page

    yield new_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def queued(administered: Administered) -> Iterator[None]:
    """The study waits to be sent to where nobody listens."""
    run(administered.server, "send", administered.study_instance_uid, "--to", "ARCHIVE")
    yield


def delivery_of(page: Page) -> Locator:
    return page.locator(".delivery").first


def choose(page: Page, name: str) -> None:
    delivery_of(page).get_by_role("button", name="Choices for").click()
    page.get_by_role("menuitem", name=name).click()


def test_the_account_menu_leads_an_administrator_to_his_place(
    open_admin: OpenAdmin, administered: Administered
) -> None:
    page = open_admin(path="/")
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.reload()
    expect(page.get_by_role("row")).not_to_have_count(0)
    assert [url for url in fetched if "/assets/admin" in url] == []

    page.get_by_role("button", name=ADMIN).click()
    page.get_by_role("menuitem", name="Administration").click()

    expect(page).to_have_url(administered.admin)
    expect(page.get_by_role("heading", name="Peers")).to_be_visible()


def test_nobody_else_is_shown_anything_there(open_admin: OpenAdmin) -> None:
    page = open_admin(name=NAME)
    expect(page.locator(".notice")).to_have_text("Your account may not see this.")

    page.goto(page.url.removesuffix("admin"))
    page.get_by_role("button", name=NAME).click()
    expect(page.get_by_role("menuitem", name="Sign out")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Administration")).to_have_count(0)


def test_the_parts_are_turned_by_keys_and_escape_leads_back(open_admin: OpenAdmin, administered: Administered) -> None:
    page = open_admin()
    expect(page.get_by_role("heading", name="Peers")).to_be_visible()
    page.keyboard.press("2")
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    page.keyboard.press("3")
    expect(page.get_by_role("heading", name="Corrections")).to_be_visible()
    page.keyboard.press("4")
    expect(page.get_by_role("heading", name="Attributes")).to_be_visible()
    page.keyboard.press("5")
    expect(page.get_by_role("heading", name="Removed")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{administered.server.url}/")


def echo(server: Server, ae_title: str) -> bool:
    """Whether a C-ECHO of this AE title is answered."""
    ae = AE(ae_title)
    ae.add_requested_context(Verification)
    association = ae.associate("127.0.0.1", server.dicom_port, ae_title=server.settings.ae_title)
    if not association.is_established:
        return False
    status = association.send_c_echo()
    association.release()
    return "Status" in status and status.Status == 0


def test_a_stranger_who_knocks_is_admitted(open_admin: OpenAdmin, administered: Administered) -> None:
    assert not echo(administered.server, "STRANGER")
    page = open_admin()
    knock = page.locator(".knocking li").filter(has_text="STRANGER")
    expect(knock).to_contain_text("127.0.0.1", timeout=20_000)

    knock.get_by_role("button", name="Admit STRANGER").click()
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_role("checkbox", name="store")).to_be_checked()
    expect(sheet.get_by_role("checkbox", name="query")).not_to_be_checked()
    sheet.get_by_role("button", name="Admit", exact=True).click()

    expect(page.get_by_role("row").filter(has_text="STRANGER")).to_contain_text("store")
    expect(knock).to_have_count(0)
    assert echo(administered.server, "STRANGER")


def test_a_stranger_who_is_forgotten_is_no_longer_shown(open_admin: OpenAdmin, administered: Administered) -> None:
    assert not echo(administered.server, "NOBODY")
    page = open_admin()
    knock = page.locator(".knocking li").filter(has_text="NOBODY")
    expect(knock).to_be_visible(timeout=20_000)
    knock.get_by_role("button", name="Forget NOBODY").click()

    expect(knock).to_have_count(0)


def test_the_doctor_says_what_was_agreed_in_an_association(open_admin: OpenAdmin, administered: Administered) -> None:
    run(administered.server, "peer", "add", "CT1", "127.0.0.1", "9", "--may", "store")
    assert echo(administered.server, "CT1")
    page = open_admin("?peer=CT1")
    association = page.locator(".association").first
    expect(association).to_contain_text("C-ECHO 1×", timeout=20_000)
    expect(association).to_contain_text("it called us")
    page.locator(".association-head").first.focus()
    page.keyboard.press("Enter")

    expect(association.get_by_role("row").filter(has_text="Verification")).to_contain_text("accepted: ")
    expect(association.get_by_role("row").filter(has_text="C-ECHO")).to_contain_text("0000 (success)")
    page.keyboard.press("Escape")
    expect(page).to_have_url(administered.admin)


def test_a_peer_is_added_tested_changed_removed_and_brought_back(open_admin: OpenAdmin) -> None:
    page = open_admin()
    sheet = page.get_by_role("dialog")
    add = page.get_by_role("button", name="Add a peer")
    add.click()
    sheet.get_by_label("AE title").fill("ARCHIVE")
    sheet.get_by_label("Host name").fill("127.0.0.1")
    sheet.get_by_role("button", name="Save").click()
    expect(sheet.get_by_role("alert").filter(has_text="There is a peer of this AE title already.")).to_be_visible()
    sheet.get_by_label("AE title").fill("BAD\\NAME")
    sheet.get_by_role("button", name="Save").click()
    expect(sheet.get_by_role("alert").filter(has_text="AE title")).to_be_visible()
    page.keyboard.press("Escape")
    expect(add).to_be_focused()

    page.keyboard.press("Enter")
    sheet.get_by_label("AE title").fill("WS1")
    sheet.get_by_label("Host name").fill("127.0.0.1")
    sheet.get_by_label("Port").fill("9")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="WS1").press("Enter")
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_role("status").filter(has_text="It does not answer.")).to_contain_text("nothing listens")
    expect(page.locator(".association").first).to_contain_text("we called it", timeout=20_000)

    page.get_by_role("button", name="Change").click()
    sheet.get_by_role("checkbox", name="query").check()
    sheet.get_by_role("button", name="Save").click()
    expect(page.locator(".facts")).to_contain_text("store, query")

    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    expect(page.get_by_role("link", name="WS1")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.get_by_role("row").filter(has_text="WS1")).to_contain_text("store, query")


def test_the_arrows_move_through_the_peers(open_admin: OpenAdmin, administered: Administered) -> None:
    run(administered.server, "peer", "add", "BRIDGE", "127.0.0.1", "9", "--may", "store")
    page = open_admin()
    page.get_by_role("link", name="ARCHIVE").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="BRIDGE")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("link", name="ARCHIVE")).to_be_focused()


def test_a_rule_is_tried_kept_turned_off_and_removed(open_admin: OpenAdmin, administered: Administered) -> None:
    page = open_admin("?part=routing")
    page.get_by_role("button", name="Add a rule").click()
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Night MR")
    sheet.get_by_label("Modalities").fill("ct")
    sheet.get_by_label("Destination").select_option("ARCHIVE")
    sheet.get_by_role("button", name="See what it would have sent").click()
    expect(sheet.get_by_role("status")).to_have_text("Of last week’s traffic this would have sent nothing.")

    sheet.get_by_label("Modalities").fill("ct, mr")
    sheet.get_by_role("button", name="See what it would have sent").click()
    expect(sheet.get_by_role("status")).to_contain_text(f"1 series, {administered.number} images")
    expect(sheet.locator(".examples tbody tr")).to_have_count(1)
    sheet.get_by_role("button", name="Save").click()
    expect(sheet).to_have_count(0)
    rule = page.locator(".rules li").filter(has_text="Night MR")
    expect(rule).to_contain_text("CT, MR → ARCHIVE")

    switch = rule.get_by_role("switch", name="Night MR is in force")
    expect(switch).to_be_checked()
    switch.press("Space")
    expect(switch).not_to_be_checked()
    page.reload()
    expect(switch).not_to_be_checked()

    rule.get_by_role("button", name="Night MR").click()
    sheet.get_by_role("button", name="Remove", exact=True).click()
    sheet.get_by_role("button", name="Remove this rule").click()
    expect(rule).to_have_count(0)


def test_what_the_server_refuses_is_said_in_the_form(open_admin: OpenAdmin) -> None:
    page = open_admin("?part=routing")
    sheet = page.get_by_role("dialog")
    for _ in range(2):
        page.get_by_role("button", name="Add a rule").click()
        sheet.get_by_label("Name", exact=True).fill("Twice")
        sheet.get_by_label("Destination").select_option("ARCHIVE")
        sheet.get_by_role("button", name="Save").click()
        expect(page.locator(".rules li").filter(has_text="Twice")).to_have_count(1)

    expect(sheet.get_by_role("alert").filter(has_text="Twice")).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)


@pytest.mark.usefixtures("queued")
def test_what_waits_is_paused_let_go_put_first_cancelled_and_sent_again(open_admin: OpenAdmin) -> None:
    page = open_admin("?part=routing")
    row = delivery_of(page)
    for choice, state in (
        ("Pause", "Paused"),
        ("Resume", "Waiting"),
        ("Higher priority", "priority 1"),
        ("Cancel", "Cancelled"),
        ("Send again", "Waiting"),
    ):
        choose(page, choice)
        expect(row.locator(".how")).to_contain_text(state)
    expect(row.get_by_role("progressbar")).to_have_attribute("aria-label", "0 of 4 images")

    choose(page, "Cancel")
    page.get_by_role("button", name="Cancelled", exact=True).click()
    expect(row.locator(".state")).to_have_text("Cancelled")
    page.get_by_role("button", name="Failed", exact=True).click()
    expect(page.get_by_text("There is none in this state.")).to_be_visible()


@pytest.mark.usefixtures("queued")
def test_the_queue_refreshes_itself_and_the_focus_and_the_scroll_stay(
    open_admin: OpenAdmin, administered: Administered
) -> None:
    page = open_admin("?part=routing", viewport={"width": 1280, "height": 420})
    button = delivery_of(page).get_by_role("button", name="Choices for")
    button.focus()
    top = page.locator(".admin-main").evaluate("element => element.scrollTop")
    pk = page.locator(".delivery").first.get_attribute("data-row")
    changed = page.context.request.post(f"{administered.server.url}/api/deliveries/{pk}/pause")
    assert changed.status == 204

    expect(delivery_of(page).locator(".state")).to_have_text("Paused")
    expect(button).to_be_focused()
    assert page.locator(".admin-main").evaluate("element => element.scrollTop") == top
    choose(page, "Cancel")


def test_a_study_is_corrected_by_hand_and_the_correction_revoked(
    open_admin: OpenAdmin, administered: Administered
) -> None:
    page = open_admin("?part=corrections")
    page.get_by_role("button", name="Correct a study").click()
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_label("Which study")).to_be_focused()
    page.keyboard.type("hitachi")
    page.keyboard.press("Enter")
    expect(sheet.get_by_text("No study matches this search.")).to_be_visible()
    sheet.get_by_label("Which study").fill(administered.patient_id)
    page.keyboard.press("Enter")
    sheet.locator(".found button").click()
    sheet.get_by_label("What is right").fill("NGUYỄN^THỊ ÁNH ĐÀO")
    sheet.get_by_role("button", name="Apply").click()

    row = page.locator(".correction").first
    expect(page.get_by_role("button", name="Applied")).to_have_attribute("aria-pressed", "true")
    expect(row.locator(".beside")).to_contain_text("NGUYỄN THỊ ÁNH ĐÀO")
    page.goto(administered.server.url)
    expect(page.get_by_role("row").filter(has_text="NGUYỄN THỊ ÁNH ĐÀO")).to_be_visible()

    page.goto(f"{administered.admin}?part=corrections")
    page.get_by_role("button", name="Applied").click()
    row.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("No correction is applied.")).to_be_visible()
    page.goto(administered.server.url)
    expect(page.get_by_role("row").filter(has_text=administered.patient_id)).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="NGUYỄN THỊ ÁNH ĐÀO")).to_have_count(0)


def read_what_is_stored(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work that a worker would find half a minute later."""
    monkeypatch.setattr(further, "SETTLED_AFTER", timedelta(0))
    pacs = open_pacs(server.settings)
    for key in further.JOB.due(pacs):
        further.JOB.run(pacs, key)
    close_pacs(pacs)


def test_an_attribute_is_made_searchable_seen_to_become_ready_and_removed(
    open_admin: OpenAdmin, administered: Administered, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_admin("?part=attributes")
    page.get_by_role("button", name="Add an attribute").click()
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_label("Attribute", exact=True)).to_be_focused()
    page.keyboard.type("NoSuchThing")
    page.keyboard.press("Enter")
    expect(sheet.get_by_role("alert").filter(has_text="'NoSuchThing' is no attribute")).to_be_visible()
    sheet.get_by_label("Attribute", exact=True).fill("(0018,0023)")
    sheet.get_by_label("Level").select_option("Series")
    sheet.get_by_role("button", name="Add", exact=True).click()
    expect(sheet).to_have_count(0)

    row = page.locator(".further").filter(has_text="MRAcquisitionType")
    expect(row).to_contain_text(f"CS · Series · {ADMIN}")
    expect(row.get_by_role("progressbar")).to_have_attribute("aria-label", f"0 of about {administered.number} images")
    read_what_is_stored(administered.server, monkeypatch)
    expect(row.locator(".state")).to_have_text("Ready")
    expect(row.get_by_role("progressbar")).to_have_count(0)
    found = page.request.get(
        f"{administered.server.url}/dicom-web/series?MRAcquisitionType=2D&includefield=MRAcquisitionType"
    )
    assert [one["00180023"]["Value"] for one in found.json()] == [["2D"]]

    row.get_by_role("button", name="Remove MRAcquisitionType").click()
    row.get_by_role("button", name="Remove now").click()
    expect(row.locator(".state")).to_have_text("Being removed")
    read_what_is_stored(administered.server, monkeypatch)
    expect(page.get_by_text("Nothing more is searchable yet.")).to_be_visible()


def test_a_study_is_removed_from_the_list_brought_back_removed_again_and_restored(
    open_admin: OpenAdmin, administered: Administered
) -> None:
    page = open_admin(path="/")
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.reload()
    row = page.get_by_role("row").filter(has_text=administered.patient_id)
    expect(row).to_be_visible()
    assert [url for url in fetched if "/assets/admin" in url] == []

    row.get_by_role("button", name="More for this study").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".menu-item").first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("menuitem", name="Remove study…")).to_be_focused()
    page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog", name="Remove this study")
    expect(sheet.get_by_label("Reason")).to_be_focused()
    expect(sheet.locator(".facts")).to_contain_text(administered.patient_id)
    sheet.get_by_role("button", name="Remove the study").click()
    expect(sheet.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("sent under the wrong name")
    page.keyboard.press("Enter")
    expect(row).to_have_count(0)
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)

    row.get_by_role("button", name="More for this study").click()
    page.get_by_role("menuitem", name="Remove study…").click()
    sheet.get_by_label("Reason").fill("twice & for good")
    sheet.get_by_role("button", name="Remove the study").click()
    expect(row).to_have_count(0)
    page.goto(f"{administered.admin}?part=removals")
    removed = page.locator("li.removed")
    expect(removed).to_have_count(2)
    expect(removed.first).to_contain_text("twice & for good")
    expect(removed.first).to_contain_text(f"{ADMIN} · ")
    expect(removed.first).to_contain_text("can be restored until")
    expect(removed.last.locator(".state")).to_have_text("Restored")
    removed.first.get_by_role("button", name="Restore").click()
    expect(removed.first.locator(".state")).to_have_text("Restored")
    page.goto(administered.server.url)
    expect(row).to_be_visible()


def test_nobody_else_is_offered_to_remove_a_study(open_admin: OpenAdmin, administered: Administered) -> None:
    page = open_admin(name=NAME, path="/")
    row = page.get_by_role("row").filter(has_text=administered.patient_id)
    row.get_by_role("button", name="More for this study").click()
    expect(page.get_by_role("menuitem", name="Download with readable names")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Remove study…")).to_have_count(0)


@pytest.mark.parametrize("part", ["peers", "routing", "corrections", "attributes", "removals"])
def test_a_thumb_meets_what_it_aims_at(open_admin: OpenAdmin, playwright_driver: Playwright, part: str) -> None:
    page = open_admin(f"?part={part}", **(playwright_driver.devices["Pixel 7"] | {"viewport": PHONE}))
    expect(page.locator(".admin-section header").first).to_be_visible()

    boxes = [(button.text_content(), button.bounding_box()) for button in page.locator("button:visible").all()]
    assert [name for name, box in boxes if box and min(box["width"], box["height"]) < 44] == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.parametrize(
    ("locale", "title"), [("vi-VN", "Quản trị"), ("fr-FR", "Administration"), ("en-GB", "Administration")]
)
def test_it_speaks_the_language_of_whoever_reads(open_admin: OpenAdmin, locale: str, title: str) -> None:
    page = open_admin("?part=routing", locale=locale)
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    page.locator(".language button").first.click()
    page.get_by_role("menuitemradio", name="Français").click()
    expect(page.get_by_role("heading", name="File d’attente")).to_be_visible()
