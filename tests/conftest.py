"""What tests share: the corpus, and a PACS of their own."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs.context import Pacs
from pacs.sandbox import Sandbox
from pacs.settings import Settings
from storage import open_store
from tests.postgresql import database_url, postgresql
from tests.s3 import running_s3, s3_url

__all__ = ["database_url", "postgresql", "running_s3", "s3_url"]

ROOT = Path(__file__).parent.parent
SANDBOX = Sandbox()
"""Of all tests: it takes half a second to load the codecs."""
CORPUS = Path(os.environ.get("PACS_CORPUS", ROOT / "../shared/dicom")).resolve()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real files; without it, the tests that need it are skipped by name."""
    if not (CORPUS / "MANIFEST.csv").exists():
        pytest.skip(f"no corpus at {CORPUS} (PACS_CORPUS)")
    return CORPUS


def manifest(**wanted: str) -> list[dict[str, str]]:
    """Rows of the corpus' manifest whose columns hold the wanted words; none when there is no corpus."""
    path = CORPUS / "MANIFEST.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if all(word in row[column] for column, word in wanted.items())]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
def pacs(settings: Settings) -> Iterator[Pacs]:
    """SQLite and files in a folder of this test."""
    from pacs.index.session import Database

    settings.data.mkdir(parents=True)
    database = Database(settings.database)
    database.migrate()
    objects = open_store(settings.objects, spool=settings.data / "spool")
    yield Pacs(settings, database, objects, sandbox=SANDBOX)
    objects.close()
    database.close()
