"""A PACS for each file of the corpus: many files are one instance in several transfer syntaxes."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pacs.archive.ingest import Stored, ingest
from pacs.archive.retrieve import InstanceRef, instances
from pacs.context import SYSTEM, Pacs
from pacs.index.session import Database
from pacs.settings import Settings
from storage import open_store
from tests.conftest import CORPUS, SANDBOX, manifest

TOO_LONG_A_UID = "modality/mr-enhanced/weasis-dicom-tools__jpeg2000-multiframe-multifragments.dcm"
PICTURES = [
    row["path"]
    for row in manifest(expected="stores+renders")
    if row["path"].split("/")[0] in ("syntax", "photometric", "modality", "broken")
    and "fuzz" not in row["path"]
    and row["path"] != TOO_LONG_A_UID
]
"""Without the long series, which are more of the same."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One file of the corpus, kept alone."""

    pacs: Pacs
    stored: Stored
    path: Path

    @property
    def uids(self) -> tuple[str, str, str]:
        """Of its study, series and instance."""
        return self.stored.study_instance_uid, self.stored.series_instance_uid, self.stored.sop_instance_uid

    @property
    def ref(self) -> InstanceRef:
        return instances(self.pacs, SYSTEM, *self.uids)[0]


@pytest.fixture(scope="session")
def empty_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index that has been made once, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "index.sqlite"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.close()
    return path


@contextmanager
def exhibited(empty_index: Path, data: Path, path: str) -> Iterator[Exhibit]:
    """The file in a PACS of its own, its objects in memory."""
    shutil.copy(empty_index, data)
    settings = Settings(data=data, objects="memory:")
    database = Database(settings.database)
    pacs = Pacs(settings, database, open_store(settings.objects, spool=data / "spool"), sandbox=SANDBOX)
    with (CORPUS / path).open("rb") as file:
        stored = ingest(pacs, SYSTEM, file)
    yield Exhibit(pacs, stored, CORPUS / path)
    database.close()
