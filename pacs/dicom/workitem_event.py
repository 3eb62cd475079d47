"""What is told of a workitem to those who are subscribed to it (PS3.4 CC.2.4, PS3.18 11.13)."""

from pacs.dicom.dicomjson import Json
from pacs.dicom.json_data_set import element
from pacs.dicom.json_matching import items_of, tag_of, text_of
from pacs.dicom.workitem import (
    CANCEL_REASONS,
    PERFORMERS,
    PROGRESS_SEQUENCE,
    READINESS,
    REASON,
    REASON_CODES,
    SOP_INSTANCE_UID,
    STATE,
    STATIONS,
    UPS_PUSH,
    WORKLIST,
)

AFFECTED_SOP_CLASS_UID, AFFECTED_SOP_INSTANCE_UID, EVENT_TYPE_ID = "00000002", "00001000", "00001002"
"""Of the command that an event report would be over DIMSE (PS3.7 E.1)."""
STATE_REPORT, CANCEL_REQUESTED, PROGRESS_REPORT, STATUS_CHANGE, ASSIGNED = 1, 2, 3, 4, 5
"""Event types (PS3.4 Table CC.2.4-1)."""
REQUESTING_AE = tag_of("RequestingAE")
STATUS_OF_RESTART = {
    tag_of(keyword): element(tag_of(keyword), value)
    for keyword, value in (
        ("SCPStatus", "RESTARTED"),
        ("SubscriptionListStatus", "WARM START"),
        ("UnifiedProcedureStepListStatus", "WARM START"),
    )
}
OF_PERFORMER = (tag_of("HumanPerformerCodeSequence"), tag_of("HumanPerformerOrganization"))


def state_report(workitem: Json) -> Json:
    """The event that it has come into this state (PS3.4 Table CC.2.4-1)."""
    (progress, *_) = items_of(workitem, PROGRESS_SEQUENCE) or [{}]
    why = {tag: progress[tag] for tag in (REASON, REASON_CODES) if tag in progress}
    return _event(workitem, STATE_REPORT, {tag: workitem[tag] for tag in (STATE, READINESS)} | why)


def cancel_requested(workitem: Json, requester: str, asked: Json) -> Json:
    """The event that somebody, by this AE title, wants it cancelled."""
    given = {tag: asked[tag] for tag in CANCEL_REASONS if tag in asked}
    return _event(workitem, CANCEL_REQUESTED, {REQUESTING_AE: element(REQUESTING_AE, requester)} | given)


def changes_to_tell(before: Json, after: Json) -> list[Json]:
    """The events that an update makes (PS3.4 CC.2.4.3)."""
    events = []
    if before[READINESS] != after[READINESS]:
        events.append(state_report(after))
    if _differ(before, after, PROGRESS_SEQUENCE):
        events.append(_event(after, PROGRESS_REPORT, {PROGRESS_SEQUENCE: after[PROGRESS_SEQUENCE]}))
    if _differ(before, after, STATIONS) or _differ(before, after, PERFORMERS):
        events.append(assigned(after))
    return events


def assigned(workitem: Json) -> Json:
    """The event that tells for whom it is."""
    shown = {tag: workitem[tag] for tag in (STATIONS,) if workitem.get(tag, {}).get("Value")}
    for performer in items_of(workitem, PERFORMERS)[:1]:
        shown |= {tag: performer[tag] for tag in OF_PERFORMER if performer.get(tag, {}).get("Value")}
    return _event(workitem, ASSIGNED, shown)


def is_assigned(workitem: Json) -> bool:
    """Whether it is for somebody, or for some station."""
    return any(items_of(workitem, tag) for tag in (STATIONS, PERFORMERS))


def restarted() -> Json:
    """The event that the server has been down, and has forgotten neither workitems nor subscriptions."""
    return _event_of(WORKLIST, STATUS_CHANGE, STATUS_OF_RESTART)


def _event(workitem: Json, event_type: int, attributes: Json) -> Json:
    return _event_of(text_of(workitem[SOP_INSTANCE_UID]), event_type, attributes)


def _event_of(uid: str, event_type: int, attributes: Json) -> Json:
    head = {
        AFFECTED_SOP_CLASS_UID: {"vr": "UI", "Value": [UPS_PUSH]},
        AFFECTED_SOP_INSTANCE_UID: {"vr": "UI", "Value": [uid]},
        EVENT_TYPE_ID: {"vr": "US", "Value": [event_type]},
    }
    return dict(sorted((head | attributes).items()))


def _differ(before: Json, after: Json, tag: str) -> bool:
    return items_of(before, tag) != items_of(after, tag)
