"""Attributes out of a data set by paths into its sequences."""

from typing import Any

import pytest

from pacs.dicom.json_paths import Path, picked

CT, MR = {"00080060": {"vr": "CS", "Value": ["CT"]}}, {"00080060": {"vr": "CS", "Value": ["MR"]}}
DATA_SET: dict[str, Any] = {
    "00080060": {"vr": "CS", "Value": ["CT"]},
    "00090011": {"vr": "LO", "Value": ["ACME"]},
    "00091101": {"vr": "LO", "Value": ["x"]},
    "00400275": {"vr": "SQ", "Value": [{**CT, "00400009": {"vr": "SH", "Value": ["S1"]}}, MR, {}]},
    "00400555": {"vr": "SQ"},
}
SEQUENCE, MODALITY, STEP_ID = (0x00400275, ""), (0x00080060, ""), (0x00400009, "")


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], {}),
        ([((0x00100010, ""),)], {}),
        ([(MODALITY,)], CT),
        ([(SEQUENCE, MODALITY)], {"00400275": {"vr": "SQ", "Value": [CT, MR, {}]}}),
        ([(SEQUENCE, MODALITY), (SEQUENCE, STEP_ID)], {"00400275": DATA_SET["00400275"]}),
        ([(SEQUENCE, STEP_ID), (SEQUENCE,)], {"00400275": DATA_SET["00400275"]}),
        ([((0x00400555, ""), MODALITY)], {"00400555": {"vr": "SQ"}}),
        ([(MODALITY, STEP_ID)], {}),
        ([((0x00093301, "ACME"),)], {"00090033": {"vr": "LO", "Value": ["ACME"]}, "00093301": DATA_SET["00091101"]}),
        ([((0x00091101, "OTHER"),)], {}),
    ],
)
def test_what_is_named_is_picked(paths: list[Path], expected: dict[str, Any]) -> None:
    assert picked(DATA_SET, paths) == expected
