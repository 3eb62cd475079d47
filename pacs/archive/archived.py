"""Instances as a zip archive, a folder for each series, made while it is sent: its size is known before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256

from sqlalchemy import select

from pacs.archive.outgoing import whole_file_chunks
from pacs.archive.selection import InstanceRef
from pacs.archive.zipped import Entry, length_of, zipped
from pacs.context import Pacs
from pacs.dicom.person_name import fold
from pacs.index import tables

LONGEST_NAME = 40
"""Characters of the name of a folder, besides the number of the series."""


@dataclass(frozen=True, slots=True)
class Archive:
    """Instances that are handed out together, and what lies beside them."""

    name: str
    """Without an ending."""
    entries: tuple[Entry, ...]
    version: str
    """Changes with anything in it."""

    @property
    def size(self) -> int:
        """Bytes."""
        return length_of(self.entries)

    def range(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from start up to, not including, stop; the same each time. Raises OutOfResources."""
        left = stop - start
        for piece in zipped(self.entries, start):
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return


def archived(pacs: Pacs, refs: Sequence[InstanceRef]) -> Archive:
    """The archive of instances of one study, each as it leaves. What is corrected is made twice: first for its size."""
    descriptions = _descriptions(pacs, refs[0].study_instance_uid)
    folders: dict[str, str] = {}
    entries = []
    for ref in refs:
        uid = ref.series_instance_uid
        if uid not in folders:
            folders[uid] = _unlike(_folder(ref, descriptions.get(uid, "")), set(folders.values()))
        entries.append((f"{folders[uid]}/{_file(ref)}", ref))
    version = sha256("\n".join(f"{name} {ref.version}" for name, ref in entries).encode()).hexdigest()[:32]
    return Archive(refs[0].study_instance_uid, tuple(entry_of(pacs, ref, name) for name, ref in entries), version)


def entry_of(pacs: Pacs, ref: InstanceRef, name: str, modified: datetime = datetime.min) -> Entry:
    """An instance as a file of an archive. Of a corrected one the size is known only once it is made.

    modified: no time of ours, so that the same archive has the same bytes whenever it is made.
    """
    size = ref.sent_size
    if size is None:
        size = sum(map(len, whole_file_chunks(pacs, ref)))
    return Entry(name, size, partial(whole_file_chunks, pacs, ref), modified)


def _folder(ref: InstanceRef, description: str) -> str:
    """Number and description of the series, without marks and whatever some system does not take in a name."""
    number = "" if ref.series_number is None else str(ref.series_number)
    folded = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in fold(description))
    return "_".join([number or "-", *folded.split()])[:LONGEST_NAME].rstrip("_")


def _file(ref: InstanceRef) -> str:
    """Sorts as the instances do; several of one number differ by their UIDs."""
    number = "-" if ref.instance_number is None else f"{ref.instance_number:05}"
    return f"{number}_{ref.sop_instance_uid}.dcm"


def _unlike(name: str, others: set[str]) -> str:
    variants = (f"{name}_{number}" for number in range(2, len(others) + 3))
    return name if name not in others else next(one for one in variants if one not in others)


def _descriptions(pacs: Pacs, study: str) -> dict[str, str]:
    """Of the series of a study, by their UIDs."""
    columns = (tables.series.c.series_instance_uid, tables.series.c.series_description)
    statement = select(*columns).join(tables.study).where(tables.study.c.study_instance_uid == study)
    with pacs.database.read() as connection:
        return {uid: description or "" for uid, description in connection.execute(statement)}
