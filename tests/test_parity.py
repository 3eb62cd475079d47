"""C-FIND and QIDO-RS give the same answers to the same questions: one table, asked at both doors of one server."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from pacs.archive.ingest import ingest
from pacs.context import SYSTEM
from pacs.dicom.person_name import without_marks
from pacs.wiring import close_pacs, open_pacs
from tests.conftest import CORPUS, manifest
from tests.make import make_ct, make_uid, part10
from tests.server import Server, serving

PEOPLE = [  # number, name, patient id, sex, date, time, accession, modality, description
    (1, "NGUYỄN^THỊ ÁNH ĐÀO", "000185000001", "F", "20261101", "080000", "A1", "CT", "CT NGỰC"),
    (2, "ĐÀO^VĂN AN", "000185000002", "M", "20261102", "0930", "A2", "MR", "CHT SỌ NÃO"),
    (3, "HÒA^TRẦN", "000185000003", "F", "20261103", "101530.5", "A_3", "US", "100% FETAL"),
    (4, "HOÀ^LÊ", "000185000004", "F", "20251231", "235959", "A%4", "CT", "[test] _underscore_"),
    (5, "Doe^Jane", "D*5", "", "", "", "", "CT", ""),
    (6, "Yamada^Tarou=山田^太郎=やまだ^たろう", "J6", "M", "20261104", "12", "a5", "CT", 'O\'Brien "x"'),
    (7, "LEFÈVRE^Rosé-Hélène", "F7", "F", "20261105", "130000", "A7", "MG", "BILATÉRALE"),
]

STUDY_QUESTIONS: list[tuple[dict[str, str], set[int]]] = [
    ({}, {1, 2, 3, 4, 5, 6, 7}),
    ({"PatientName": "NGUYỄN^THỊ ÁNH ĐÀO"}, {1}),
    ({"PatientName": "nguyen^thi anh dao"}, {1}),
    ({"PatientName": "NGUYEN*"}, {1}),
    ({"PatientName": "*dao*"}, {1, 2}),
    ({"PatientName": "hoa*"}, {3, 4}),
    ({"PatientName": "Doe^J?ne"}, {5}),
    ({"PatientName": "山田*"}, {6}),
    ({"PatientName": "yamada*"}, {6}),
    ({"PatientName": "lefevre^rose*"}, {7}),
    ({"PatientID": "000185000002"}, {2}),
    ({"PatientID": "0001850000*"}, {1, 2, 3, 4}),
    ({"PatientID": "D?5"}, {5}),
    ({"PatientSex": "F"}, {1, 3, 4, 7}),
    ({"AccessionNumber": "A_3"}, {3}),
    ({"AccessionNumber": "A%4"}, {4}),
    ({"AccessionNumber": "A?4"}, {4}),
    ({"AccessionNumber": "a5"}, {6}),
    ({"StudyDate": "20261102"}, {2}),
    ({"StudyDate": "20261102-20261104"}, {2, 3, 6}),
    ({"StudyDate": "-20251231"}, {4}),
    ({"StudyDate": "20261104-"}, {6, 7}),
    ({"StudyTime": "093000"}, {2}),
    ({"StudyTime": "0900-1100"}, {2, 3}),
    ({"StudyTime": "12-1300"}, {6, 7}),
    ({"ModalitiesInStudy": "MR"}, {2}),
    ({"ModalitiesInStudy": "CT", "StudyDate": "20261101-"}, {1, 6}),
    ({"StudyDescription": "100% *"}, {3}),
    ({"StudyDescription": "[test]*"}, {4}),
    ({"StudyDescription": "*_underscore_"}, {4}),
    ({"StudyDescription": "CT*"}, {1}),
    ({"StudyDescription": "ct*"}, set()),
    ({"ReferringPhysicianName": "tran*"}, {1, 2, 3, 4, 5, 6, 7}),
    ({"StudyInstanceUID": make_uid(3, 2)}, {2}),
    ({"StudyInstanceUID": f"{make_uid(3, 2)}\\{make_uid(3, 7)}\\1.2.3"}, {2, 7}),
    ({"StudyInstanceUID": "1.2.3"}, set()),
    ({"PatientName": "nguyen*", "PatientSex": "M"}, set()),
]


def study_of(number: int) -> str:
    return make_uid(3, number)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("parity") / "data", workers="1") as running:
        pacs = open_pacs(running.settings)
        for number, name, patient_id, sex, date, time, accession, modality, description in PEOPLE:
            for instance_number in (1, 2):
                ds = make_ct(
                    PatientName=name,
                    PatientID=patient_id,
                    PatientSex=sex,
                    StudyDate=date,
                    StudyTime=time,
                    AccessionNumber=accession,
                    Modality=modality,
                    StudyDescription=description,
                    StudyInstanceUID=study_of(number),
                    SeriesInstanceUID=make_uid(3, number, 1),
                    SOPInstanceUID=make_uid(3, number, 1, instance_number),
                    InstanceNumber=instance_number,
                )
                ingest(pacs, SYSTEM, part10(ds))
        close_pacs(pacs)
        yield running


@pytest.fixture(scope="module")
def web(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.token()}"}) as client:
        yield client


def by_qido(web: httpx.Client, path: str, keys: dict[str, str], unique: str) -> list[str]:
    query = "&".join(f"{keyword}={quote(value.replace(chr(92), ','))}" for keyword, value in keys.items())
    answer = web.get(f"/dicom-web{path}?{query}")
    assert answer.status_code in (200, 204), answer.text
    answers = answer.json() if answer.status_code == 200 else []
    return sorted(str(Dataset.from_json(one)[unique].value) for one in answers)


def by_c_find(
    server: Server, tmp_path: Path, level: str, keys: dict[str, str], unique: str, model: str = "-S"
) -> list[str]:
    """dcmtk's findscu, its answers as files."""
    query = Dataset()
    query.SpecificCharacterSet = "ISO_IR 192"
    query.QueryRetrieveLevel = level
    for keyword, value in {unique: "", **keys}.items():
        setattr(query, keyword, value.split("\\") if "UID" in keyword else value)
    file = tmp_path / "query.dcm"
    query.save_as(file, implicit_vr=False, little_endian=True)
    command = [
        "findscu",
        model,
        "-aec",
        "PACS",
        "-X",
        "-od",
        str(tmp_path),
        "127.0.0.1",
        str(server.dicom_port),
        str(file),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(str(dcmread(path, force=True)[unique].value) for path in tmp_path.glob("rsp*.dcm"))


@pytest.mark.filterwarnings("ignore:Invalid value for VR:UserWarning", "ignore:The value length:UserWarning")
@pytest.mark.parametrize(("keys", "expected"), STUDY_QUESTIONS, ids=lambda value: str(value))
def test_both_doors_find_the_same_studies(
    server: Server, web: httpx.Client, tmp_path: Path, keys: dict[str, str], expected: set[int]
) -> None:
    uids = sorted(study_of(number) for number in expected)

    assert by_qido(web, "/studies", keys, "StudyInstanceUID") == uids
    assert by_c_find(server, tmp_path, "STUDY", keys, "StudyInstanceUID") == uids


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, {1, 2, 3, 4, 5, 6, 7}),
        ({"PatientName": "*dao*"}, {1, 2}),
        ({"PatientSex": "F"}, {1, 3, 4, 7}),
        ({"PatientID": "D?5"}, {5}),
        ({"PatientName": "nguyen*", "PatientSex": "M"}, set()),
    ],
)
def test_both_doors_find_the_same_patients(
    server: Server, web: httpx.Client, tmp_path: Path, keys: dict[str, str], expected: set[int]
) -> None:
    ids = sorted(patient_id for number, _, patient_id, *_ in PEOPLE if number in expected)

    assert by_qido(web, "/patients", keys, "PatientID") == ids
    assert by_c_find(server, tmp_path, "PATIENT", keys, "PatientID", "-P") == ids


