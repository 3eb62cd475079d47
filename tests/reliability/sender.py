"""A process that takes instances in until it is done or killed, and says what it has acknowledged.

    python -m tests.reliability.sender <data> <database> <first> <count> <threads>

Prints a line for each instance once it is stored, in one write, so that a line that is read is a true one.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydicom.dataset import Dataset

from pacs.archive.ingest import receive
from pacs.context import SYSTEM, Pacs
from pacs.index.session import Database
from pacs.settings import Settings
from storage import open_store
from tests.make import data_set_bytes, make_ct, make_uid

SIDE = 128
"""Rows and columns of an instance: 32 KiB of pixels."""


def make(number: int, side: int = SIDE) -> Dataset:
    """The same instance for the same number, in any process."""
    return make_ct(
        rows=side,
        columns=side,
        SOPInstanceUID=make_uid(5, number),
        SeriesInstanceUID=make_uid(5, 0, number % 10),
        StudyInstanceUID=make_uid(5, 1, number % 5),
        PatientID=str(number % 5),
        InstanceNumber=number,
    )


def open_pacs(data: Path, database_url: str) -> Pacs:
    settings = Settings(data=data, database=database_url)
    objects = open_store(settings.objects, spool=settings.data / "spool")
    return Pacs(settings, Database(settings.database), objects)


def send(pacs: Pacs, ds: Dataset) -> str:
    data = memoryview(data_set_bytes(ds))
    with receive(pacs, SYSTEM, ds.SOPClassUID, ds.SOPInstanceUID, ds.file_meta.TransferSyntaxUID) as incoming:
        for start in range(0, len(data), 1 << 14):
            incoming.write(data[start : start + (1 << 14)])
        return incoming.finish().outcome


def send_and_tell(pacs: Pacs, number: int) -> None:
    outcome = send(pacs, make(number))
    os.write(1, f"{number} {outcome}\n".encode())


def main() -> None:
    data, database_url, *numbers = sys.argv[1:]
    first, count, threads = map(int, numbers)
    pacs = open_pacs(Path(data), database_url)
    with ThreadPoolExecutor(threads) as senders:
        for answer in [senders.submit(send_and_tell, pacs, first + number) for number in range(count)]:
            answer.result()


if __name__ == "__main__":
    main()
