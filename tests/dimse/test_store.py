"""C-STORE: kept before it is answered, or refused with the status and the words that say why."""

import struct
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from pacs.archive.retrieve import data_set, instances
from pacs.context import SYSTEM
from tests.conftest import CORPUS, manifest
from tests.dimse.conftest import (
    CT,
    EXPLICIT,
    IMPLICIT,
    Door,
    RawPeer,
    associated,
    dcmtk,
    pdv,
    response_of,
    store_all,
    store_command,
)
from tests.make import data_set_bytes, make_ct, make_uid, part10

MR = "1.2.840.10008.5.1.4.1.1.4"


def kept(door: Door, ds: Dataset) -> bytes:
    """The data set of an instance as it is kept."""
    (ref,) = instances(door.pacs, SYSTEM, sop=str(ds.SOPInstanceUID))
    return data_set(door.pacs, ref)


def test_what_was_sent_is_what_is_kept(door: Door) -> None:
    ds = make_ct(rows=300, columns=300)

    assert store_all(door, ds) == [0]
    assert kept(door, ds) == data_set_bytes(ds)


def test_pynetdicom_stores(door: Door) -> None:
    ds = make_ct(rows=300, columns=300)

    with associated(door, [(CT, [EXPLICIT])]) as association:
        assert association.send_c_store(ds).Status == 0
    assert kept(door, ds) == data_set_bytes(ds)


def test_storing_again_is_a_success(door: Door) -> None:
    ds = make_ct()

    assert store_all(door, ds, ds) == [0, 0]


@pytest.mark.parametrize("environment", [{"TCP_NODELAY": "1"}, {}])
def test_dcmtk_stores(door: Door, tmp_path: Any, environment: dict[str, str]) -> None:
    datasets = [make_ct(rows=64, columns=64) for _ in range(5)]
    for index, ds in enumerate(datasets):
        (tmp_path / f"{index}.dcm").write_bytes(part10(ds).read())

    done = dcmtk("storescu", "-R", "-aec", "PACS", "127.0.0.1", door.port, "+sd", tmp_path, env=environment)

    assert done.returncode == 0, done.stderr
    assert [kept(door, ds) for ds in datasets] == [data_set_bytes(ds) for ds in datasets]


def store_raw(door: Door, command: bytes, data: bytes, transfer_syntax: str = EXPLICIT) -> dict[int, bytes]:
    """The response to a C-STORE by hand."""
    with RawPeer(door) as peer:
        peer.associate(transfer_syntax=transfer_syntax)
        peer.send(pdv(3, command), pdv(2, data))
        _, answer = peer.receive_pdu()
    return response_of(answer[6:])


def implicit_bytes(ds: Dataset) -> bytes:
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = True, True
    write_dataset(file, ds)
    return file.getvalue()


DS = make_ct()
DATA = data_set_bytes(DS)
UID = str(DS.SOPInstanceUID)


@pytest.mark.parametrize(
    ("command", "data", "syntax", "status"),
    [
        pytest.param(store_command(make_uid()), DATA, EXPLICIT, 0xA900, id="another SOP Instance UID"),
        pytest.param(store_command(UID, MR), DATA, EXPLICIT, 0xA900, id="another SOP class than the context's"),
        pytest.param(
            store_command(UID), data_set_bytes(make_ct(SOPClassUID=MR, SOPInstanceUID=UID)), EXPLICIT, 0xA900, id="MR"
        ),
        pytest.param(store_command("1.2..3"), DATA, EXPLICIT, 0xC000, id="a UID with an empty component"),
        pytest.param(store_command("../../etc/passwd"), DATA, EXPLICIT, 0xC000, id="a path for a UID"),
        pytest.param(store_command("1." * 40 + "1"), DATA, EXPLICIT, 0xC000, id="a UID of 81 characters"),
        pytest.param(store_command(""), DATA, EXPLICIT, 0xC000, id="no UID"),
        pytest.param(store_command(UID), DATA, IMPLICIT, 0xC000, id="explicit for implicit"),
        pytest.param(store_command(UID), implicit_bytes(DS), EXPLICIT, 0xC000, id="implicit for explicit"),
        pytest.param(store_command(UID), DATA[:-2], EXPLICIT, 0xC000, id="cut short"),
        pytest.param(store_command(UID), b"", EXPLICIT, 0xC000, id="empty"),
        pytest.param(store_command(UID), bytes(1000), EXPLICIT, 0xC000, id="zeros"),
    ],
)
def test_what_cannot_be_kept_is_refused(door: Door, command: bytes, data: bytes, syntax: str, status: int) -> None:
    files = door.files()

    response = store_raw(door, command, data, syntax)

    assert struct.unpack("<H", response[0x0900]) == (status,)
    comment = response[0x0902].decode("ascii")
    assert 0 < len(comment) <= 64
    assert "ĐÀO" not in comment
    assert "0004123456" not in comment
    assert door.files() == files


def test_the_same_instance_of_another_patient_is_refused_by_name(door: Door) -> None:
    ds = make_ct()
    other = make_ct(SOPInstanceUID=ds.SOPInstanceUID, StudyInstanceUID=ds.StudyInstanceUID, PatientID="another")

    with associated(door, [(CT, [EXPLICIT])]) as association:
        assert association.send_c_store(ds).Status == 0
        response = association.send_c_store(other)

    assert response.Status == 0xA778
    assert "another patient" in response.ErrorComment
    assert kept(door, ds) == data_set_bytes(ds)


def test_after_a_refusal_the_next_is_taken(door: Door) -> None:
    good, bad = make_ct(), make_ct(StudyInstanceUID=None)

    assert store_all(door, bad, good) == [0xC000, 0]


def test_a_refusal_is_said_only_when_all_was_sent(door: Door) -> None:
    """The UID is wrong from the start; a peer that looks for no answer before it has sent its 4 MB must not stall."""
    data = bytes(4 << 20)

    with RawPeer(door) as peer:
        peer.associate()
        peer.send(pdv(3, store_command("no.uid")))
        for start in range(0, len(data), 1 << 16):
            peer.send(pdv(2 if start + (1 << 16) == len(data) else 0, data[start : start + (1 << 16)]))
        _, answer = peer.receive_pdu()

    assert response_of(answer[6:])[0x0900] == bytes.fromhex("00c0")


SAMPLE = [
    row["path"]
    for folder in ("syntax", "modality", "photometric", "charset")
    for row in manifest(path=f"{folder}/", expected="stores")[::12]
    if row["sop_class_uid"] and row["transfer_syntax_uid"] and "refuses" not in row["expected"]
]


@pytest.mark.parametrize("path", SAMPLE)
def test_real_files_are_stored_by_dcmtk(door: Door, path: str) -> None:
    done = dcmtk("dcmsend", "-v", "-aec", "PACS", "127.0.0.1", door.port, CORPUS / path)

    assert done.returncode == 0, done.stdout + done.stderr