@pytest.mark.parametrize(
    ("level", "path", "keys", "unique", "expected"),
    [
        ("SERIES", f"/studies/{study_of(1)}/series", {"StudyInstanceUID": study_of(1)}, "SeriesInstanceUID", 1),
        (
            "IMAGE",
            f"/studies/{study_of(1)}/series/{make_uid(3, 1, 1)}/instances",
            {"StudyInstanceUID": study_of(1), "SeriesInstanceUID": make_uid(3, 1, 1)},
            "SOPInstanceUID",
            2,
        ),
        (
            "IMAGE",
            f"/studies/{study_of(1)}/series/{make_uid(3, 1, 1)}/instances",
            {"StudyInstanceUID": study_of(1), "SeriesInstanceUID": make_uid(3, 1, 1), "InstanceNumber": "2"},
            "SOPInstanceUID",
            1,
        ),
    ],
)
def test_both_doors_find_the_same_below_a_study(
    server: Server,
    web: httpx.Client,
    tmp_path: Path,
    level: str,
    path: str,
    keys: dict[str, str],
    unique: str,
    expected: int,
) -> None:
    asked = {keyword: value for keyword, value in keys.items() if not keyword.endswith("InstanceUID")}

    by_web = by_qido(web, path, asked, unique)

    assert len(by_web) == expected
    assert by_c_find(server, tmp_path, level, keys, unique) == by_web


CHARSET_FILES = [row["path"] for row in manifest(expected="stores") if row["path"].startswith("charset/")]


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Iterator[Server]:
    """A server with the corpus' files in all character sets."""
    with serving(tmp_path_factory.mktemp("letters") / "data", "dicom", workers="1") as running:
        pacs = open_pacs(running.settings)
        pacs.database.migrate()  # the port is open before the server has done it
        for path in CHARSET_FILES:
            with (corpus / path).open("rb") as file:
                ingest(pacs, SYSTEM, file)
        close_pacs(pacs)
        yield running


@pytest.mark.skipif(not CHARSET_FILES, reason=f"no corpus at {CORPUS} (PACS_CORPUS)")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("path", CHARSET_FILES)
def test_files_in_every_character_set_are_found_by_their_names(
    letters: Server, corpus: Path, tmp_path: Path, path: str
) -> None:
    """By findscu, each group of the name as it is, and without its marks."""
    ds = dcmread(corpus / path, stop_before_pixels=True)
    groups = [group for group in str(ds.PatientName).rstrip("=").split("=") if group]
    for number, asked in enumerate(dict.fromkeys([*groups, *map(without_marks, groups)])):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = by_c_find(letters, folder, "STUDY", {"PatientName": asked}, "StudyInstanceUID")
        assert ds.StudyInstanceUID in found, asked
