"""C-GET and C-MOVE: what was stored comes back byte for byte, and every sub-operation is accounted for."""

import io
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian, JPEGBaseline8Bit
from pynetdicom import AE, AllStoragePresentationContexts, evt

from pacs.archive.retrieve import instances
from pacs.context import SYSTEM
from pacs.dicom.header import read_header
from pacs.dicom.part10 import read_file_meta
from pacs.peers import directory
from pacs.peers.dimse import proposals_for, store
from pacs.upper_layer.association import associate, request_of
from tests.conftest import CORPUS, manifest
from tests.dimse.conftest import (
    CT,
    EXPLICIT,
    IMPLICIT,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    Door,
    associated,
    dcmtk,
    identifier,
    opened,
    store_all,
)
from tests.make import data_set_bytes, make_ct, make_uid

PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
PENDING = 0xFF00


@dataclass(slots=True)
class Received:
    """What an SCP was sent: data sets by SOP Instance UID, as they came."""

    data_sets: dict[str, bytes] = field(default_factory=dict)
    syntaxes: dict[str, str] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """To answer with, one by one; then Success."""
    before_answer: Callable[[], None] = lambda: None

    def handle(self, event: Any) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        self.data_sets[uid] = event.request.DataSet.getvalue()
        self.syntaxes[uid] = str(event.context.transfer_syntax)
        self.requests.append(event.request)
        self.before_answer()
        return self.statuses.pop(0) if self.statuses else 0


@contextmanager
def destination(
    door: Door, name: str, contexts: Sequence[tuple[str, Sequence[str]]], received: Received
) -> Iterator[None]:
    """A peer of this name that takes these contexts; the door knows it."""
    ae = AE(ae_title=name)
    for abstract_syntax, transfer_syntaxes in contexts:
        ae.add_supported_context(abstract_syntax, list(transfer_syntaxes))
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, received.handle)])
    directory.add(door.pacs, SYSTEM, name, "127.0.0.1", server.server_address[1], may=["store"])
    try:
        yield
    finally:
        server.shutdown()


def get(
    door: Door, keys: Dataset, contexts: Sequence[tuple[str, Sequence[str]]], roles: Sequence[str]
) -> tuple[Received, list[Any], list[Dataset]]:
    """What came, the statuses, and the identifiers of a C-GET."""
    received = Received()
    with associated(
        door,
        [(STUDY_ROOT_GET, [EXPLICIT]), *contexts],
        roles=roles,
        handlers=[(evt.EVT_C_STORE, received.handle)],
    ) as association:
        pairs = list(association.send_c_get(keys, STUDY_ROOT_GET))
    return received, [status for status, _ in pairs], [answer for _, answer in pairs if answer]


def move(door: Door, keys: Dataset, to: str, model: str = STUDY_ROOT_MOVE) -> tuple[list[Any], list[Dataset]]:
    with associated(door, [(model, [IMPLICIT])]) as association:
        pairs = list(association.send_c_move(keys, to, model))
    return [status for status, _ in pairs], [answer for _, answer in pairs if answer]


def study_keys(*datasets: Dataset) -> Dataset:
    uids = "\\".join(dict.fromkeys(str(ds.StudyInstanceUID) for ds in datasets))
    return identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=uids)


def of_one_study(count: int, **attributes: Any) -> list[Dataset]:
    study = make_uid()
    series = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1"}
    return [make_ct(InstanceNumber=number, **series, **attributes) for number in range(1, count + 1)]


def counters(status: Any) -> tuple[int, int, int]:
    """Completed, failed, warning."""
    return (
        status.NumberOfCompletedSuboperations,
        status.NumberOfFailedSuboperations,
        status.NumberOfWarningSuboperations,
    )


