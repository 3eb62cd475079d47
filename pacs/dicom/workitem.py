"""Unified procedure steps: what one must say, how its state may change, and what is told of that (PS3.4 Annex CC).

A workitem is a data set in the DICOM JSON Model.

    SCHEDULED ──> IN PROGRESS ──> COMPLETED
                       └────────> CANCELED

Who performs it made up the Transaction UID with which it became IN PROGRESS, and from then on only he may change it.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from pacs.dicom.dicomjson import Json, dictionary_vr
from pacs.dicom.json_data_set import code, date_time, element, named, sequence
from pacs.dicom.json_matching import items_of, tag_of, text_of
from pacs.dicom.part10 import UID
from pacs.errors import InvalidInstance, InvalidQuery, NotInThisState, StateConflict

SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED = "SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"
STATES = (SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED)
FINAL = (COMPLETED, CANCELED)

UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
"""The SOP class of every workitem, whoever made it (PS3.4 CC.3.1)."""
WORKLIST = "1.2.840.10008.5.1.4.34.5"
"""The well-known UID of all workitems, for a subscription."""
FILTERED_WORKLIST = "1.2.840.10008.5.1.4.34.5.1"
"""That of those which fit a filter."""
DEFAULT_WORKLIST_LABEL = "WORKLIST"

MISSING_TRANSACTION_UID = "The Transaction UID is missing."
WRONG_TRANSACTION_UID = "The Transaction UID is incorrect."
NOT_CLAIMED = "The target URI did not reference a claimed Workitem."
INCONSISTENT_UPDATE = "The submitted request is inconsistent with the current state of the Workitem."
INCONSISTENT_STATE = "The submitted request is inconsistent with the state of the UPS Instance."
CREATED_WITH_MODIFICATIONS = "The Workitem was created with modifications."
ALREADY: Mapping[str, str] = {state: f"The UPS is already in the requested state of {state}." for state in FINAL}
"""Sentences of PS3.18 11.4 to 11.8, which clients look for in the Warning header."""


def _tags(keywords: str) -> tuple[str, ...]:
    return tuple(tag_of(keyword) for keyword in keywords.split())


SOP_CLASS_UID, SOP_INSTANCE_UID, TRANSACTION_UID = _tags("SOPClassUID SOPInstanceUID TransactionUID")
SPECIFIC_CHARACTER_SET, STUDY_INSTANCE_UID, STATE = _tags("SpecificCharacterSet StudyInstanceUID ProcedureStepState")
PRIORITY, LABEL, WORKLIST_LABEL = _tags("ScheduledProcedureStepPriority ProcedureStepLabel WorklistLabel")
START, MODIFIED, READINESS = _tags(
    "ScheduledProcedureStepStartDateTime ScheduledProcedureStepModificationDateTime InputReadinessState"
)
PROGRESS_SEQUENCE, PROGRESS, PROGRESS_DESCRIPTION = _tags(
    "ProcedureStepProgressInformationSequence ProcedureStepProgress ProcedureStepProgressDescription"
)
CANCELED_AT, REASON, REASON_CODES = _tags(
    "ProcedureStepCancellationDateTime ReasonForCancellation ProcedureStepDiscontinuationReasonCodeSequence"
)
PERFORMED_SEQUENCE, INPUT_SEQUENCE, REQUEST_SEQUENCE = _tags(
    "UnifiedProcedureStepPerformedProcedureSequence InputInformationSequence ReferencedRequestSequence"
)
STATIONS, PERFORMERS = _tags("ScheduledStationNameCodeSequence ScheduledHumanPerformersSequence")

ENUMERATED: Mapping[str, frozenset[str]] = {
    PRIORITY: frozenset(("HIGH", "MEDIUM", "LOW")),
    READINESS: frozenset(("INCOMPLETE", "UNAVAILABLE", "READY")),
}
REQUIRED = (PRIORITY, LABEL, START, READINESS, STATE)
"""Type 1 when it is created (PS3.4 Table CC.2.5-3)."""
PRESENT = _tags(
    "ScheduledProcessingParametersSequence ScheduledStationNameCodeSequence "
    "ScheduledStationClassCodeSequence ScheduledStationGeographicLocationCodeSequence ScheduledWorkitemCodeSequence "
    "CommentsOnTheScheduledProcedureStep InputInformationSequence PatientName PatientID IssuerOfPatientID "
    "OtherPatientIDsSequence PatientBirthDate PatientSex AdmissionID IssuerOfAdmissionIDSequence "
    "AdmittingDiagnosesDescription AdmittingDiagnosesCodeSequence ReferencedRequestSequence "
    "ProcedureStepProgressInformationSequence UnifiedProcedureStepPerformedProcedureSequence"
)
"""Type 2 when it is created: empty where they are missing, and the creator is told so."""
EMPTY_AT_FIRST = (TRANSACTION_UID, PROGRESS_SEQUENCE, PERFORMED_SEQUENCE)
FIXED = _tags(
    "SOPClassUID SOPInstanceUID ProcedureStepState PatientName PatientID IssuerOfPatientID "
    "OtherPatientIDsSequence PatientBirthDate PatientSex AdmissionID IssuerOfAdmissionIDSequence "
    "AdmittingDiagnosesDescription AdmittingDiagnosesCodeSequence ReferencedRequestSequence "
    "ReplacedProcedureStepSequence"
)
"""Not allowed in an update."""
NEVER_EMPTY = (PRIORITY, LABEL, WORKLIST_LABEL, START, READINESS)
SCHEDULED_INFORMATION = frozenset(
    _tags(
        "ScheduledProcedureStepPriority ProcedureStepLabel WorklistLabel ScheduledProcessingParametersSequence "
        "ScheduledStationNameCodeSequence ScheduledStationClassCodeSequence "
        "ScheduledStationGeographicLocationCodeSequence ScheduledHumanPerformersSequence "
        "ScheduledProcedureStepStartDateTime ExpectedCompletionDateTime ScheduledProcedureStepExpirationDateTime "
        "ScheduledWorkitemCodeSequence CommentsOnTheScheduledProcedureStep InputReadinessState "
        "InputInformationSequence StudyInstanceUID"
    )
)
"""A change of these is dated (PS3.3 C.30.2)."""
RETURNED = _tags(
    "SpecificCharacterSet SOPClassUID SOPInstanceUID ScheduledProcedureStepPriority "
    "ScheduledProcedureStepModificationDateTime ProcedureStepLabel WorklistLabel ScheduledStationNameCodeSequence "
    "ScheduledStationClassCodeSequence ScheduledStationGeographicLocationCodeSequence "
    "ScheduledHumanPerformersSequence ScheduledProcedureStepStartDateTime ExpectedCompletionDateTime "
    "ScheduledProcedureStepExpirationDateTime ScheduledWorkitemCodeSequence InputReadinessState StudyInstanceUID "
    "PatientName PatientID IssuerOfPatientID OtherPatientIDsSequence PatientBirthDate PatientSex AdmissionID "
    "IssuerOfAdmissionIDSequence AdmittingDiagnosesDescription AdmittingDiagnosesCodeSequence "
    "ReferencedRequestSequence ReplacedProcedureStepSequence ProcedureStepState "
    "ProcedureStepProgressInformationSequence"
)
"""What a search answers unasked: the return keys of type 1, 1C and 2."""
PERFORMED = _tags(
    "PerformedStationNameCodeSequence PerformedProcedureStepStartDateTime PerformedWorkitemCodeSequence "
    "PerformedProcedureStepEndDateTime"
)
OUTPUT_SEQUENCE = tag_of("OutputInformationSequence")
"""Before COMPLETED the item that tells what was performed must have these; an output may be no instance at all."""
CANCEL_REASONS = _tags(
    "ReasonForCancellation ProcedureStepDiscontinuationReasonCodeSequence ContactURI ContactDisplayName"
)
UNSPECIFIED_REASON = code(
    CodeValue="110513", CodingSchemeDesignator="DCM", CodeMeaning="Discontinued for unspecified reason"
)

_DATE_TIME = re.compile(r"[0-9]{4}(?:[0-9]{2}){0,5}(?:\.[0-9]{1,6})?(?:[+-][0-9]{4})?")
_AE_TITLE = re.compile(r"[ -\[\]-~]{1,16}")
_NOT_IN_AE_TITLE = re.compile(r"[^ -\[\]-~]")


def created(given: Json, uid: str, now: datetime) -> tuple[Json, bool]:
    """A workitem as it is kept when it is new, and whether it is more than was given (PS3.4 CC.2.5).

    Raises InvalidInstance.
    """
    _require(given, REQUIRED)
    if text_of(given[STATE]) != SCHEDULED:
        raise InvalidInstance(f"a Workitem is {SCHEDULED} when it is created")
    if text_of(given.get(SOP_CLASS_UID)) not in ("", UPS_PUSH):
        raise InvalidInstance("the SOP Class UID is not that of a Workitem")
    filled = [tag for tag in EMPTY_AT_FIRST if given.get(tag, {}).get("Value")]
    if filled:
        raise InvalidInstance(f"{named(filled)} shall be empty when a Workitem is created")
    _check_values(given)
    lacking = [tag for tag in PRESENT if tag not in given]
    workitem = {tag: {"vr": dictionary_vr(int(tag, 16))} for tag in lacking} | given
    if not text_of(workitem.get(WORKLIST_LABEL)):
        lacking.append(WORKLIST_LABEL)
        workitem[WORKLIST_LABEL] = element(WORKLIST_LABEL, DEFAULT_WORKLIST_LABEL)
    workitem[SPECIFIC_CHARACTER_SET] = element(SPECIFIC_CHARACTER_SET, "ISO_IR 192")
    workitem[SOP_CLASS_UID] = element(SOP_CLASS_UID, UPS_PUSH)
    workitem[SOP_INSTANCE_UID] = element(SOP_INSTANCE_UID, uid)
    workitem[MODIFIED] = element(MODIFIED, date_time(now))
    workitem.pop(TRANSACTION_UID, None)  # it is kept apart, and told to nobody
    return dict(sorted(workitem.items())), bool(lacking)


def updated(kept: Json, given: Json, now: datetime) -> Json:
    """A workitem with the attributes of an update in place of its own (PS3.4 CC.2.6). Raises InvalidInstance."""
    same = {tag for tag in (SOP_CLASS_UID, SOP_INSTANCE_UID) if text_of(given.get(tag)) == text_of(kept[tag])}
    fixed = [tag for tag in FIXED if tag in given and tag not in same]
    if fixed:
        raise InvalidInstance(f"{named(fixed)} cannot be changed")
    emptied = [tag for tag in NEVER_EMPTY if tag in given and not text_of(given[tag])]
    if emptied:
        raise InvalidInstance(f"{named(emptied)} cannot be emptied")
    _check_values(given)
    changes = {tag: one for tag, one in given.items() if tag not in (TRANSACTION_UID, SPECIFIC_CHARACTER_SET, MODIFIED)}
    workitem = kept | changes
    if any(kept.get(tag) != workitem[tag] for tag in changes.keys() & SCHEDULED_INFORMATION):
        workitem[MODIFIED] = element(MODIFIED, date_time(now))
    return dict(sorted(workitem.items()))


def check_update(state: str, kept_uid: str, given_uid: str) -> None:
    """Whether one who names this Transaction UID may update it (PS3.4 CC.2.6.3, PS3.18 Table 11.6.3-1).

    Raises NotInThisState, StateConflict.
    """
    if state in FINAL:
        raise NotInThisState(f"{INCONSISTENT_UPDATE} It is {state}.")
    if state == SCHEDULED and given_uid:
        raise StateConflict(NOT_CLAIMED)
    if state == IN_PROGRESS and given_uid != kept_uid:
        raise NotInThisState(WRONG_TRANSACTION_UID if given_uid else MISSING_TRANSACTION_UID)


def check_state(state: str, wanted: str, kept_uid: str, given_uid: str) -> bool:
    """Whether there is anything to change: False where it is as wanted (PS3.4 Table CC.1.1-2).

    Raises NotInThisState for a wrong Transaction UID, StateConflict for what cannot become of it now, and
    InvalidInstance for what is no state.
    """
    if wanted not in STATES:
        raise InvalidInstance("the Procedure Step State is IN PROGRESS, COMPLETED or CANCELED")
    if wanted == SCHEDULED:
        raise StateConflict(f"{INCONSISTENT_STATE} It becomes {SCHEDULED} when it is created, and never again.")
    if not given_uid:
        raise NotInThisState(MISSING_TRANSACTION_UID)
    if not UID.fullmatch(given_uid) or (state != SCHEDULED and given_uid != kept_uid):
        raise NotInThisState(WRONG_TRANSACTION_UID)
    if state in FINAL and state == wanted:
        return False
    if (state, wanted) not in ((SCHEDULED, IN_PROGRESS), (IN_PROGRESS, COMPLETED), (IN_PROGRESS, CANCELED)):
        raise StateConflict(f"{INCONSISTENT_STATE} It is {state}.")
    return True


def with_state(workitem: Json, state: str, now: datetime) -> Json:
    """A workitem in another state. Raises StateConflict when a final state's requirements are not met (CC.2.5.1.1).

    What a cancelled one must say and does not (when, and by a code why) is said here, so that whoever gives work up
    need not update it first (PS3.4 CC.2.5.1.3.2, note).
    """
    changed = workitem | {STATE: element(STATE, state)}
    if state == COMPLETED:
        _check_completed(workitem)
    elif state == CANCELED:
        (progress, *_) = items_of(workitem, PROGRESS_SEQUENCE) or [{}]
        said = {tag: one for tag, one in progress.items() if one.get("Value")}
        lacking = {
            CANCELED_AT: element(CANCELED_AT, date_time(now)),
            REASON_CODES: sequence([UNSPECIFIED_REASON]),
        }
        changed[PROGRESS_SEQUENCE] = sequence([dict(sorted((progress | lacking | said).items()))])
    return changed


def check_cancel(state: str, *, is_heard: bool) -> bool:
    """Whether a request to cancel is to be acted on: False where it is cancelled already (PS3.4 CC.2.2).

    is_heard: somebody is subscribed, and may be who performs it. Raises StateConflict.
    """
    if state == COMPLETED:
        raise StateConflict(f"{INCONSISTENT_STATE} It is {state}.")
    if state == IN_PROGRESS and not is_heard:
        raise StateConflict(f"{INCONSISTENT_STATE} Who performs it cannot be reached: nobody is subscribed to it.")
    return state != CANCELED


def with_reasons(workitem: Json, asked: Json) -> Json:
    """A workitem that keeps why somebody asked to cancel it."""
    (progress, *_) = items_of(workitem, PROGRESS_SEQUENCE) or [{}]
    why = {tag: asked[tag] for tag in (REASON, REASON_CODES) if asked.get(tag, {}).get("Value")}
    return workitem | {PROGRESS_SEQUENCE: sequence([dict(sorted((progress | why).items()))])} if why else workitem


def studies_of(workitem: Json) -> frozenset[str]:
    """The studies that it is about: who may not know of one of them may not know of it."""
    items = [*items_of(workitem, INPUT_SEQUENCE), *items_of(workitem, REQUEST_SEQUENCE)]
    uids = (text_of(one.get(STUDY_INSTANCE_UID)) for one in (workitem, *items))
    return frozenset(filter(None, uids))


def check_ae_title(ae_title: str) -> str:
    """An AE title without its padding. Raises InvalidQuery."""
    ae_title = ae_title.strip()
    if not _AE_TITLE.fullmatch(ae_title):
        raise InvalidQuery("an AE title has 1 to 16 letters of ASCII")
    return ae_title


def ae_title_of(name: str) -> str:
    """An AE title for somebody who has none, as near to his name as one can be."""
    return _NOT_IN_AE_TITLE.sub("_", name)[:16].strip() or "UNKNOWN"


def check_uid(uid: str) -> str:
    """The UID itself. Raises InvalidQuery for what is none."""
    if not UID.fullmatch(uid):
        raise InvalidQuery("this is no UID")
    return uid


def _check_completed(workitem: Json) -> None:
    (performed, *_) = items_of(workitem, PERFORMED_SEQUENCE) or [{}]
    lacking = [tag for tag in PERFORMED if not performed.get(tag, {}).get("Value")]
    if OUTPUT_SEQUENCE not in performed:
        lacking.append(OUTPUT_SEQUENCE)
    if lacking:
        raise StateConflict(
            f"{INCONSISTENT_STATE} Before it is {COMPLETED}, what was performed must say {named(lacking)}."
        )


def _require(given: Json, tags: Sequence[str]) -> None:
    lacking = [tag for tag in tags if not text_of(given.get(tag))]
    if lacking:
        raise InvalidInstance(f"{named(lacking)} must have a value")


def _check_values(given: Json) -> None:
    wrong = [tag for tag, values in ENUMERATED.items() if tag in given and text_of(given[tag]) not in values]
    wrong += [tag for tag in (START,) if tag in given and not _DATE_TIME.fullmatch(text_of(given[tag]))]
    wrong += [tag for tag in (STUDY_INSTANCE_UID,) if not UID.fullmatch(text_of(given.get(tag)) or "0")]
    if wrong:
        raise InvalidInstance(f"{named(wrong)} has a value that it cannot have")
