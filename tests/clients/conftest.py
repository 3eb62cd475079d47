"""One server with the sample studies and real series, for the clients of other houses."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.seed import make
from tests.server import ROOT, Server, serving

SAMPLES = ROOT / "sample_dicom"


@dataclass(frozen=True, slots=True)
class House:
    """A server, and who may do everything there."""

    server: Server
    token: str

    @property
    def dicomweb(self) -> str:
        return f"{self.server.url}/dicom-web"


@pytest.fixture(scope="package")
def samples() -> Path:
    """The folder of the sample studies, made when they were not yet."""
    make(SAMPLES)
    return SAMPLES / "studies"


@pytest.fixture(scope="package")
def house(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The sample studies behind the web door."""
    with serving(tmp_path_factory.mktemp("house") / "data", "web", workers="1") as server:
        done = server.pacs("import", str(samples))
        assert done.returncode == 0, done.stderr
        yield House(server, server.token())