def test_a_study_comes_back_by_get_byte_for_byte(door: Door) -> None:
    datasets = of_one_study(5)
    assert store_all(door, *datasets) == [0] * 5

    received, statuses, _ = get(door, study_keys(*datasets), [(CT, [EXPLICIT])], [CT])

    assert received.data_sets == {ds.SOPInstanceUID: data_set_bytes(ds) for ds in datasets}
    assert [request.AffectedSOPInstanceUID for request in received.requests] == [ds.SOPInstanceUID for ds in datasets]
    assert statuses[0].Status == PENDING
    assert statuses[-1].Status == 0
    assert counters(statuses[-1]) == (5, 0, 0)


def test_an_index_that_does_not_answer_cannot_count_the_matches(tmp_path: Path) -> None:
    datasets = of_one_study(1)
    with opened(tmp_path / "data") as door, associated(door, [(STUDY_ROOT_GET, [EXPLICIT])]) as association:
        assert store_all(door, *datasets) == [0]
        door.pacs.database._engine.dispose()  # what is open would go on to read a file that is gone
        (tmp_path / "data").rename(tmp_path / "gone")

        [(status, _)] = association.send_c_get(study_keys(*datasets), STUDY_ROOT_GET)

        (tmp_path / "gone").rename(tmp_path / "data")
    assert status.Status == 0xA701  # PS3.4 Table C.4-3


def test_a_study_comes_back_beside_other_associations(door: Door) -> None:
    datasets = of_one_study(5)
    assert store_all(door, *datasets) == [0] * 5

    with associated(door, [(CT, [EXPLICIT])]):
        received, statuses, _ = get(door, study_keys(*datasets), [(CT, [EXPLICIT])], [CT])

    assert received.data_sets == {ds.SOPInstanceUID: data_set_bytes(ds) for ds in datasets}
    assert (statuses[-1].Status, counters(statuses[-1])) == (0, (5, 0, 0))


def test_a_study_goes_to_a_peer_by_move_byte_for_byte(door: Door) -> None:
    datasets, received = of_one_study(5), Received()
    assert store_all(door, *datasets) == [0] * 5

    with destination(door, "DEST", [(CT, [EXPLICIT, IMPLICIT])], received):
        statuses, _ = move(door, study_keys(*datasets), "DEST")

    assert received.data_sets == {ds.SOPInstanceUID: data_set_bytes(ds) for ds in datasets}
    assert {request.MoveOriginatorApplicationEntityTitle for request in received.requests} == {"TEST"}
    assert {request.MoveOriginatorMessageID for request in received.requests} == {1}
    assert (statuses[-1].Status, counters(statuses[-1])) == (0, (5, 0, 0))


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [("SOPInstanceUID", {1}), ("SeriesInstanceUID", {1, 2}), ("StudyInstanceUID", {1, 2, 3})],
)
def test_each_level_gives_its_instances(door: Door, keyword: str, expected: set[int]) -> None:
    study = make_uid()
    datasets = [
        make_ct(StudyInstanceUID=study, SeriesInstanceUID=f"{study}.{series}", InstanceNumber=number)
        for number, series in ((1, 1), (2, 1), (3, 2))
    ]
    assert store_all(door, *datasets) == [0, 0, 0]
    level = {"SOPInstanceUID": "IMAGE", "SeriesInstanceUID": "SERIES", "StudyInstanceUID": "STUDY"}[keyword]
    keys = identifier(QueryRetrieveLevel=level)
    for unique in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        keys[unique] = datasets[0][unique]
        if unique == keyword:
            break

    received, _, _ = get(door, keys, [(CT, [EXPLICIT])], [CT])

    wanted = {str(ds.SOPInstanceUID) for ds in datasets if ds.InstanceNumber in expected}
    assert set(received.data_sets) == wanted


def test_a_patient_goes_with_all_his_studies(door: Door) -> None:
    patient = make_uid()
    datasets, received = [make_ct(PatientID=patient, StudyInstanceUID=make_uid()) for _ in range(2)], Received()
    assert store_all(door, *datasets) == [0, 0]
    keys = identifier(QueryRetrieveLevel="PATIENT", PatientID=patient)

    with destination(door, "DEST", [(CT, [EXPLICIT])], received):
        statuses, _ = move(door, keys, "DEST", PATIENT_ROOT_MOVE)

    assert statuses[-1].Status == 0
    assert set(received.data_sets) == {ds.SOPInstanceUID for ds in datasets}


