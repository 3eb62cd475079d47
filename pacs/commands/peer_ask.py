"""`pacs peer find`, `get`, `move` and `send`: what a peer has, fetched from it or sent to it."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated

import typer
from pydicom.dataset import Dataset

from pacs.archive.ingest import receive
from pacs.archive.retrieve import InstanceRef, instances, transcoded_chunks
from pacs.commands.console import fail, opened_pacs
from pacs.context import SYSTEM, Actor, Pacs
from pacs.peers import retrieve
from pacs.peers.dimse import Outgoing
from pacs.peers.retrieve import Keys, Outcome, QueryLevel

LEVELS: tuple[QueryLevel, ...] = ("PATIENT", "STUDY", "SERIES", "IMAGE")
ASKED = {
    "STUDY": ("PatientName", "PatientID", "StudyDate", "AccessionNumber", "ModalitiesInStudy", "StudyDescription"),
    "SERIES": ("Modality", "SeriesNumber", "SeriesDescription"),
    "IMAGE": ("SOPClassUID", "InstanceNumber"),
    "PATIENT": ("PatientName", "PatientBirthDate"),
}
"""What is asked for when it is not said."""
UNIQUE = {
    "PATIENT": "PatientID",
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}

Study = Annotated[str, typer.Option(help="its Study Instance UID")]
Series = Annotated[str, typer.Option(help="only this series of it")]


def find(
    aetitle: str,
    keys: Annotated[list[str] | None, typer.Argument(help="KEYWORD=VALUE to match, KEYWORD to be told")] = None,
    level: Annotated[str, typer.Option(help=" ".join(LEVELS))] = "STUDY",
) -> None:
    """Ask a peer what it has (C-FIND), one block an answer."""
    of_level = _level_of(level)
    asked = {UNIQUE[of_level]: "", **dict.fromkeys(ASKED[of_level], "")}
    asked |= {name: value for name, _, value in (key.partition("=") for key in keys or ())}
    with opened_pacs() as pacs:
        found = retrieve.find(pacs, SYSTEM, aetitle, of_level, asked)
    for answer in found:
        typer.echo("\n".join(_lines_of(answer)) + "\n")
    typer.echo(f"{len(found)} answers", err=True)


def get(aetitle: str, study: Study, series: Series = "") -> None:
    """Fetch a study from a peer into this archive (C-GET)."""
    with opened_pacs() as pacs:
        outcome = retrieve.get(pacs, SYSTEM, aetitle, *_named(study, series), partial(_take, pacs, aetitle))
    _tell(outcome, "fetched")


def move(
    aetitle: str,
    study: Study,
    series: Series = "",
    to: Annotated[str, typer.Option(help="the application it goes to; none: ourselves")] = "",
) -> None:
    """Have a peer send a study to us, or to another application that it knows (C-MOVE)."""
    with opened_pacs() as pacs:
        destination = to or pacs.settings.ae_title
        outcome = retrieve.move(pacs, SYSTEM, aetitle, *_named(study, series), destination)
    _tell(outcome, f"moved to {destination}")


def send(aetitle: str, study: Study, series: Series = "") -> None:
    """Send a study of ours to a peer (C-STORE), now and once; `pacs route` sends for days."""
    with opened_pacs() as pacs:
        refs = instances(pacs, SYSTEM, study, series or None)
        outcome = retrieve.send(pacs, SYSTEM, aetitle, [_outgoing(pacs, ref) for ref in refs])
    _tell(outcome, "sent")


def _level_of(text: str) -> QueryLevel:
    for level in LEVELS:
        if level == text.upper():
            return level
    raise typer.BadParameter(f"{text} is no level: {', '.join(LEVELS)}")


def _named(study: str, series: str) -> tuple[QueryLevel, Keys]:
    if series:
        return "SERIES", {"StudyInstanceUID": study, "SeriesInstanceUID": series}
    return "STUDY", {"StudyInstanceUID": study}


def _take(
    pacs: Pacs, aetitle: str, sop_class_uid: str, sop_instance_uid: str, syntax: str, pieces: Iterator[memoryview]
) -> None:
    actor = Actor("peer", aetitle, permissions=frozenset(("store",)))
    with receive(pacs, actor, sop_class_uid, sop_instance_uid, syntax) as incoming:
        for piece in pieces:
            incoming.write(piece)
        incoming.finish()


def _outgoing(pacs: Pacs, ref: InstanceRef) -> Outgoing:
    read = partial(transcoded_chunks, pacs, ref)
    return Outgoing(ref.sop_class_uid, ref.sop_instance_uid, ref.transfer_syntax_uid, read)


def _tell(outcome: Outcome, done: str) -> None:
    typer.echo(f"{outcome.completed + outcome.warning} instances {done}, {outcome.failed} failed")
    if not outcome.succeeded:
        fail(outcome.why or f"the peer ends with status {outcome.status:04X}")


def _lines_of(answer: Dataset) -> Iterator[str]:
    for element in answer:
        if element.VR != "SQ" and element.keyword not in ("QueryRetrieveLevel", "SpecificCharacterSet"):
            text = "\\".join(map(str, element.value)) if element.VM > 1 else str(element.value or "")
            yield f"{element.keyword or element.tag}={text}"
