"""Whatever the OpenAPI document lets through is answered, and never by a fault of the server's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings

from tests.clients.conftest import House
from tests.server import serving

EXAMPLES = 20
"""Of each operation; the same ones on every run."""
ENDS_THE_SESSION = "/api/logout"
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def house(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server of its own: what is made up here changes it."""
    with serving(tmp_path_factory.mktemp("made-up") / "data", "web", workers="1") as server:
        assert server.pacs("import", str(samples / "10-ct-child")).returncode == 0
        yield House(server, server.token())


def test_no_operation_fails_by_itself(house: House) -> None:
    operations = list(_operations(house))
    assert len(operations) > 100
    wrong: list[str] = []
    with requests.Session() as session:
        session.headers["authorization"] = f"Bearer {house.token}"
        for operation in operations:

            @BOUNDED
            @given(operation.as_strategy())
            def ask(case: Any) -> None:
                answer = case.call(session=session, timeout=20)
                if answer.status_code >= 500:
                    wrong.append(f"{answer.status_code} {case.method} {answer.request.url} {case.body!r:.200}")

            ask()
    assert wrong == []


def _operations(house: House) -> Any:
    headers = {"authorization": f"Bearer {house.token}"}
    document = requests.get(f"{house.server.url}/api/openapi.json", headers=headers, timeout=20).json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=house.server.url)
    found: list[Any] = [operation.ok() for operation in schema.get_all_operations()]  # type: ignore[union-attr]
    return [operation for operation in found if operation.path != ENDS_THE_SESSION]
