"""A browser, and a whole server with real series, one of them under a name of ours."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from pydicom.dataset import Dataset

from pacs.web.pages import STATIC
from tests.server import Server, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SOFTWARE_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-sandbox")

NAME, PASSWORD = "bs.an", "một mật khẩu đủ dài"
PATIENT = "NGUYỄN^THỊ ÁNH ĐÀO"
"""Whose the real series is here: the corpus' own names have no accents."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server, and the data sets of the series it was given."""

    url: str
    study_instance_uid: str
    other_study_instance_uid: str
    """Of another patient: four MR images."""
    slices: tuple[Dataset, ...]
    """The CT of the study."""

    @property
    def viewer(self) -> str:
        return f"{self.url}/viewer?StudyInstanceUIDs={self.study_instance_uid}"

    def slice_at(self, location_mm: float) -> Dataset:
        """The slice at a place along z, told to a tenth of a millimetre."""
        (found,) = (ds for ds in self.slices if abs(float(ds.ImagePositionPatient[2]) - location_mm) < 0.06)
        return found


# The driver keeps an event loop in the thread of the tests: it ends with this package, before others want one.
@pytest.fixture(scope="package")
def playwright_driver() -> Iterator[Playwright]:
    if CHROMIUM is None:
        _unavailable("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def chromium(playwright_driver: Playwright) -> Iterator[Browser]:
    browser = playwright_driver.chromium.launch(executable_path=CHROMIUM, args=list(SOFTWARE_GL))
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def served(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """PET and CT of one patient, renamed, behind the web door. One account."""
    if not (STATIC / "index.html").exists():
        _unavailable("the viewer is not built: make install")
    folder = tmp_path_factory.mktemp("viewer")
    files = _renamed(corpus / "series/ihe-petct-study", folder / "study")
    with serving(folder / "data", "web") as server:
        other = corpus / "series/mr-hitachi-4"
        _run(server, "import", str(folder / "study"), str(other))
        _run(server, "user", "add", NAME, "--role", "radiologist", "--password-stdin", input=f"{PASSWORD}\n")
        slices = [ds for ds in map(pydicom.dcmread, files) if ds.Modality == "CT"]
        other_uid = pydicom.dcmread(next(other.iterdir()), stop_before_pixels=True).StudyInstanceUID
        yield Served(server.url, slices[0].StudyInstanceUID, other_uid, tuple(slices))


@pytest.fixture(scope="package")
def signed_in(chromium: Browser, served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cookies of someone who has signed in by the page."""
    return session_of(chromium, served.url, tmp_path_factory.mktemp("session") / "state.json")


@pytest.fixture
def open_page(chromium: Browser, served: Served, signed_in: Path) -> Iterator[Callable[..., Page]]:
    """Opens pages of somebody who is signed in, in English unless told; what the pages complain of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def new_page(address: str, **options: object) -> Page:
        chosen = {"locale": "en-GB", "viewport": {"width": 1280, "height": 800}} | options
        context = chromium.new_context(storage_state=signed_in, **chosen)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(address)
        return page

    yield new_page
    for context in contexts:
        context.close()
    assert complaints == []


def session_of(chromium: Browser, url: str, path: Path) -> Path:
    """The cookies of who has signed in there, in a file."""
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{url}/signin")
    sign_in(page)
    page.wait_for_url(f"{url}/")
    context.storage_state(path=path)
    context.close()
    return path


def sign_in(page: Page, name: str = NAME, password: str = PASSWORD) -> None:
    """Fill in the form and send it."""
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").click()


def _renamed(source: Path, target: Path) -> list[Path]:
    """The study's files, the patient's name and id replaced; pixels and all else as they are."""
    target.mkdir()
    files = []
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        ds = pydicom.dcmread(path)
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.PatientName, ds.PatientID = PATIENT, "000412345678"
        ds.PatientBirthDate = "19850314"
        ds.save_as(target / path.name)
        files.append(target / path.name)
    return files


def _run(server: Server, *arguments: str, input: str | None = None) -> None:
    done = server.pacs(*arguments, input=input)
    assert done.returncode == 0, done.stderr


def _unavailable(reason: str) -> None:
    """Skipped by name on a machine of one's own; in CI it is a failure."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
