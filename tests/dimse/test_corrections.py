"""FL-16: a name gets its accents back wherever a study is found or given, and what is stored never changes."""

import hashlib
import io
import shutil
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from pacs.archive import correct
from pacs.archive.retrieve import InstanceRef, instances, whole_file
from pacs.context import SYSTEM
from tests.archive.test_correct import GLUED, RIGHT, make_legacy
from tests.dimse.conftest import CT, EXPLICIT, Door, identifier, opened, store_all
from tests.dimse.test_find import ask
from tests.dimse.test_retrieve import get
from tests.make import make_ct, make_uid
from tests.names import vietnamese_names


def found(door: Door, ds: Dataset) -> str:
    keys = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=ds.StudyInstanceUID, PatientName="")
    ((answer,), _) = ask(door, keys)
    return str(answer.PatientName)


def given(door: Door, ds: Dataset) -> Dataset:
    keys = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=ds.StudyInstanceUID)
    received, _, _ = get(door, keys, [(CT, [EXPLICIT])], [CT])
    return dcmread(io.BytesIO(received.data_sets[ds.SOPInstanceUID]), force=True)


def ref_of(door: Door, ds: Dataset) -> InstanceRef:
    (ref,) = instances(door.pacs, SYSTEM, ds.StudyInstanceUID)
    return ref


def test_a_name_gets_its_accents_back_and_keeps_them_over_a_restart(tmp_path: Path) -> None:
    ds = make_ct(PatientName=GLUED, SpecificCharacterSet=None, ReferringPhysicianName="X", StudyDescription="CT")
    with opened(tmp_path) as door:
        assert store_all(door, ds) == [0]
        assert (found(door, ds), given(door, ds).PatientName) == (GLUED, GLUED)
        (pk,) = correct.correct(door.pacs, SYSTEM, ds.StudyInstanceUID, [("PatientName", RIGHT)])
        assert (found(door, ds), given(door, ds).PatientName) == (RIGHT, RIGHT)

    with opened(tmp_path) as door:
        assert (found(door, ds), given(door, ds).PatientName) == (RIGHT, RIGHT)
        key = ref_of(door, ds).object_key
        assert hashlib.sha256(door.pacs.objects.get(key)).hexdigest() == key
        assert dcmread(io.BytesIO(door.pacs.objects.get(key))).PatientName == GLUED
        correct.revoke(door.pacs, SYSTEM, pk)
        assert (found(door, ds), given(door, ds).PatientName) == (GLUED, GLUED)
        assert whole_file(door.pacs, ref_of(door, ds)) == door.pacs.objects.get(key)


def test_names_come_back_as_they_were_corrected(door: Door) -> None:
    ds = make_ct(PatientName=GLUED, PatientID="names", StudyInstanceUID=make_uid(), SeriesInstanceUID=make_uid())
    assert store_all(door, ds) == [0]

    for name in vietnamese_names(10, seed=5):
        correct.correct(door.pacs, SYSTEM, ds.StudyInstanceUID, [("PatientName", name)])
        assert (found(door, ds), str(given(door, ds).PatientName)) == (name, name)


def test_what_leaves_is_valid_to_a_third_party(door: Door, tmp_path: Path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("no dciodvfy on the path (Debian: apt-get install dicom3tools)")
    uids = {"StudyInstanceUID": make_uid(), "SeriesInstanceUID": make_uid()}
    ds = make_legacy("VNI", PatientID="valid", **uids)
    assert store_all(door, ds) == [0]
    before = errors_of(door, ds, tmp_path / "before.dcm")
    (suggested,) = correct.corrections(door.pacs, SYSTEM, study_instance_uid=ds.StudyInstanceUID)
    correct.apply(door.pacs, SYSTEM, suggested.pk)
    correct.correct(door.pacs, SYSTEM, ds.StudyInstanceUID, [("AccessionNumber", "A-1"), ("PatientSex", "M")])

    assert given(door, ds).PatientName == RIGHT
    assert errors_of(door, ds, tmp_path / "after.dcm") <= before


def errors_of(door: Door, ds: Dataset, path: Path) -> set[str]:
    path.write_bytes(whole_file(door.pacs, ref_of(door, ds)))
    told = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, encoding="utf-8", errors="replace")
    return {line for line in (told.stdout + told.stderr).splitlines() if line.startswith("Error")}
