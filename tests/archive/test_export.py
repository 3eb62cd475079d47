"""Studies that are handed out: every file as it is kept or corrected, under names that every system takes."""

import io
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import repeat
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from pacs.archive import correct
from pacs.archive.archived import Archive
from pacs.archive.export import export, write_files
from pacs.archive.ingest import ingest
from pacs.archive.remove import remove
from pacs.archive.retrieve import instances, whole_file
from pacs.archive.zipped import Entry, length_of, zipped
from pacs.context import SYSTEM, Actor, Pacs
from pacs.errors import InvalidQuery, NotAllowed, NotFound, PacsError, Removed
from tests.archive.kept import send
from tests.conftest import CORPUS, manifest
from tests.make import make_ct, make_uid

FIRST, SECOND, OTHER, LUNG = (make_uid(8, number) for number in range(1, 5))


@pytest.fixture
def studies(pacs: Pacs) -> list[Dataset]:
    """Two studies of one patient, the first of two series, and one of another who has no name."""
    sent = [make_ct(StudyInstanceUID=FIRST, SeriesInstanceUID=make_uid(8, 1, 1), InstanceNumber=n) for n in (2, 1, 10)]
    sent += [
        make_ct(
            StudyInstanceUID=FIRST, SeriesInstanceUID=make_uid(8, 1, 2), SeriesDescription="Phổi: a/b", SeriesNumber=2
        ),
        make_ct(StudyInstanceUID=SECOND, SeriesInstanceUID=make_uid(8, 2, 1), StudyDate="20260101"),
        make_ct(StudyInstanceUID=OTHER, SeriesInstanceUID=make_uid(8, 3, 1), PatientID="..\\..\\etc", PatientName=""),
    ]
    for ds in sent:
        send(pacs, ds)
    return sent


def zip_of(exported: Archive, start: int = 0) -> bytes:
    return b"".join(exported.range(start, exported.size))


def leaves(path: Path) -> list[dict[str, Dataset]]:
    """The records of a DICOMDIR as its offsets join them: of each instance its own and those above it, by type."""
    ds = dcmread(path)
    at = {item.seq_item_tell: item for item in ds.DirectoryRecordSequence}
    assert all(item.RecordInUseFlag == 0xFFFF for item in at.values())
    seen: list[int] = []

    def walk(offset: int, above: dict[str, Dataset]) -> Iterator[dict[str, Dataset]]:
        while offset:
            seen.append(offset)
            record = at[offset]
            path = above | {record.DirectoryRecordType: record}
            below = record.OffsetOfReferencedLowerLevelDirectoryEntity
            if "ReferencedFileID" in record:
                assert not below
                yield path | {"": record}
            yield from walk(below, path)
            offset = record.OffsetOfTheNextDirectoryRecord

    found = list(walk(ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity, {}))
    assert sorted(seen) == sorted(at), "each record is reached, once"
    assert ds.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity in at
    return found


def test_a_medium_is_read_by_its_index(pacs: Pacs, studies: list[Dataset], tmp_path: Path) -> None:
    write_files(export(pacs, SYSTEM, [FIRST, SECOND, OTHER]), tmp_path)

    found = leaves(tmp_path / "DICOMDIR")

    assert {path[""].ReferencedSOPInstanceUIDInFile for path in found} == {ds.SOPInstanceUID for ds in studies}
    for path in found:
        file_id = path[""].ReferencedFileID
        assert all(len(name) <= 8 and name.isascii() for name in file_id)
        ds = dcmread(tmp_path.joinpath(*file_id))
        assert ds.SOPInstanceUID == path[""].ReferencedSOPInstanceUIDInFile
        assert ds.file_meta.TransferSyntaxUID == path[""].ReferencedTransferSyntaxUIDInFile
        assert ds.PatientName == path["PATIENT"].PatientName
        assert (ds.StudyInstanceUID, ds.StudyDate) == (path["STUDY"].StudyInstanceUID, path["STUDY"].StudyDate)
        assert (ds.SeriesInstanceUID, ds.Modality) == (path["SERIES"].SeriesInstanceUID, path["SERIES"].Modality)
        assert ds.InstanceNumber == path["IMAGE"].InstanceNumber


def test_an_index_of_real_instances_of_every_kind_is_whole(pacs: Pacs, corpus: Path, tmp_path: Path) -> None:
    found: set[str] = set()
    for row in manifest(expected="stores")[::5]:
        with suppress(PacsError), (CORPUS / row["path"]).open("rb") as file:
            found.add(ingest(pacs, SYSTEM, file).study_instance_uid)

    write_files(export(pacs, SYSTEM, sorted(found)[:100]), tmp_path)

    records = leaves(tmp_path / "DICOMDIR")
    files = {str(Path(*path[""].ReferencedFileID)) for path in records}
    assert files == {str(path.relative_to(tmp_path)) for path in tmp_path.glob("DICOM/**/*") if path.is_file()}
    assert {path[""].DirectoryRecordType for path in records} >= {"IMAGE", "SR DOCUMENT", "PRESENTATION"}
    if shutil.which("dcmdump"):
        dumped = subprocess.run(["dcmdump", "-q", tmp_path / "DICOMDIR"], capture_output=True, check=True).stdout
        assert dumped.count(b"DirectoryRecordType") > len(records)


