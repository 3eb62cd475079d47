"""Makers of workitems, as a RIS would send them."""

from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

from tests.make import make_uid

Json = dict[str, Any]

AE = "WATCHER"
PERFORMED = {
    "PerformedStationNameCodeSequence": [{"CodeValue": "AI1", "CodingSchemeDesignator": "L", "CodeMeaning": "AI 1"}],
    "PerformedProcedureStepStartDateTime": "20261124081000",
    "PerformedWorkitemCodeSequence": [
        {"CodeValue": "110004", "CodingSchemeDesignator": "DCM", "CodeMeaning": "Computer Aided Diagnosis"}
    ],
    "PerformedProcedureStepEndDateTime": "20261124081500",
    "OutputInformationSequence": [],
}
"""What was performed, as must be said before a workitem is COMPLETED."""


def data_set(**attributes: Any) -> Json:
    """A data set in the DICOM JSON Model: a list of dictionaries is a sequence, another has several values,
    None is empty."""
    return {tag_of(keyword): _element(keyword, value) for keyword, value in attributes.items()}


def make_workitem(**attributes: Any) -> Json:
    """One that lacks nothing that must have a value; keywords override, None leaves the attribute empty."""
    usual: dict[str, Any] = {
        "ProcedureStepState": "SCHEDULED",
        "ScheduledProcedureStepPriority": "MEDIUM",
        "ProcedureStepLabel": "Read CT chest",
        "ScheduledProcedureStepStartDateTime": "20261124080000",
        "InputReadinessState": "READY",
        "StudyInstanceUID": make_uid(7),
        "PatientName": "NGUYỄN^THỊ ÁNH ĐÀO",
        "PatientID": "0004123456",
        "ScheduledStationNameCodeSequence": [
            {"CodeValue": "AI1", "CodingSchemeDesignator": "L", "CodeMeaning": "Reader one"}
        ],
        "CommentsOnTheScheduledProcedureStep": None,
    }
    return data_set(**(usual | attributes))


def change_of_state(state: str, transaction_uid: str = "") -> Json:
    """What is sent to claim it, to end it, or to give it up."""
    return data_set(ProcedureStepState=state, TransactionUID=transaction_uid or None)


def tag_of(keyword: str) -> str:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return f"{tag:08X}"


def value_of(dataset: Json, path: str) -> Any:
    """The first value of an attribute, or of one in the first item of a sequence; None without any."""
    first, _, rest = path.partition(".")
    values = dataset.get(tag_of(first), {}).get("Value", [None])
    return value_of(values[0] or {}, rest) if rest else values[0]


def _element(keyword: str, value: Any) -> Json:
    vr = dictionary_VR(keyword)
    if value is None or value == []:
        return {"vr": vr}
    if vr == "SQ":
        return {"vr": vr, "Value": [data_set(**item) for item in value]}
    values = value if isinstance(value, list) else [value]
    return {"vr": vr, "Value": [{"Alphabetic": one} if vr == "PN" else one for one in values]}
