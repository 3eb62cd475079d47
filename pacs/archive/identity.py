"""Who an instance belongs to, and what its arrival means beside what is kept. Pure.

The table of rules is in `judge`; a patient is his Patient ID *and* its issuer, compared without surrounding spaces
and in their letter case. What that settles where the standard is silent:

- One issuer given and the other empty are two patients, in a known study too: a missing issuer proves nothing, and
  an image that a person must file costs less than an image in another patient's folder.
- So are an empty Patient ID in a study that is known with one, and the reverse: a study has one patient.
- A patient without an id is a patient of one study only, and never shared with another.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Values = Mapping[str, str | int | None]
"""Indexed attributes of an instance by their column."""
Verdict = Literal["new", "again", "version", "undecided", "series-conflict", "patient-conflict"]
CONFLICTS = frozenset(("series-conflict", "patient-conflict"))
WITHOUT_ID = "study:"
LONGEST_IDENTITY = 256
"""Characters: an id and an issuer have 64 each (PS3.5 6.2), and what is far longer must still fit into an index."""
DEMOGRAPHICS: dict[str, str] = {
    "PatientName": "patient_name",
    "PatientBirthDate": "patient_birth_date",
    "PatientSex": "patient_sex",
}
"""What must agree under one patient id: keyword and column."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What an instance says of itself."""

    identity: str
    """Its patient, as `identity_of` names him."""
    study_instance_uid: str
    series_instance_uid: str
    object_key: str
    transfer_syntax_uid: str


def identity_of(patient_id: str, issuer: str, study_instance_uid: str) -> str:
    """The patient's identity: another for every pair of id and issuer, and for every study where there is no id."""
    patient_id, issuer = patient_id.strip(), issuer.strip()
    if not patient_id:
        return f"{WITHOUT_ID}{study_instance_uid}"
    identity = f"id:{len(patient_id)}:{patient_id}:{issuer}"
    if len(identity) <= LONGEST_IDENTITY:
        return identity
    return f"sha256:{hashlib.sha256(identity.encode()).hexdigest()}"


def judge(claim: Claim, versions: Sequence[Claim], study_identity: str | None, equal: Mapping[str, bool]) -> Verdict:
    """What the arrival means beside what is kept.

    versions: what is kept under its SOP Instance UID, the current one first; study_identity: the patient of its
    study, None when the study is not known; equal: for object keys it was compared with, whether the content is the
    same in another transfer syntax.

    | kept                                                   | verdict          |
    |--------------------------------------------------------|------------------|
    | the same bytes                                         | again            |
    | the SOP or Study Instance UID, of another patient      | patient-conflict |
    | the SOP Instance UID, in another series or study       | series-conflict  |
    | the same content in another transfer syntax            | again            |
    | content in another transfer syntax, not yet compared   | undecided        |
    | other content                                          | version          |
    | nothing of this                                        | new              |
    """
    if any(version.object_key == claim.object_key for version in versions):
        return "again"
    if study_identity is not None and study_identity != claim.identity:
        return "patient-conflict"
    if not versions:
        return "new"
    known = versions[0]
    if not _is_same_patient(known.identity, claim.identity):
        return "patient-conflict"
    if _place(known) != _place(claim):
        return "series-conflict"
    if any(equal.get(version.object_key, False) for version in versions):
        return "again"
    return "undecided" if next_to_compare(claim, versions, equal) else "version"


def next_to_compare(claim: Claim, versions: Sequence[Claim], equal: Mapping[str, bool]) -> str:
    """The object key of a version that may hold the same content in another transfer syntax; "" for none."""
    for version in versions:
        if version.transfer_syntax_uid != claim.transfer_syntax_uid and version.object_key not in equal:
            return version.object_key
    return ""


def demographics_that_differ(kept: Values, sent: Values) -> list[str]:
    """Keywords in which two instances of one patient contradict each other. A value left out contradicts nothing."""
    return [keyword for keyword, column in DEMOGRAPHICS.items() if _contradict(kept[column], sent[column])]


def _is_same_patient(known: str, claimed: str) -> bool:
    """Two patients without an id differ by their study alone, and that is a matter of the study."""
    return known == claimed or (known.startswith(WITHOUT_ID) and claimed.startswith(WITHOUT_ID))


def _place(claim: Claim) -> tuple[str, str]:
    return claim.study_instance_uid, claim.series_instance_uid


def _contradict(kept: str | int | None, sent: str | int | None) -> bool:
    return kept != sent and bool(kept) and bool(sent) and _bare(kept) != _bare(sent)


def _bare(value: object) -> str:
    """Without what carries no meaning in a name: letter case, and empty components at the end."""
    return str(value).casefold().strip("^= ")
