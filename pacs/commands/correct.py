"""`pacs correct`: what is told of a study instead of what is kept."""

from typing import Annotated

import typer

from pacs.archive import correct
from pacs.commands.console import fail, opened_pacs
from pacs.context import SYSTEM

app = typer.Typer(help="Correct what is told of studies; what is kept never changes.", no_args_is_help=True)

State = Annotated[str, typer.Option(help=f"only those that are {', '.join(correct.STATES)}")]


@app.command("list")
def list_corrections(
    study: Annotated[str, typer.Argument(help="a Study Instance UID; none: of all studies")] = "", state: State = ""
) -> None:
    """One line a correction, the newest first."""
    with opened_pacs() as pacs:
        for one in correct.corrections(pacs, SYSTEM, state, study):
            reads = f"  would read {one.preview}" if one.preview else ""
            who = f"{one.source}, {one.created_at:%Y-%m-%d %H:%M}"
            change = f"{one.attribute}: {one.kept!r} -> {one.value!r}"
            typer.echo(f"{one.pk:>6}  {one.state:<9}  {one.study_instance_uid}  {change}{reads}  ({who})")


@app.command("set")
def set_values(
    study: Annotated[str, typer.Argument(help="Study Instance UID")],
    values: Annotated[list[str], typer.Argument(help=f"KEYWORD=VALUE; {', '.join(correct.CORRECTABLE)}")],
) -> None:
    """Correct attributes of a study, or of its patient and so of all his studies."""
    pairs = [tuple(value.split("=", 1)) for value in values]
    if any(len(pair) != 2 for pair in pairs):
        fail("say KEYWORD=VALUE, as in PatientName='NGUYỄN^THỊ ÁNH ĐÀO'")
    with opened_pacs() as pacs:
        correct.correct(pacs, SYSTEM, study, [(keyword, value) for keyword, value in pairs])


@app.command("apply")
def apply(pk: int) -> None:
    """Tell it so from now on: a suggestion, or what was dismissed or revoked."""
    with opened_pacs() as pacs:
        correct.apply(pacs, SYSTEM, pk)


@app.command("dismiss")
def dismiss(pk: int) -> None:
    """Leave the study as it is; this is not suggested again."""
    with opened_pacs() as pacs:
        correct.dismiss(pacs, SYSTEM, pk)


@app.command("revoke")
def revoke(pk: int) -> None:
    """Tell what was told before."""
    with opened_pacs() as pacs:
        correct.revoke(pacs, SYSTEM, pk)
