"""What was removed is erased when its time has come."""

from pacs.archive import remove
from pacs.context import Pacs
from pacs.jobs import Job


def _erase(pacs: Pacs, key: str) -> None:
    remove.erase(pacs, int(key))


JOB = Job("erasure", remove.due, _erase)
