"""The DICOM JSON Model: answers, and the metadata of whole data sets."""

import base64
import io
import json
import struct
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs.dicom.attributes import BY_PATH
from pacs.dicom.dicomjson import LONGEST_INLINE, dataset_to_json, json_encoder
from tests.conftest import manifest
from tests.make import data_set_bytes, make_ct, part10

STEP = "RequestAttributesSequence.ScheduledProcedureStepID"
REQUESTED = "RequestAttributesSequence.RequestedProcedureID"


def answer(values: dict[str, str | int | None], **more: Any) -> dict[str, Any]:
    """One QIDO answer, parsed."""
    encode = json_encoder([BY_PATH[path] for path in values], retrieve_url=lambda row: "/studies/1", **more)
    parsed = json.loads(encode(tuple(values.values())))
    assert list(parsed) == sorted(parsed)
    assert isinstance(parsed, dict)
    return parsed


def metadata(ds: Dataset) -> dict[str, Any]:
    """Of an instance that was written and read again."""
    syntax = ds.file_meta.TransferSyntaxUID
    read = read_dataset(io.BytesIO(data_set_bytes(ds)), syntax.is_implicit_VR, syntax.is_little_endian)
    return json_of(read)


def json_of(ds: Dataset) -> dict[str, Any]:
    found = dataset_to_json(ds, lambda path: f"bulk/{path}")
    json.dumps(found, allow_nan=False)
    return found


@pytest.mark.parametrize(
    ("path", "value", "member"),
    [
        ("PatientName", "NGUYỄN^THỊ ÁNH ĐÀO", {"vr": "PN", "Value": [{"Alphabetic": "NGUYỄN^THỊ ÁNH ĐÀO"}]}),
        (
            "PatientName",
            "A^B=山田=やまだ",
            {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Ideographic": "山田", "Phonetic": "やまだ"}]},
        ),
        ("PatientName", "=山田", {"vr": "PN", "Value": [{"Ideographic": "山田"}]}),
        ("OperatorsName", "A\\B", {"vr": "PN", "Value": [{"Alphabetic": "A"}, {"Alphabetic": "B"}]}),
        ("PatientName", "", {"vr": "PN"}),
        ("InstanceNumber", 7, {"vr": "IS", "Value": [7]}),
        ("InstanceNumber", 0, {"vr": "IS", "Value": [0]}),
        ("InstanceNumber", None, {"vr": "IS"}),
        ("NumberOfStudyRelatedInstances", 250, {"vr": "IS", "Value": [250]}),
        ("Rows", 512, {"vr": "US", "Value": [512]}),
        ("PatientWeight", "61.5", {"vr": "DS", "Value": [61.5]}),
        ("PatientWeight", "+061.50", {"vr": "DS", "Value": [61.5]}),
        ("PatientWeight", "6e1", {"vr": "DS", "Value": [60.0]}),
        ("PatientWeight", "heavy", {"vr": "DS", "Value": ["heavy"]}),
        ("PatientWeight", "nan", {"vr": "DS", "Value": ["nan"]}),
        ("ModalitiesInStudy", "CT\\SR", {"vr": "CS", "Value": ["CT", "SR"]}),
        ("ImageType", "ORIGINAL\\\\AXIAL", {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]}),
        ("SOPClassesInStudy", "1.2\\1.3", {"vr": "UI", "Value": ["1.2", "1.3"]}),
        ("PatientComments", 'a\\b "c"\r\n\t\x1f', {"vr": "LT", "Value": ['a\\b "c"\r\n\t\x1f']}),
        ("StudyDate", "20261124", {"vr": "DA", "Value": ["20261124"]}),
        ("StudyDescription", "</script>\u2028", {"vr": "LO", "Value": ["</script>\u2028"]}),
    ],
)
def test_a_value_is_written_as_its_vr_asks(path: str, value: str | int | None, member: dict[str, Any]) -> None:
    assert answer({path: value})[f"{BY_PATH[path].tag:08X}"] == member


def test_an_answer_says_where_and_that_it_is_there() -> None:
    found = answer({"StudyInstanceUID": "1.2.3"}, empty=(0x00081032, 0x00101000))

    assert found == {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00081032": {"vr": "SQ"},
        "00081190": {"vr": "UR", "Value": ["/studies/1"]},
        "00101000": {"vr": "LO"},
        "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
    }


def test_a_sequence_has_its_items() -> None:
    kept = '[{"CodeValue":"CT1","CodeMeaning":"CT NGỰC"},{"CodeValue":"CT2"}]'
    assert answer({"ProcedureCodeSequence": kept})["00081032"] == {
        "vr": "SQ",
        "Value": [
            {
                "00080100": {"vr": "SH", "Value": ["CT1"]},
                "00080102": {"vr": "SH"},
                "00080104": {"vr": "LO", "Value": ["CT NGỰC"]},
            },
            {"00080100": {"vr": "SH", "Value": ["CT2"]}, "00080102": {"vr": "SH"}, "00080104": {"vr": "LO"}},
        ],
    }
    assert answer({"ProcedureCodeSequence": ""})["00081032"] == {"vr": "SQ"}


