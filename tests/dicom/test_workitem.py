"""Whatever is sent as a workitem is taken or refused in words, and what was taken can be told and searched."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pacs.dicom import workitem as rules
from pacs.dicom import workitem_event as events
from pacs.dicom.dicomxml import json_to_xml, xml_to_json
from pacs.dicom.json_data_set import data_set_of
from pacs.dicom.json_matching import is_answer, parse_search, selected
from pacs.errors import PacsError
from tests.workitem import PERFORMED, Json, data_set, make_workitem, tag_of

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
KEYWORDS = (
    *("ProcedureStepLabel", "PatientName", "ScheduledProcedureStepStartDateTime", "InstanceNumber", "PixelSpacing"),
    *("InputInformationSequence", "ProcedureStepProgressInformationSequence", "ScheduledHumanPerformersSequence"),
    *("ProcedureStepProgress", "ReasonForCancellation", "StudyInstanceUID", "HumanPerformerCodeSequence", "Rows"),
    *("UnifiedProcedureStepPerformedProcedureSequence", "InputReadinessState", "PixelData", "FrameIncrementPointer"),
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1.2", "7"])
TAGS = st.sampled_from([tag_of(keyword) for keyword in KEYWORDS]) | st.sampled_from(["00091001", "00000000", "x"])


def _elements(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(values, max_size=3) | values
    return st.dictionaries(st.sampled_from(["vr", "Value", "InlineBinary", "Alphabetic"]), some, max_size=3)


DATA_SETS = st.recursive(
    SCALARS, lambda inner: st.dictionaries(TAGS, _elements(inner) | inner, max_size=4), max_leaves=12
)


@given(DATA_SETS, st.sampled_from(rules.STATES))
@settings(max_examples=300, deadline=None)
def test_what_is_sent_is_taken_or_refused_in_words(sent: Any, state: str) -> None:
    kept, _ = rules.created(data_set_of(make_workitem()), "1.2", NOW)
    with suppress(PacsError):
        asked = data_set_of(sent)
        changed = rules.updated(kept, asked, NOW)
        told = [*events.changes_to_tell(kept, changed), events.cancel_requested(changed, "RIS", asked)]
        told += [events.state_report(changed), events.assigned(changed), rules.with_reasons(changed, asked)]
        with suppress(PacsError):
            changed = rules.with_state(changed, state, NOW)
        for one in (changed, *told):
            assert json.loads(json.dumps(one, ensure_ascii=False).encode()) == one
        json_to_xml(changed)
        rules.studies_of(changed)


@given(st.sampled_from(KEYWORDS), st.text(max_size=12), DATA_SETS)
@settings(max_examples=300, deadline=None)
def test_whatever_is_asked_is_answered_or_refused_in_words(keyword: str, value: str, sent: Any) -> None:
    with suppress(PacsError):
        dataset = data_set_of(sent)
        for path in (keyword, f"InputInformationSequence.{keyword}"):
            with suppress(PacsError):
                asked = parse_search([(path, value), ("fuzzymatching", "true"), ("emptyvaluematching", "true")])
                is_answer(asked, dataset)
                selected(dataset, rules.RETURNED, asked)


def test_a_workitem_is_the_same_in_json_and_in_xml() -> None:
    workitem: Json = make_workitem(
        UnifiedProcedureStepPerformedProcedureSequence=[PERFORMED],
        ProcedureStepProgressInformationSequence=[{"ProcedureStepProgress": 40.5}],
    )
    assert data_set_of(xml_to_json(json_to_xml(workitem))) == data_set_of([workitem])


def test_an_update_of_what_is_scheduled_is_dated_and_one_of_progress_is_not() -> None:
    kept, _ = rules.created(data_set_of(make_workitem()), "1.2", NOW)
    later = NOW.replace(hour=9)
    told = rules.updated(kept, data_set(ProcedureStepProgressInformationSequence=[{"ProcedureStepProgress": 4}]), later)
    moved = rules.updated(kept, data_set(ScheduledProcedureStepStartDateTime="20261125"), later)
    assert (told[rules.MODIFIED], moved[rules.MODIFIED]) == (
        kept[rules.MODIFIED],
        {"vr": "DT", "Value": ["20261124090000.000000+0000"]},
    )