PATIENT_STUDY_ONLY_MOVE = "1.2.840.10008.5.1.4.1.2.3.2"
PATIENT_STUDY_ONLY_FIND = "1.2.840.10008.5.1.4.1.2.3.1"


@pytest.mark.parametrize(
    ("level", "expected"),
    [("PATIENT", (0, 2)), ("STUDY", (0, 1)), ("SERIES", (0xA900, None)), ("IMAGE", (0xA900, None))],
)
def test_the_retired_model_of_patients_and_studies_has_these_levels_alone(
    door: Door, level: str, expected: tuple[int, int | None]
) -> None:
    patient = make_uid()
    datasets, received = [make_ct(PatientID=patient, StudyInstanceUID=make_uid()) for _ in range(2)], Received()
    assert store_all(door, *datasets) == [0, 0]
    unique = {
        name: str(datasets[0][name].value) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    }
    above = dict(list(unique.items())[: ("PATIENT", "STUDY", "SERIES", "IMAGE").index(level)])
    keys = identifier(QueryRetrieveLevel=level, PatientID=patient, **above)

    with destination(door, "DEST", [(CT, [EXPLICIT])], received):
        statuses, _ = move(door, keys, "DEST", PATIENT_STUDY_ONLY_MOVE)
    with associated(door, [(PATIENT_STUDY_ONLY_FIND, [EXPLICIT])]) as association:
        *found, last = [status.Status for status, _ in association.send_c_find(keys, PATIENT_STUDY_ONLY_FIND)]

    assert (statuses[-1].Status, statuses[-1].get("NumberOfCompletedSuboperations")) == expected
    assert (last, len(found)) == (expected[0], 0 if expected[0] else 1)


def test_nothing_found_is_a_success_of_nothing(door: Door) -> None:
    keys = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3.4.5")

    _, statuses, _ = get(door, keys, [(CT, [EXPLICIT])], [CT])

    assert [(status.Status, counters(status)) for status in statuses] == [(0, (0, 0, 0))]