def everything() -> dict[str, Any]:
    """Attributes of every kind of value."""
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "T-1", "NGỰC"
    return {
        "ImageType": ["ORIGINAL", "", "AXIAL"],
        "ImagePositionPatient": [1, -2.5, 0],
        "FrameIncrementPointer": [0x00181063, 0x00181065],
        "RecommendedDisplayFrameRateInFloat": 12.5,
        "DiffusionBValue": float("nan"),
        "ReferencePixelX0": -70000,
        "TagAngleSecondAxis": -5,
        "SelectorULValue": [1, 2**31],
        "FileOffsetInContainer": 2**53,
        "SelectorSVValue": [-1, -(2**60)],
        "PatientComments": "a\\b",
        "PixelDataProviderURL": "http://x/y?z",
        "ICCProfile": b"\1\2\3\4",
        "ProcedureCodeSequence": [item, Dataset()],
        "ReferencedStudySequence": [],
        "PatientBirthDate": "",
        "SmallestImagePixelValue": -3,
    }


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_metadata_has_every_kind_of_value(syntax: str) -> None:
    found = metadata(make_ct(transfer_syntax_uid=syntax, **everything()))

    assert found["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert found["00080008"] == {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]}
    assert found["00200032"] == {"vr": "DS", "Value": [1, -2.5, 0]}
    assert found["00280009"] == {"vr": "AT", "Value": ["00181063", "00181065"]}
    assert found["00089459"] == {"vr": "FL", "Value": [12.5]}
    assert found["00189087"] == {"vr": "FD", "Value": ["nan"]}
    assert found["00186020"] == {"vr": "SL", "Value": [-70000]}
    assert found["00720078"] == {"vr": "UL", "Value": [1, 2**31]}
    assert found["00720082"] == {"vr": "SV", "Value": [-1, str(-(2**60))]}
    assert found["00104000"] == {"vr": "LT", "Value": ["a\\b"]}
    assert found["00287FE0"] == {"vr": "UR", "Value": ["http://x/y?z"]}
    assert found["00282000"] == {"vr": "OB", "InlineBinary": base64.b64encode(b"\1\2\3\4").decode()}
    assert found["00081032"]["Value"] == [
        {"00080100": {"vr": "SH", "Value": ["T-1"]}, "00080104": {"vr": "LO", "Value": ["NGỰC"]}},
        {},
    ]
    assert found["00081110"] == {"vr": "SQ"}
    assert found["00100030"] == {"vr": "DA"}
    assert found["00280106"] == {"vr": "SS", "Value": [-3]}
    assert found["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "NGUYỄN^THỊ ÁNH ĐÀO"}]}
    assert found["7FE00010"] == {"vr": "OW", "BulkDataURI": "bulk/7FE00010"}


def test_long_binary_values_are_elsewhere_and_say_where() -> None:
    overlay = Dataset()
    overlay.EncapsulatedDocument = bytes(LONGEST_INLINE + 2)
    ds = make_ct(ICCProfile=bytes(LONGEST_INLINE + 2), ReferencedImageSequence=[Dataset(), overlay])

    found = metadata(ds)

    assert found["00282000"] == {"vr": "OB", "BulkDataURI": "bulk/00282000"}
    assert found["00081140"]["Value"][1]["00420011"] == {"vr": "OB", "BulkDataURI": "bulk/00081140/2/00420011"}


def test_words_come_in_little_endian() -> None:
    table = struct.pack(">4H", 1, 2, 3, 4)
    ds = make_ct(transfer_syntax_uid=ExplicitVRBigEndian, RedPaletteColorLookupTableData=table)

    assert metadata(ds)["00281201"]["InlineBinary"] == base64.b64encode(struct.pack("<4H", 1, 2, 3, 4)).decode()


def test_what_pydicom_left_in_the_file_is_elsewhere() -> None:
    file = part10(make_ct(ICCProfile=bytes(5000), PatientComments="x" * 5000))

    found = json_of(pydicom.dcmread(file, defer_size=4096, stop_before_pixels=True))

    assert found["00282000"] == {"vr": "OB", "BulkDataURI": "bulk/00282000"}
    assert found["00104000"] == {"vr": "LT", "BulkDataURI": "bulk/00104000"}
    assert "00020010" not in found


def test_a_data_set_that_was_made_and_not_read_is_written_too() -> None:
    found = json_of(make_ct(PixelData=None))

    assert found["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "NGUYỄN^THỊ ÁNH ĐÀO"}]}
    assert found["00280010"] == {"vr": "US", "Value": [8]}


@pytest.mark.parametrize(
    ("vr", "value", "member"),
    [
        (b"DS", b"abc ", {"vr": "DS", "Value": ["abc"]}),
        (b"IS", b"1A", {"vr": "IS", "Value": ["1A"]}),
        (b"IS", b"1_0 ", {"vr": "IS", "Value": ["1_0"]}),
        (b"US", b"abc ", {"vr": "US", "Value": [0x6261, 0x2063]}),
        (b"FD", b"abcd", {"vr": "FD"}),
        (b"AT", b"ab", {"vr": "AT"}),
        (b"LO", b"\xff\xfe", {"vr": "LO", "Value": ["ÿþ"]}),
        (b"LO", b"\\\\", {"vr": "LO"}),
        (b"ZZ", b"abcd", {"vr": "UN", "InlineBinary": "YWJjZA=="}),
    ],
)
def test_a_broken_value_does_no_harm(vr: bytes, value: bytes, member: dict[str, Any]) -> None:
    data = struct.pack("<HH2sH", 0x0009, 0x1001, vr, len(value)) + value

    assert json_of(read_dataset(io.BytesIO(data), False, True))["00091001"] == member


def test_utf8_under_a_wrong_name_and_sets_of_items_are_read_as_they_are() -> None:
    name = "NGUYỄN^AN ".encode()
    data = struct.pack("<HH2sH", 0x0008, 0x0005, b"CS", 10) + b"ISO_IR 100"
    data += struct.pack("<HH2sH", 0x0010, 0x0010, b"PN", len(name)) + name
    inside = struct.pack("<HH2sH", 0x0008, 0x0005, b"CS", 10) + b"ISO_IR 144"
    inside += struct.pack("<HH2sH", 0x0008, 0x0104, b"LO", 2) + b"\xbb\xee"
    data += struct.pack("<HH2sHI", 0x0040, 0x0260, b"SQ", 0, len(inside) + 8)
    data += struct.pack("<HHI", 0xFFFE, 0xE000, len(inside)) + inside

    found = json_of(read_dataset(io.BytesIO(data), False, True))

    assert found["00100010"]["Value"] == [{"Alphabetic": "NGUYỄN^AN"}]
    assert found["00400260"]["Value"][0]["00080104"]["Value"] == ["Лю"]
    assert found["00400260"]["Value"][0]["00080005"]["Value"] == ["ISO_IR 192"]


TO_US_ALONE = {
    ("broken/pydicom__badVR.dcm", "00280008"),  # "1A" is a string, and no number
    ("modality/sr-dose/openREM__CT-RDSR-Toshiba_MultiValSD.dcm", "0040A730"),  # pydicom gives up on an item of it
}
"""What pydicom has no word for."""


def test_the_corpus_says_to_us_what_it_says_to_pydicom(corpus: Path) -> None:
    different = []
    for row in manifest(expected="stores"):
        if "no study" in row["expected"] or "series/" in row["path"]:
            continue
        with warnings.catch_warnings(action="ignore"):
            ds = pydicom.dcmread(corpus / row["path"], force=True, stop_before_pixels=True)
            ours, theirs = json_of(ds), by_pydicom(ds)
        assert {"00080016", "00080018", "0020000D"} <= ours.keys(), row["path"]
        tags = {tag for tag in ours.keys() | theirs.keys() if (row["path"], tag) not in TO_US_ALONE}
        different += [(row["path"], tag) for tag in tags if plain(ours.get(tag), tag) != plain(theirs.get(tag), tag)]

    assert different == []


def by_pydicom(ds: Dataset) -> dict[str, Any]:
    tags = [int(tag) for tag in ds.keys() if tag.element and tag.group > 2]  # noqa: SIM118
    found = {}
    for tag in tags:
        with suppress(Exception):  # what is no number to pydicom
            found[f"{tag:08X}"] = ds[tag].to_json_dict(None, LONGEST_INLINE)
    return found


def plain(element: Any, tag: str) -> Any:
    """What is said, however it is spelled: 1 and 1.0, "a " and "a", no value and an empty one."""
    if element is None or "InlineBinary" in element or "BulkDataURI" in element or tag == "00080005":
        return None
    if tag.endswith("0000"):
        return None  # a group length, which is none of the model
    if int(tag[3], 16) & 1 and int(tag[4:], 16) > 0xFF:
        return None  # pydicom has private dictionaries, and gives a VR to what came without one
    if element["vr"] == "SQ":
        items = element.get("Value", [])
        return [{key: plain(one, key) for key, one in item.items() if plain(one, key)} for item in items]
    values = [plain_value(value) for value in element.get("Value", [])]
    return element["vr"], values if any(value is not None for value in values) else []


def plain_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {group: text for group, text in value.items() if text} or None
    if isinstance(value, str):
        return value.rstrip(" ") or None
    return str(value) if isinstance(value, int) and abs(value) > 1 << 53 else value
