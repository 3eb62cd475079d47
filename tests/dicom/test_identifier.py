"""Identifiers: requests are read within bounds, answers are read by pydicom and lose no letter."""

import struct
import unicodedata
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs.dicom.attributes import ATTRIBUTES, BY_PATH, Attribute, Level
from pacs.dicom.identifier import MAX_IDENTIFIER, NO_KEYS, identifier_encoder, parse_identifier
from pacs.errors import InvalidQuery

SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
STEP = "RequestAttributesSequence.ScheduledProcedureStepID"
REQUESTED = "RequestAttributesSequence.RequestedProcedureID"
STUDY = [
    BY_PATH[path]
    for path in (
        "PatientName",
        "StudyInstanceUID",
        "ModalitiesInStudy",
        "SOPClassesInStudy",
        "StudyDate",
        "NumberOfStudyRelatedInstances",
        "StudyDescription",
    )
]
ROW = ("NGUYỄN^THỊ ÁNH ĐÀO", "1.2.3", "CT\\SR", "1.2\\1.4", "20261124", 250, "CT NGỰC")


def request(**keys: Any) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


def bytes_of(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    file = DicomBytesIO()
    file.is_implicit_VR = syntax == ImplicitVRLittleEndian
    file.is_little_endian = syntax != ExplicitVRBigEndian
    write_dataset(file, ds)
    return file.getvalue()


def read(data: bytes, explicit: bool) -> Dataset:
    assert len(data) % 2 == 0
    return read_dataset(BytesIO(data), not explicit, True)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_keys_are_read_in_every_transfer_syntax(syntax: str) -> None:
    step = Dataset()
    step.ScheduledProcedureStepID = "S*"
    data = bytes_of(
        request(
            SpecificCharacterSet="ISO_IR 192",
            QueryRetrieveLevel="SERIES",
            PatientName="NGUYỄN*",
            StudyInstanceUID=["1.2.3", "1.2.4"],
            PatientID="",
            Rows=512,
            SeriesNumber="",
            RequestAttributesSequence=Sequence([step]),
            ProcedureCodeSequence=Sequence([]),
            RetrieveAETitle="",
        ),
        syntax,
    )

    identifier = parse_identifier(data, syntax)

    assert identifier.level is Level.SERIES
    assert dict(identifier.keys) == {
        "PatientName": ("NGUYỄN*",),
        "StudyInstanceUID": ("1.2.3", "1.2.4"),
        "PatientID": (),
        "Rows": ("512",),
        "SeriesNumber": (),
        STEP: ("S*",),
        "ProcedureCodeSequence": (),
    }
    assert identifier.unknown == ()
    assert identifier.character_set == "ISO_IR 192"


def test_keys_are_decoded_by_the_character_set_of_the_request() -> None:
    latin = bytes_of(request(SpecificCharacterSet="ISO_IR 100", PatientName="Jérôme"))
    unicode = bytes_of(request(SpecificCharacterSet="ISO_IR 192", PatientName="Nguyễn")).replace(b"IR 192", b"IR 100")

    assert dict(parse_identifier(latin, ExplicitVRLittleEndian).keys)["PatientName"] == ("Jérôme",)
    assert dict(parse_identifier(unicode, ExplicitVRLittleEndian).keys)["PatientName"] == ("Nguyễn",)


@pytest.mark.parametrize(
    ("items", "paths"),
    [
        ([], {"RequestAttributesSequence"}),
        ([{}], {"RequestAttributesSequence"}),
        ([{"RequestedProcedureID": ""}], {REQUESTED}),
    ],
)
def test_an_empty_sequence_asks_for_all_it_may_hold(items: list[dict[str, str]], paths: set[str]) -> None:
    sequence = Sequence()
    for keys in items:
        sequence.append(Dataset())
        for keyword, value in keys.items():
            setattr(sequence[-1], keyword, value)

    identifier = parse_identifier(bytes_of(request(RequestAttributesSequence=sequence)), ExplicitVRLittleEndian)

    assert dict(identifier.keys) == dict.fromkeys(paths, ())


def test_unknown_keys_are_told_and_private_ones_with_their_creator() -> None:
    ds = request()
    ds.add_new(0x00090010, "LO", "ACME 1")
    ds.add_new(0x00091001, "LO", "x")
    ds.add_new(0x00101060, "PN", "maiden^name")

    identifier = parse_identifier(bytes_of(ds), ExplicitVRLittleEndian)
    encode = identifier_encoder(
        STUDY[:1],
        explicit=True,
        level=Level.STUDY,
        retrieve_ae_title="PACS",
        unknown=identifier.unknown,
        creators=identifier.creators,
    )
    answer = read(encode(("A",)), explicit=True)

    assert identifier.unknown == (0x00091001, 0x00101060)
    assert answer[0x00090010].value == "ACME 1"
    assert not answer[0x00091001].value
    assert not answer[0x00101060].value


def test_members_that_are_not_indexed_are_told() -> None:
    item = Dataset()
    item.ScheduledProcedureStepLocation = "ROOM 1"

    asked = parse_identifier(bytes_of(request(RequestAttributesSequence=Sequence([item]))), ExplicitVRLittleEndian)

    assert asked.is_beyond
    assert not asked.keys


@pytest.mark.parametrize("level", ["", "study ", "PATIENTS", None])
def test_a_level_that_is_none_is_refused(level: str | None) -> None:
    element = b"" if level is None else struct.pack("<HH2sH", 0x0008, 0x0052, b"CS", len(level)) + level.encode()

    with pytest.raises(InvalidQuery, match="QueryRetrieveLevel"):
        parse_identifier(element + struct.pack("<HH2sH", 0x0010, 0x0010, b"PN", 0), ExplicitVRLittleEndian)


def deep() -> bytes:
    start = struct.pack("<HH2sHIHHI", 0x32, 0x1064, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    return bytes_of(request()) + start * 5_000


@pytest.mark.parametrize(
    "data",
    [
        bytes_of(request(PatientName="x" * 50))[:-10],
        bytes_of(request(PatientName="x" * 50)) + b"\0",
        deep(),
        bytes(MAX_IDENTIFIER + 2),
        b"nonsense" * 100,
        bytes_of(request(RequestAttributesSequence=Sequence([Dataset(), Dataset()]))),
    ],
    ids=["cut off", "a byte too many", "deep", "huge", "nonsense", "two items"],
)
def test_what_is_no_identifier_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidQuery):
        parse_identifier(data, ExplicitVRLittleEndian)


def test_ten_thousand_uids_are_a_list() -> None:
    uids = [f"1.2.826.0.1.3680043.10.{number}" for number in range(10_000)]
    data = bytes_of(request(StudyInstanceUID=uids), ImplicitVRLittleEndian)

    assert dict(parse_identifier(data, ImplicitVRLittleEndian).keys)["StudyInstanceUID"] == tuple(uids)


@pytest.mark.parametrize("explicit", [True, False])
def test_an_answer_has_what_was_asked_for_and_what_always_stands(explicit: bool) -> None:
    encode = identifier_encoder(
        STUDY,
        explicit=explicit,
        level=Level.STUDY,
        retrieve_ae_title="PACS",
        unknown=(0x00081032, 0x00101000, 0x00091001),
    )

    ds = read(encode(ROW), explicit)

    assert list(ds.keys()) == sorted(ds.keys())
    assert ds.SpecificCharacterSet == "ISO_IR 192"
    assert (ds.QueryRetrieveLevel, ds.RetrieveAETitle, ds.InstanceAvailability) == ("STUDY", "PACS", "ONLINE")
    assert ds.PatientName == "NGUYỄN^THỊ ÁNH ĐÀO"
    assert ds.ModalitiesInStudy == ["CT", "SR"]
    assert ds.SOPClassesInStudy == ["1.2", "1.4"]
    assert ds.NumberOfStudyRelatedInstances == 250
    assert not ds.ProcedureCodeSequence
    assert not ds.OtherPatientIDs
    assert not ds[0x00091001].value


def test_an_answer_in_ascii_needs_no_character_set_and_empty_values_are_there() -> None:
    encode = identifier_encoder(STUDY, explicit=True, level=Level.STUDY, retrieve_ae_title="PACS")

    ds = read(encode(("", "1.2.3", "", "", "", None, "")), explicit=True)

    assert "SpecificCharacterSet" not in ds
    assert all(attribute.tag in ds for attribute in STUDY)
    assert not ds.PatientName
    assert ds.NumberOfStudyRelatedInstances is None


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize(
    ("value", "items"),
    [
        ('[{"ScheduledProcedureStepID":"S1","RequestedProcedureID":"RP1","AccessionNumber":"A"}]', [("S1", "RP1")]),
        ('[{"RequestedProcedureID":"RP1"},{"ScheduledProcedureStepID":"S2"}]', [("", "RP1"), ("S2", "")]),
        ('[{"AccessionNumber":"A"}]', []),
        ("", []),
    ],
)
def test_a_sequence_has_the_members_that_were_asked_for(
    explicit: bool, value: str, items: list[tuple[str, str]]
) -> None:
    sequence = replace(
        BY_PATH["RequestAttributesSequence"], members=("ScheduledProcedureStepID", "RequestedProcedureID")
    )
    encode = identifier_encoder(
        [sequence, BY_PATH["Modality"]], explicit=explicit, level=Level.SERIES, retrieve_ae_title="PACS"
    )

    ds = read(encode((value, "CT")), explicit)

    found = [
        (item.ScheduledProcedureStepID or "", item.RequestedProcedureID or "") for item in ds.RequestAttributesSequence
    ]
    assert found == items
    assert all(len(item) == 2 for item in ds.RequestAttributesSequence)


@pytest.mark.parametrize(
    ("character_set", "declared", "name"),
    [
        ("", "ISO_IR 192", "NGUYỄN^THỊ ÁNH ĐÀO"),
        ("ISO_IR 192", "ISO_IR 192", "NGUYỄN^THỊ ÁNH ĐÀO"),
        ("GB18030", "GB18030", "NGUYỄN^THỊ ÁNH ĐÀO"),
        ("ISO_IR 100", "ISO_IR 100", "NGUYEN^THI ANH DAO"),
        ("ISO_IR 6", "ISO_IR 6", "NGUYEN^THI ANH DAO"),
        ("NO SUCH SET", "ISO_IR 192", "NGUYỄN^THỊ ÁNH ĐÀO"),
    ],
)
def test_a_peer_gets_the_letters_it_can_read(character_set: str, declared: str, name: str) -> None:
    encode = identifier_encoder(
        STUDY[:1], explicit=True, level=Level.STUDY, retrieve_ae_title="PACS", character_set=character_set
    )

    ds = read(encode(ROW[:1]), explicit=True)

    assert ds.SpecificCharacterSet == declared
    assert str(ds.PatientName) == name


def test_what_a_peer_cannot_read_at_all_comes_in_unicode_and_never_as_question_marks() -> None:
    encode = identifier_encoder(
        STUDY[:1], explicit=True, level=Level.STUDY, retrieve_ae_title="PACS", character_set="ISO_IR 100"
    )

    data = encode(("Yamada^Tarou=山田^太郎",))

    assert b"?" not in data
    assert str(read(data, explicit=True).PatientName) == "Yamada^Tarou=山田^太郎"


@pytest.mark.parametrize(
    ("asked_in", "name", "declared"),
    [
        ("ISO_IR 100", "Müller^Jürgen", "ISO_IR 100"),
        ("ISO_IR 100", "NGUYỄN^THỊ ÁNH ĐÀO", "ISO_IR 192"),
        ("ISO_IR 144", "Люкceмбypг", "ISO_IR 144"),
        ("ISO_IR 192", "Müller^Jürgen", "ISO_IR 192"),
        ("ISO 2022 IR 6\\ISO 2022 IR 87", "山田^太郎", "ISO_IR 192"),
        ("NO SUCH SET", "Müller^Jürgen", "ISO_IR 192"),
        ("ISO_IR 100", "MULLER", None),
    ],
)
def test_an_answer_is_in_the_set_of_the_question_where_that_has_its_letters(
    asked_in: str, name: str, declared: str | None
) -> None:
    encode = identifier_encoder(
        STUDY[:1], explicit=True, level=Level.STUDY, retrieve_ae_title="PACS", asked_in=asked_in
    )

    ds = read(encode((name,)), explicit=True)

    assert ds.get("SpecificCharacterSet") == declared
    assert str(ds.PatientName) == name


@settings(max_examples=100, deadline=None)
@given(data=st.data(), explicit=st.booleans())
def test_whatever_is_kept_comes_out_as_it_is(data: st.DataObject, explicit: bool) -> None:
    attributes = data.draw(
        st.lists(
            st.sampled_from([a for a in ATTRIBUTES if not a.members and a.tag not in NO_KEYS]), unique=True, max_size=12
        )
    )
    row = [data.draw(value_of(attribute)) for attribute in attributes]

    answer = identifier_encoder(attributes, explicit=explicit, level=Level.IMAGE, retrieve_ae_title="PACS")(row)
    keys = dict(parse_identifier(answer, ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian).keys)

    assert keys == {
        attribute.path: () if value in (None, "") else (str(value),)
        for attribute, value in zip(attributes, row, strict=True)
    }


def value_of(attribute: Attribute) -> st.SearchStrategy[str | int | None]:
    if attribute.vr in ("US", "IS"):
        return st.none() | st.integers(0, 65535)
    letters = st.characters(categories=["Lu", "Ll", "Lo", "Nd"], max_codepoint=0xFFFF)
    return st.text(letters, max_size=12).map(lambda text: unicodedata.normalize("NFC", text))


def test_a_value_that_no_length_can_hold_is_cut() -> None:
    encode = identifier_encoder(
        [BY_PATH["PatientComments"]], explicit=True, level=Level.PATIENT, retrieve_ae_title="PACS"
    )

    assert len(read(encode(("x" * 70_000,)), explicit=True).PatientComments) == 10_240
