"""An error becomes the status that the standard has for it."""

import pytest

from pacs import errors
from pacs.dicom.status import PROCESSING_FAILURE, STATUS, status_of
from pacs.errors import (
    InstanceMismatch,
    InvalidInstance,
    InvalidQuery,
    NotAllowed,
    OutOfResources,
    PacsError,
    PatientConflict,
    SeriesConflict,
    UnknownDestination,
)


def kinds_of(kind: type[PacsError]) -> list[type[PacsError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in kinds_of(child))]


@pytest.mark.parametrize("kind", [kind for kind in kinds_of(PacsError) if kind.__module__ == errors.__name__][1:])
def test_every_error_of_ours_is_answered_for(kind: type[PacsError]) -> None:
    assert any(ancestor in STATUS for ancestor in kind.__mro__)


@pytest.mark.parametrize(
    ("error", "service", "status"),
    [
        (InvalidInstance(), "C-STORE", 0xC000),
        (InstanceMismatch(), "C-STORE", 0xA900),
        (SeriesConflict(), "C-STORE", 0xA77B),
        (PatientConflict(), "C-STORE", 0xA778),
        (OutOfResources(), "C-STORE", 0xA700),
        (OutOfResources(), "C-FIND", 0xA700),
        (OutOfResources(), "C-MOVE", 0xA702),
        (OutOfResources(), "C-GET", 0xA702),
        (NotAllowed(), "C-STORE", 0x0124),
        (InvalidQuery(), "C-FIND", 0xA900),
        (InvalidQuery(), "C-MOVE", 0xA900),
        (UnknownDestination(), "C-MOVE", 0xA801),
        (ValueError("a bug"), "C-STORE", PROCESSING_FAILURE),
        (MemoryError(), "C-FIND", PROCESSING_FAILURE),
        (PacsError(), "C-STORE", PROCESSING_FAILURE),
    ],
)
def test_an_error_has_its_status(error: BaseException, service: str, status: int) -> None:
    assert status_of(error, service) == status


def test_the_nearest_ancestor_decides() -> None:
    class WrongModality(InstanceMismatch):
        """An error that the table does not know."""

    assert status_of(WrongModality(), "C-STORE") == 0xA900
