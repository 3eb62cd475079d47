"""Opened by another system: by its numbers, at an image, in a frame of its page."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pydicom
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.server import serving
from tests.viewer.conftest import NAME, PASSWORD, Served

OpenPage = Callable[..., Page]


def test_an_address_leads_to_one_image(open_page: OpenPage, served: Served) -> None:
    wanted = served.slices[6]
    page = open_page(f"{served.url}/viewer?SOPInstanceUID={wanted.SOPInstanceUID}")

    expect(page.locator("[data-corner=image]")).to_be_visible()
    expect(page.get_by_text("Location ")).to_contain_text(f"{float(wanted.SliceLocation):g} mm")
    assert f"SeriesInstanceUID={wanted.SeriesInstanceUID}" in page.url


@pytest.mark.parametrize("path", ["IHEInvokeImageDisplay", "viewer"])
def test_a_patient_with_one_study_is_opened_and_his_id_leaves_the_address(
    open_page: OpenPage, served: Served, path: str
) -> None:
    page = open_page(f"{served.url}/{path}?requestType=PATIENT&patientID=000412345678")

    expect(page.locator("[data-corner=image]")).to_have_text("Image 1 / 10")
    expect(page).to_have_url(served.viewer)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("viewer?AccessionNumber=there-is-none", "No such images are here"),
        ("viewer?PatientID=000412345678&patientName=HOA", "Name or date of birth differ"),
        ("viewer?StudyInstanceUIDs={study},1.2.9&PatientID=000412345678&SOPInstanceUID=1.9", "No such images are here"),
        (
            "IHEInvokeImageDisplay?requestType=STUDY&studyUID={study},1.2.3.9",
            "Some of the studies asked for are not here",
        ),
    ],
)
def test_what_is_not_clear_is_said_in_words(open_page: OpenPage, served: Served, asked: str, words: str) -> None:
    page = open_page(f"{served.url}/{asked.format(study=served.study_instance_uid)}")

    expect(page.get_by_role("main")).to_contain_text(words)


@contextmanager
def emr(framed: list[str]) -> Iterator[str]:
    """Another system's page with the last address that it was given in a frame; its origin."""

    class Emr(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(
                f'<title>EMR</title><iframe src="{framed[-1]}" width="900" height="600"></iframe>'.encode()
            )

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Emr)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_listed_page_shows_us_in_its_frame_and_another_one_does_not(
    chromium: Browser, corpus: Path, tmp_path: Path
) -> None:
    framed: list[str] = []
    series = corpus / "series/mr-hitachi-4"
    study = pydicom.dcmread(next(series.iterdir()), stop_before_pixels=True).StudyInstanceUID
    with emr(framed) as listed, emr(framed) as unlisted, serving(tmp_path, "web", embed_origins=listed) as server:
        server.pacs("import", str(series))
        server.pacs("user", "add", NAME, "--role", "referrer", "--password-stdin", input=f"{PASSWORD}\n")
        framed.append(f"{server.url}/IHEInvokeImageDisplay?requestType=STUDY&studyUID={study}")
        page = chromium.new_page(locale="en-GB", viewport={"width": 1000, "height": 700})

        with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            page.goto(unlisted)
        page.goto(listed)
        frame = page.frame_locator("iframe")
        frame.locator("input[name=username]").fill(NAME)
        frame.locator("input[name=password]").fill(PASSWORD)
        frame.locator("button[type=submit]").click()

        expect(frame.locator("[data-corner=image]")).to_have_text("Image 1 / 4")
        expect(frame.locator("[data-action=window]")).to_be_visible()
        expect(frame.locator("[data-action=back]")).to_be_hidden()
        expect(frame.locator(".reading-menus")).to_be_hidden()
        page.close()