def test_names_for_people_keep_their_letters_and_name_each_file_once(pacs: Pacs, studies: list[Dataset]) -> None:
    exported = export(pacs, SYSTEM, [FIRST, OTHER], with_dicomdir=False)

    names = [entry.name for entry in exported.entries]
    ours = "NGUYỄN THỊ ÁNH ĐÀO 0004123456/20261124 CT NGỰC"
    assert names == [
        "etc/20261124 CT NGỰC/1 CT Axial/00001.dcm",
        *(f"{ours}/1 CT Axial/{number:05}.dcm" for number in (1, 2, 3)),
        f"{ours}/2 CT Phổi a b/00001.dcm",
    ]
    numbers = [dcmread(io.BytesIO(b"".join(entry.open()))).InstanceNumber for entry in exported.entries[1:4]]
    assert numbers == [1, 2, 10]


def test_an_archive_goes_on_where_it_broke_off(pacs: Pacs, studies: list[Dataset]) -> None:
    exported = export(pacs, SYSTEM, [FIRST, SECOND])
    whole = zip_of(exported)

    assert len(whole) == exported.size
    for start in (0, 1, 200, len(whole) // 2, len(whole) - 1, len(whole)):
        assert zip_of(export(pacs, SYSTEM, [FIRST, SECOND]), start) == whole[start:]
    archive = zipfile.ZipFile(io.BytesIO(whole))
    assert archive.testzip() is None
    kept = {whole_file(pacs, ref) for study in (FIRST, SECOND) for ref in instances(pacs, SYSTEM, study)}
    assert {archive.read(name) for name in archive.namelist() if name != "DICOMDIR"} == kept


def test_what_is_corrected_is_handed_out_corrected(pacs: Pacs, studies: list[Dataset]) -> None:
    before = export(pacs, SYSTEM, [FIRST]).version
    correct.correct(pacs, SYSTEM, FIRST, [("PatientName", "LÊ^VĂN TÁM"), ("AccessionNumber", "A-7")])

    exported = export(pacs, SYSTEM, [FIRST])

    assert exported.version != before
    archive = zipfile.ZipFile(io.BytesIO(zip_of(exported)))
    found = [dcmread(archive.open(name)) for name in archive.namelist() if name != "DICOMDIR"]
    assert {(str(ds.PatientName), ds.AccessionNumber) for ds in found} == {("LÊ^VĂN TÁM", "A-7")}
    assert exported.name == "LÊ VĂN TÁM 20261124"


def test_who_may_not_know_of_a_study_is_not_given_it(pacs: Pacs, studies: list[Dataset]) -> None:
    with pytest.raises(NotAllowed):
        export(pacs, Actor("person", "x", permissions=frozenset(("query",))), [FIRST])
    only = Actor("link", "l", permissions=frozenset(("query", "retrieve")), studies=frozenset((SECOND,)))
    with pytest.raises(NotFound):
        export(pacs, only, [SECOND, FIRST])
    for none in ([], [make_uid() for _ in range(101)]):
        with pytest.raises(InvalidQuery):
            export(pacs, SYSTEM, none)
    remove(pacs, SYSTEM, "test", FIRST)
    with pytest.raises(Removed):
        export(pacs, SYSTEM, [FIRST, SECOND])


def test_archives_of_very_many_files_and_of_very_large_ones_are_read_by_others(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 1)
    many = [Entry(f"f{number}", 1, lambda: (b"x",), moment) for number in range(70_000)]
    data = b"".join(zipped(many))
    assert len(data) == length_of(many)
    assert len(zipfile.ZipFile(io.BytesIO(data)).namelist()) == 70_000

    hole = bytes(1 << 20)
    large = [
        Entry("large", 5 << 30, lambda: repeat(hole, 5 << 10), moment),
        Entry("behind", 3, lambda: (b"abc",), moment),
    ]
    with (tmp_path / "large.zip").open("wb") as file:
        for piece in zipped(large):
            if piece is hole:
                file.seek(len(hole), io.SEEK_CUR)  # it takes no room
            else:
                file.write(piece)
    archive = zipfile.ZipFile(tmp_path / "large.zip")
    assert (tmp_path / "large.zip").stat().st_size == length_of(large)
    assert [one.file_size for one in archive.infolist()] == [5 << 30, 3]
    assert archive.read("behind") == b"abc"
