"""Random data and random questions: C-FIND and QIDO-RS find what a plain matcher in Python finds (B-10).

MATCHING_EXAMPLES=5000 pytest tests/test_matching.py
"""

import json
import os
import random
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any
from urllib.parse import quote

import httpx
import pydicom.config
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from pacs.archive import further
from pacs.archive.ingest import ingest
from pacs.context import SYSTEM
from pacs.dicom.attributes import DICTIONARY, UNIQUE_KEY, Attribute, Level
from pacs.dicom.matching import is_answer
from pacs.dicom.query import LITERAL, Match, Query, Rules, combined, parse_match, zoned
from pacs.errors import InvalidQuery
from pacs.upper_layer.association import Association, associate, request_of
from pacs.upper_layer.message import C_FIND_RQ, WITH_DATA_SET, Command
from pacs.wiring import close_pacs, open_pacs
from tests.make import make_ct, make_uid, part10
from tests.server import Server, serving

EXAMPLES = int(os.environ.get("MATCHING_EXAMPLES", "100"))
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"
STUDIES = 40
OFFSET = "+0700"

Row = dict[str, Any]
"""The attributes of an instance, by path."""

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How one asks: what is negotiated in C-FIND, and the parameters of QIDO-RS that mean the same."""

    application_information: bytes
    parameters: str | None
    """None: QIDO-RS has no word for it; it always takes a date and its time as one instant."""
    rules: Rules = LITERAL


AGREEMENTS = (
    Agreement(b"\1", None),
    Agreement(b"\1\1", ""),
    Agreement(
        b"\1\1\1\0\0\1\1",
        "&fuzzymatching=true&emptyvaluematching=true&multiplevaluematching=true",
        Rules(fuzzy=True, empty=True, multiple=True),
    ),
    Agreement(b"\1\1\0\1", f"&TimezoneOffsetFromUTC={quote(OFFSET)}"),
    Agreement(b"\1\0\0\1", None),
    Agreement(b"\1\0\1\0\0\1\1", None, Rules(fuzzy=True, empty=True, multiple=True)),
)

NAMES = (
    "NGUYỄN^THỊ ÁNH ĐÀO",
    "Nguyen^Thi Anh Dao",
    "ĐÀO^VĂN AN",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "Doe",
    "O'Neil^A_B",
    "",
)
TEXTS = ("A", "a", "A*", "100%", "A_1", "[A]", "AB", "Á", "A^B", "A=B", "")
DATES = ("20240131", "20240201", "20231231", "20240201", "")
TIMES = ("08", "0830", "083000", "083000.5", "000100", "235959.999999", "")
POOL: dict[Level, dict[str, Sequence[str]]] = {
    Level.PATIENT: {
        "PatientName": NAMES,
        "PatientBirthDate": DATES,
        "PatientSex": ("F", "M", "O", ""),
        "OtherPatientIDs": ("A\\B", "A", "B_\\A%", ""),
        "PatientComments": ("", "a%b", "A"),
        "PatientMotherBirthName": NAMES,
    },
    Level.STUDY: {
        "StudyDate": DATES,
        "StudyTime": TIMES,
        "AccessionNumber": TEXTS,
        "ReferringPhysicianName": NAMES,
        "StudyDescription": TEXTS,
        "PatientWeight": ("70", "70.0", "7E1", "", "0.5"),
        "TimezoneOffsetFromUTC": ("", "+0000", "+0700", "-1130"),
    },
    Level.SERIES: {
        "Modality": ("CT", "MR", "SR"),
        "SeriesNumber": ("1", "2", "10", ""),
        "SeriesDescription": TEXTS,
        "ContrastBolusAgent": TEXTS,
        "ScheduledProcedureStepStartDate": DATES,
        "OperatorsName": ("Doe^A\\Phạm^B", "Doe^A", ""),
        "PerformedProcedureStepStartDate": DATES,
        "PerformedProcedureStepStartTime": TIMES,
    },
    Level.IMAGE: {
        "InstanceNumber": ("1", "2", "", "-1"),
        "ImageType": ("ORIGINAL\\PRIMARY\\AXIAL", "DERIVED\\PRIMARY", "ORIGINAL_X", ""),
        "AcquisitionDateTime": ("20240131", "20240201083000", "20240201083000.25", ""),
        "ContentDate": DATES,
        "ContentTime": TIMES,
        "EchoNumbers": ("1\\7", "007", "2", ""),
        "FlipAngle": ("70", "70.0", "7E1", "", "0.5"),
        "ReasonForStudy": TEXTS,
    },
}
FURTHER = {
    "PatientMotherBirthName": Level.PATIENT,
    "ContrastBolusAgent": Level.SERIES,
    "ScheduledProcedureStepStartDate": Level.SERIES,
    "EchoNumbers": Level.IMAGE,
    "FlipAngle": Level.IMAGE,
    "ReasonForStudy": Level.IMAGE,
}
"""What an administrator makes searchable."""
KNOWN = DICTIONARY.widened(Attribute(keyword, level, further=1) for keyword, level in FURTHER.items())
SEQUENCES: dict[Level, dict[str, dict[str, Sequence[str]]]] = {
    Level.STUDY: {
        "ProcedureCodeSequence": {
            "CodeValue": ("T1", "T2", "T%"),
            "CodingSchemeDesignator": ("DCM", "99X"),
            "CodeMeaning": TEXTS,
        }
    },
    Level.SERIES: {
        "RequestAttributesSequence": {
            "ScheduledProcedureStepID": ("S1", "S2", ""),
            "RequestedProcedureID": ("R1", "R2", "R["),
        }
    },
}
KEYS_OF: dict[Level, dict[str, Sequence[str]]] = {
    level: {
        path: values
        for above in Level
        if above <= level
        for path, values in (
            *((path, values) for path, values in POOL[above].items() if path != "TimezoneOffsetFromUTC"),
            *(
                (f"{sequence}.{keyword}", values)
                for sequence, members in SEQUENCES.get(above, {}).items()
                for keyword, values in members.items()
            ),
        )
    }
    for level in Level
}
KEYS_OF[Level.STUDY]["ModalitiesInStudy"] = ("CT", "MR\\SR", "CT\\MR", "SR")


def random_rows() -> list[Row]:
    """Forty studies of twenty patients, one to three series each, of one or two instances."""
    chance = random.Random(11)
    rows: list[Row] = []
    patients = [{"PatientID": f"P{number}", **_drawn(chance, Level.PATIENT)} for number in range(STUDIES // 2)]
    for number in range(1, STUDIES + 1):
        study = {**chance.choice(patients), "StudyInstanceUID": make_uid(11, number), **_drawn(chance, Level.STUDY)}
        for series_number in range(1, chance.randrange(1, 4) + 1):
            series = {"SeriesInstanceUID": make_uid(11, number, series_number), **_drawn(chance, Level.SERIES)}
            for instance_number in range(1, chance.randrange(1, 3) + 1):
                uid = make_uid(11, number, series_number, instance_number)
                rows.append({**study, **series, "SOPInstanceUID": uid, **_drawn(chance, Level.IMAGE)})
    for row in rows:
        modalities = {one["Modality"] for one in rows if one["StudyInstanceUID"] == row["StudyInstanceUID"]}
        row["ModalitiesInStudy"] = "\\".join(sorted(modalities))
    return rows


def _drawn(chance: random.Random, level: Level) -> Row:
    row: Row = {path: chance.choice(values) for path, values in POOL[level].items()}
    for sequence, members in SEQUENCES.get(level, {}).items():
        items = [
            {keyword: chance.choice(values) for keyword, values in members.items()} for _ in range(chance.randrange(3))
        ]
        row[sequence] = [{keyword: value for keyword, value in item.items() if value} for item in items]
    return row


ROWS = random_rows()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.IGNORE)
        patch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.IGNORE)
        with serving(tmp_path_factory.mktemp("matching") / "data", workers="1") as running:
            pacs = open_pacs(running.settings)
            for keyword, level in FURTHER.items():
                further.add(
                    pacs, SYSTEM, keyword, {Level.PATIENT: "patient", Level.SERIES: "series"}.get(level, "instance")
                )
            for row in ROWS:
                ingest(pacs, SYSTEM, part10(make_ct(**attributes_of(row))))
            close_pacs(pacs)
            yield running


def attributes_of(row: Row) -> dict[str, Any]:
    found = {keyword: value for keyword, value in row.items() if keyword != "ModalitiesInStudy"}
    for sequence in (sequence for level in SEQUENCES.values() for sequence in level):
        found[sequence] = [_item(item) for item in found[sequence]]
    return found


def _item(values: dict[str, str]) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


@pytest.fixture(scope="module")
def web(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.token()}"}) as client:
        yield client


@pytest.fixture(scope="module")
def associations(server: Server) -> Iterator[list[Association]]:
    """One for each agreement."""
    with ExitStack() as stack:
        found = []
        for agreement in AGREEMENTS:
            request = request_of("TEST", "PACS", [(PATIENT_ROOT_FIND, [EXPLICIT])])
            request = replace(request, extended={PATIENT_ROOT_FIND: agreement.application_information})
            found.append(stack.enter_context(associate(("127.0.0.1", server.dicom_port), request)))
            assert found[-1].extended == request.extended
        yield found
        for association in found:
            association.release()


@st.composite
def questions(draw: st.DrawFn) -> tuple[Level, dict[str, str]]:
    level = draw(st.sampled_from(Level))
    paths = draw(st.lists(st.sampled_from(sorted(KEYS_OF[level])), max_size=3, unique=True))
    return level, {path: draw(texts_for(path, KEYS_OF[level][path])) for path in paths}


def texts_for(path: str, values: Sequence[str]) -> st.SearchStrategy[str]:
    """What may be typed for a key: its values, changed or in company."""
    attribute = KNOWN.by_path[path]
    value = st.sampled_from(values)
    if attribute.vr in ("DA", "TM", "DT"):
        ends = st.tuples(value, value).map("-".join)
        return value | ends | ends | st.sampled_from(('""', "*"))
    if attribute.vr in ("IS", "DS"):
        return value | st.sampled_from(('""', "007", "+70"))
    cut = st.tuples(value, st.integers(0, 6), st.sampled_from("*?%_[\\"), st.integers(0, 1)).map(
        lambda drawn: drawn[0][: drawn[1]] + drawn[2] + drawn[0][drawn[1] + drawn[3] :]
    )
    lists = st.lists(value, min_size=1, max_size=3).map("\\".join)
    return value | cut | lists | st.sampled_from(('""', "*", "?", "*A*", "dao", "an dao"))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(question=questions(), number=st.integers(0, len(AGREEMENTS) - 1))
def test_both_doors_find_what_a_plain_matcher_finds(
    server: Server,
    web: httpx.Client,
    associations: list[Association],
    question: tuple[Level, dict[str, str]],
    number: int,
) -> None:
    level, keys = question
    expected = by_hand(level, keys, AGREEMENTS[number])

    assert by_c_find(associations[number], level, keys) == expected
    if (parameters := AGREEMENTS[number].parameters) is not None:
        assert by_qido(web, level, keys, parameters) == expected


def by_hand(level: Level, keys: dict[str, str], agreement: Agreement) -> list[str] | None:
    """The unique keys of what matches; None for what is no question."""
    try:
        query = Query(level, _matches(keys, agreement), dictionary=KNOWN)
    except InvalidQuery:
        return None
    return sorted({row[UNIQUE_KEY[level]] for row in ROWS if is_answer(query, _as_stored(row))})


def _matches(keys: dict[str, str], agreement: Agreement) -> dict[str, Match]:
    matches = {
        path: parse_match(KNOWN.by_path[path], _values(path, text), agreement.rules) for path, text in keys.items()
    }
    negotiated = agreement.application_information.ljust(7, b"\0")
    matches = combined(matches) if negotiated[1] else matches
    return zoned(matches, OFFSET, KNOWN) if negotiated[3] else matches


def _values(path: str, text: str) -> list[str]:
    return [text] if KNOWN.by_path[path].vr == "LT" else text.split("\\")


def _as_stored(row: Row) -> Row:
    """Numbers as such, names without empty groups, sequences as text."""
    return {
        path: (int(value) if value else None)
        if KNOWN.by_path[path].is_integer
        else (json.dumps(value) if value else "")
        if isinstance(value, list)
        else value
        for path, value in row.items()
    }


def by_c_find(association: Association, level: Level, keys: dict[str, str]) -> list[str] | None:
    texts = {"SpecificCharacterSet": "ISO_IR 192", "QueryRetrieveLevel": level.name, UNIQUE_KEY[level]: "", **keys}
    if association.extended[PATIENT_ROOT_FIND][3:4] == b"\1":
        texts["TimezoneOffsetFromUTC"] = OFFSET
    plain = {tag_for_keyword(path) or 0: text for path, text in texts.items() if "." not in path}
    inside: dict[int, dict[int, str]] = {}
    for path, text in keys.items():
        sequence, _, keyword = path.rpartition(".")
        if sequence:
            inside.setdefault(tag_for_keyword(sequence) or 0, {})[tag_for_keyword(keyword) or 0] = text
    elements = {tag: element(tag, text.encode()) for tag, text in plain.items()}
    for tag, members in inside.items():
        item = b"".join(element(its, members[its].encode()) for its in sorted(members))
        elements[tag] = element(tag, struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item)
    identifier = b"".join(elements[tag] for tag in sorted(elements))
    answers, status = asked(association, identifier)
    assert status in (0, 0xA900), f"{status:04X}"
    if status == 0xA900:
        return None
    return sorted(str(answer[UNIQUE_KEY[level]].value) for answer in answers)


def element(tag: int, value: bytes) -> bytes:
    """In Explicit VR Little Endian, whatever the value is: pydicom writes none that breaks the rules."""
    vr = dictionary_VR(tag).encode()
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    if vr == b"SQ":
        return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def asked(association: Association, identifier: bytes) -> tuple[list[Dataset], int]:
    """The answers and the status that ends them."""
    (context,) = association.contexts.values()
    command = Command(
        command_field=C_FIND_RQ,
        message_id=association.next_message_id(),
        affected_sop_class_uid=PATIENT_ROOT_FIND,
        priority=0,
        command_data_set_type=WITH_DATA_SET,
    )
    association.send(context, command, [identifier])
    answers: list[Dataset] = []
    while True:
        message = association.receive()
        assert message is not None
        if message.command.status not in (0xFF00, 0xFF01):
            return answers, message.command.status or 0
        answers.append(read_dataset(BytesIO(association.read_data_set(1 << 20)), False, True))


def by_qido(web: httpx.Client, level: Level, keys: dict[str, str], parameters: str) -> list[str] | None:
    path = ("patients", "studies", "series", "instances")[level]
    query = "&".join(f"{keyword}={quote(value, safe='')}" for keyword, value in keys.items())
    answer = web.get(f"/dicom-web/{path}?{query}{parameters}")
    assert answer.status_code in (200, 204, 400), answer.text
    if answer.status_code == 400:
        return None
    answers = answer.json() if answer.status_code == 200 else []
    return sorted(str(Dataset.from_json(one)[UNIQUE_KEY[level]].value) for one in answers)
