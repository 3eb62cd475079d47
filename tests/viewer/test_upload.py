"""Images put into the archive from a browser: files, folders and archives, by the one way in."""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.make import make_ct, make_uid, part10
from tests.server import Server, serving
from tests.viewer.conftest import NAME, PASSWORD, session_of, sign_in

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("upload") / "data", "web", workers="1") as running:
        for name, role in ((NAME, "radiologist"), ("referrer", "referrer")):
            done = running.pacs("user", "add", name, "--role", role, "--password-stdin", input=f"{PASSWORD}\n")
            assert done.returncode == 0, done.stderr
        yield running


@pytest.fixture(scope="module")
def state(chromium: Browser, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return session_of(chromium, server.url, tmp_path_factory.mktemp("session") / "state.json")


@pytest.fixture
def open_list(chromium: Browser, server: Server, state: Path) -> Iterator[Open]:
    contexts = []

    def opened(**options: object) -> Page:
        context = chromium.new_context(storage_state=state, **({"locale": "en-GB"} | options))  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.goto(server.url)
        return page

    yield opened
    for context in contexts:
        context.close()


def ct_file(number: int, study: int, **attributes: object) -> bytes:
    uids = {"StudyInstanceUID": make_uid(90, study), "SeriesInstanceUID": make_uid(90, study, 1)}
    return part10(
        make_ct(InstanceNumber=number, SOPInstanceUID=make_uid(90, study, 1, number), **uids, **attributes)
    ).getvalue()


def begin(page: Page) -> None:
    page.get_by_role("button", name="Upload", exact=True).click()


def number_kept(server: Server, study: int) -> int:
    headers = {"authorization": f"Bearer {server.token()}"}
    return len(httpx.get(f"{server.url}/dicom-web/studies/{make_uid(90, study)}/instances", headers=headers).json())


def test_a_folder_with_an_archive_and_what_lies_on_a_cd_is_uploaded_and_opened(
    open_list: Open, server: Server, tmp_path: Path
) -> None:
    cd = tmp_path / "cd"
    (cd / "IMAGES").mkdir(parents=True)
    for number in (1, 2, 3):
        (cd / "IMAGES" / f"IM{number}").write_bytes(ct_file(number, 1))
    (cd / "DICOMDIR").write_bytes(b"an index")
    (cd / "viewer.exe").write_bytes(b"MZ" + bytes(1000))
    with zipfile.ZipFile(cd / "more.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/4.dcm", ct_file(4, 1))
        archive.writestr("a/5.dcm", ct_file(5, 1))
    page = open_list()

    begin(page)
    page.get_by_label("Choose a folder or CD").set_input_files(cd)

    expect(page.get_by_role("status").filter(has_text="Upload complete")).to_be_visible()
    expect(page.get_by_text("5 images stored")).to_be_visible()
    expect(page.get_by_text("1 file is no DICOM")).to_be_visible()
    assert number_kept(server, 1) == 5
    page.get_by_role("button", name="Open the study (5 images)").click()
    expect(page.locator("[data-corner=image]")).to_have_text("Image 1 / 5")


def test_what_is_refused_is_named_with_the_reason(open_list: Open, server: Server, tmp_path: Path) -> None:
    page = open_list()
    begin(page)
    files = [
        {"name": "good.dcm", "mimeType": "", "buffer": ct_file(1, 2)},
        {"name": "other.dcm", "mimeType": "", "buffer": ct_file(2, 2, PatientID="another", PatientName="X")},
        {"name": "cut.dcm", "mimeType": "", "buffer": ct_file(3, 2)[:-40]},
    ]
    page.get_by_label("Choose files").set_input_files(files[:1])
    expect(page.get_by_text("1 image stored")).to_be_visible()
    page.get_by_role("button", name="Upload more").click()
    page.get_by_label("Choose files").set_input_files(files[1:])

    expect(page.get_by_text("2 files refused")).to_be_visible()
    refused = page.locator(".upload-refused li")
    expect(refused.filter(has_text="other.dcm")).to_contain_text("another patient")
    expect(refused.filter(has_text="cut.dcm")).to_contain_text("no valid DICOM")
    assert number_kept(server, 2) == 1


def test_a_line_that_breaks_is_waited_for(open_list: Open, server: Server) -> None:
    page = open_list()
    failures = 3

    def breaking(route: Route) -> None:
        nonlocal failures
        failures -= 1
        route.abort() if failures >= 0 else route.continue_()

    page.route("**/dicom-web/studies", breaking)
    begin(page)
    files = [{"name": f"{number}.dcm", "mimeType": "", "buffer": ct_file(number, 3)} for number in range(1, 7)]
    page.get_by_label("Choose files").set_input_files(files)  # type: ignore[arg-type]

    expect(page.get_by_text("6 images stored")).to_be_visible()
    assert number_kept(server, 3) == 6


def test_files_are_dropped_on_the_list(open_list: Open, server: Server) -> None:
    page = open_list()
    expect(page.get_by_role("button", name="Upload", exact=True)).to_be_visible()
    transfer = page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dropped.dcm"));
            return transfer;
        }""",
        list(ct_file(1, 4)),
    )
    page.locator(".list").dispatch_event("dragover", {"dataTransfer": transfer})
    expect(page.locator(".drop-here")).to_be_visible()
    page.locator(".list").dispatch_event("drop", {"dataTransfer": transfer})

    expect(page.get_by_text("1 image stored")).to_be_visible()
    assert number_kept(server, 4) == 1


def test_a_paused_upload_goes_on_and_a_stopped_one_keeps_what_is_stored(open_list: Open, server: Server) -> None:
    page = open_list()
    held: list[Route] = []
    page.route("**/dicom-web/studies", lambda route: held.append(route))
    begin(page)
    files = [{"name": f"{number}.dcm", "mimeType": "", "buffer": ct_file(number, 5)} for number in range(1, 9)]
    page.get_by_label("Choose files").set_input_files(files)  # type: ignore[arg-type]
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status").filter(has_text="Paused")).to_be_visible()
    while len(held) < 4:
        page.wait_for_timeout(20)
    for route in held:
        route.continue_()
    expect(page.get_by_text("4 images stored")).to_be_visible()

    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_role("status").filter(has_text="Upload stopped")).to_be_visible()
    assert number_kept(server, 5) == 4


def test_who_may_not_store_is_not_offered_it(chromium: Browser, server: Server) -> None:
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{server.url}/signin")
    sign_in(page, "referrer")
    page.wait_for_url(f"{server.url}/")
    expect(page.locator(".list-count")).to_contain_text("studies")
    expect(page.get_by_role("button", name="Upload", exact=True)).to_have_count(0)
    context.close()


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, {"width": 390, "height": 844}])
def test_a_study_is_downloaded_from_its_row(open_list: Open, server: Server, viewport: dict[str, int]) -> None:
    token = {"authorization": f"Bearer {server.token()}", "content-type": "application/dicom"}
    assert httpx.post(f"{server.url}/dicom-web/studies", headers=token, content=ct_file(1, 6)).status_code == 200
    page = open_list(viewport=viewport, has_touch=viewport["width"] < 400)
    row = page.locator(".row:not(.head)").first
    if viewport["width"] < 400:
        row.get_by_role("button", name="Details").click()
    else:
        row.hover()
    row.get_by_role("button", name="More for this study").click()
    with page.expect_download() as downloading:
        page.get_by_role("menuitem", name="Download as a medium (DICOMDIR)").click()

    path = downloading.value.path()
    assert "DICOMDIR" in zipfile.ZipFile(io.BytesIO(path.read_bytes())).namelist()
    assert downloading.value.suggested_filename.endswith(".zip")


def test_the_texts_are_there_in_every_language(open_list: Open) -> None:
    for locale, title in (("vi-VN", "Tải ảnh lên"), ("fr-FR", "Envoyer des images")):
        page = open_list(locale=locale)
        page.locator(".upload-button").click()
        expect(page.get_by_role("dialog", name=title)).to_be_visible()