@pytest.mark.parametrize(
    "keys",
    [
        {"QueryRetrieveLevel": "STUDY"},
        {"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": "1.2"},
        {"QueryRetrieveLevel": "IMAGE", "StudyInstanceUID": "1.2", "SOPInstanceUID": "1.2"},
        {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.2\\1.3", "SeriesInstanceUID": "1.2"},
        {"QueryRetrieveLevel": "PATIENT", "PatientID": "A"},
        {"StudyInstanceUID": "1.2"},
    ],
)
def test_an_identifier_without_its_unique_keys_is_refused(door: Door, keys: dict[str, str]) -> None:
    _, (status,), _ = get(door, identifier(**keys), [(CT, [EXPLICIT])], [CT])

    assert status.Status == 0xA900


def test_a_destination_that_nobody_knows_is_refused(door: Door) -> None:
    (status,), _ = move(door, identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2"), "NOBODY")

    assert status.Status == 0xA801


def test_a_destination_that_is_not_there_fails_with_a_reason(door: Door) -> None:
    datasets = of_one_study(2)
    assert store_all(door, *datasets) == [0, 0]
    directory.add(door.pacs, SYSTEM, "ABSENT", "127.0.0.1", 1)

    statuses, (failed,) = move(door, study_keys(*datasets), "ABSENT")

    assert (statuses[-1].Status, counters(statuses[-1])) == (0xA702, (0, 2, 0))
    assert "refuses connections" in statuses[-1].ErrorComment
    assert set(failed.FailedSOPInstanceUIDList) == {ds.SOPInstanceUID for ds in datasets}


def test_one_failure_does_not_end_the_rest(door: Door) -> None:
    datasets, received = of_one_study(4), Received(statuses=[0, 0xA700, 0xB000, 0])
    assert store_all(door, *datasets) == [0] * 4

    with destination(door, "DEST", [(CT, [EXPLICIT])], received):
        statuses, (failed,) = move(door, study_keys(*datasets), "DEST")

    assert (statuses[-1].Status, counters(statuses[-1])) == (0xB000, (2, 1, 1))
    assert failed.FailedSOPInstanceUIDList == datasets[1].SOPInstanceUID
    assert "A700" in statuses[-1].ErrorComment


def test_a_class_that_the_destination_does_not_take_fails_alone(door: Door) -> None:
    datasets, received = of_one_study(2), Received()
    datasets[1].SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    assert store_all(door, *datasets) == [0, 0]

    with destination(door, "DEST", [(CT, [EXPLICIT])], received):
        statuses, (failed,) = move(door, study_keys(*datasets), "DEST")

    assert (statuses[-1].Status, counters(statuses[-1])) == (0xB000, (1, 1, 0))
    assert failed.FailedSOPInstanceUIDList == datasets[1].SOPInstanceUID


def test_a_get_without_the_scp_role_fails_with_a_reason(door: Door) -> None:
    datasets = of_one_study(1)
    assert store_all(door, *datasets) == [0]

    _, statuses, (failed,) = get(door, study_keys(*datasets), [(CT, [EXPLICIT])], [])

    assert statuses[-1].Status == 0xA702
    assert "role" in statuses[-1].ErrorComment
    assert failed.FailedSOPInstanceUIDList == datasets[0].SOPInstanceUID


def test_what_the_peer_cannot_take_as_it_is_kept_is_converted(door: Door) -> None:
    study = make_uid()
    ds = make_ct(transfer_syntax_uid=ImplicitVRLittleEndian, StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1")
    assert store_all(door, ds) == [0]

    received, statuses, _ = get(door, study_keys(ds), [(CT, [EXPLICIT])], [CT])

    assert statuses[-1].Status == 0
    assert received.syntaxes[ds.SOPInstanceUID] == EXPLICIT
    assert received.data_sets[ds.SOPInstanceUID] == data_set_bytes(
        make_ct(**{element.keyword: element.value for element in ds})
    )


def test_what_is_lossy_goes_as_it_is_or_not_at_all(door: Door) -> None:
    assert proposals_for([(CT, JPEGBaseline8Bit), (CT, EXPLICIT), (CT, JPEGBaseline8Bit)]) == [
        [(CT, (JPEGBaseline8Bit,)), (CT, (EXPLICIT,)), (CT, (IMPLICIT,))]
    ]


def test_more_contexts_than_an_association_holds_are_split() -> None:
    kept = [(f"{CT}.{number}", syntax) for number in range(60) for syntax in (JPEGBaseline8Bit, "1.2.3")]

    associations = proposals_for(kept)

    assert [len(proposals) for proposals in associations] == [126, 54]
    assert sorted({sop_class for proposals in associations for sop_class, _ in proposals}) == sorted(
        {sop_class for sop_class, _ in kept}
    )


def test_a_move_of_more_classes_than_an_association_holds_arrives(door: Door) -> None:
    study, received = make_uid(), Received()
    classes = [str(context.abstract_syntax) for context in AllStoragePresentationContexts[:70]]
    datasets = [make_ct(SOPClassUID=uid, StudyInstanceUID=study, InstanceNumber=1) for uid in classes]
    assert set(store_all(door, *datasets)) == {0}

    with destination(door, "DEST", [(uid, [EXPLICIT]) for uid in classes], received):
        statuses, _ = move(door, study_keys(datasets[0]), "DEST")

    assert (statuses[-1].Status, counters(statuses[-1])) == (0, (70, 0, 0))


def test_a_cancel_ends_a_move_within_an_instance(door: Door) -> None:
    datasets = of_one_study(6)
    assert store_all(door, *datasets) == [0] * 6
    received = Received()

    with (
        associated(door, [(STUDY_ROOT_MOVE, [IMPLICIT])]) as association,
        destination(door, "DEST", [(CT, [EXPLICIT])], received),
    ):
        received.before_answer = lambda: association.send_c_cancel(3, query_model=STUDY_ROOT_MOVE)
        answers = association.send_c_move(study_keys(*datasets), "DEST", STUDY_ROOT_MOVE, msg_id=3)
        status = [status for status, _ in answers][-1]

    assert status.Status == 0xFE00
    assert counters(status) == (len(received.requests), 0, 0)
    assert status.NumberOfRemainingSuboperations == 6 - len(received.requests) > 0


def test_dcmtk_gets(door: Door, tmp_path: Path) -> None:
    datasets = of_one_study(3)
    assert store_all(door, *datasets) == [0] * 3
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={datasets[0].StudyInstanceUID}")

    done = dcmtk("getscu", "-S", "-aec", "PACS", "-od", tmp_path, *keys, "127.0.0.1", door.port)

    assert done.returncode == 0, done.stderr
    assert {dcmread(path).SOPInstanceUID for path in tmp_path.iterdir()} == {ds.SOPInstanceUID for ds in datasets}


def test_a_damaged_object_never_goes_out(tmp_path: Path) -> None:
    datasets = of_one_study(3)
    with opened(tmp_path / "data") as door:
        assert store_all(door, *datasets) == [0] * 3
        (ref,) = instances(door.pacs, SYSTEM, sop=str(datasets[1].SOPInstanceUID))
        (path,) = [path for path in door.files() if path.name == ref.object_key]
        path.write_bytes(path.read_bytes()[:-2] + b"\1\1")

        received, statuses, (failed,) = get(door, study_keys(datasets[0]), [(CT, [EXPLICIT])], [CT])

    assert (statuses[-1].Status, counters(statuses[-1])) == (0xB000, (2, 1, 0))
    assert failed.FailedSOPInstanceUIDList == datasets[1].SOPInstanceUID
    assert set(received.data_sets) == {datasets[0].SOPInstanceUID, datasets[2].SOPInstanceUID}


SAMPLE = [
    row
    for folder in ("syntax", "modality", "photometric", "charset")
    for row in manifest(path=f"{folder}/", expected="stores")[::9]
    if row["sop_class_uid"] and row["transfer_syntax_uid"] and "refuses" not in row["expected"]
]


@pytest.mark.parametrize("row", SAMPLE, ids=lambda row: row["path"])
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI:UserWarning")
def test_real_files_come_back_byte_for_byte(door: Door, row: dict[str, str]) -> None:
    """Sent as the bytes of the file, not as what a library makes of them."""
    data = (CORPUS / row["path"]).read_bytes()
    meta = read_file_meta(data)
    assert meta is not None
    header = read_header(io.BytesIO(data), meta.data_set_offset, len(data), meta.transfer_syntax_uid)
    contexts = [(header.sop_class_uid, [meta.transfer_syntax_uid])]

    with associate(("127.0.0.1", door.port), request_of("TEST", "PACS", contexts)) as sender:
        status = store(sender, sender.contexts[1], header.sop_instance_uid, [data[meta.data_set_offset :]])
        sender.release()
    keys = identifier(
        QueryRetrieveLevel="IMAGE",
        StudyInstanceUID=header.study_instance_uid,
        SeriesInstanceUID=header.series_instance_uid,
        SOPInstanceUID=header.sop_instance_uid,
    )
    received, statuses, _ = get(door, keys, contexts, [header.sop_class_uid])

    assert (status, statuses[-1].Status) == (0, 0)
    assert received.data_sets == {header.sop_instance_uid: data[meta.data_set_offset :]}


def test_the_failed_list_is_cut_to_what_its_value_holds(door: Door) -> None:
    from pacs.dimse.suboperations import failed_list

    uids = [make_uid(8, 10**20 + number) for number in range(2000)]

    explicit, implicit = failed_list(uids, EXPLICIT), failed_list(uids, IMPLICIT)

    assert struct.unpack_from("<H", explicit, 6)[0] == len(explicit) - 8
    assert explicit[8:].rstrip(b"\0").decode().split("\\") == uids[: explicit.count(b"\\") + 1]
    assert implicit[8:].rstrip(b"\0").decode().split("\\") == uids
