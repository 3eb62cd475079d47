"""`pacs remove` and `pacs removed`: what should not be kept any longer."""

from typing import Annotated

import typer

from pacs.archive import remove as removing
from pacs.commands.console import opened_pacs
from pacs.context import SYSTEM

app = typer.Typer(help="What was removed, and can be restored for a time.", no_args_is_help=True)


def remove(
    study: Annotated[str, typer.Argument(help="Study Instance UID")],
    series: Annotated[str, typer.Argument(help="Series Instance UID; none: the whole study")] = "",
    instance: Annotated[str, typer.Argument(help="SOP Instance UID; none: the whole series")] = "",
    *,
    reason: Annotated[str, typer.Option(help="why, for whoever asks later")],
) -> None:
    """Remove a study, a series or an instance. `pacs removed restore` undoes it until its bytes are erased."""
    with opened_pacs() as pacs:
        pk = removing.remove(pacs, SYSTEM, reason, study, series, instance)
        (shown,) = [one for one in removing.removals(pacs, SYSTEM, study) if one.pk == pk]
        typer.echo(f"removal {pk}: {shown.number_of_objects} objects, to be erased {shown.erase_at:%Y-%m-%d}")


@app.command("list")
def list_removals(study: Annotated[str, typer.Argument(help="Study Instance UID; none: all")] = "") -> None:
    """One line a removal, the newest first."""
    with opened_pacs() as pacs:
        for one in removing.removals(pacs, SYSTEM, study):
            what = " ".join(filter(None, (one.study_instance_uid, one.series_instance_uid, one.sop_instance_uid)))
            when = f"{one.source}, {one.created_at:%Y-%m-%d %H:%M}"
            until = f"  erased after {one.erase_at:%Y-%m-%d}" if one.state == "removed" else ""
            typer.echo(f"{one.pk:>6}  {one.state:<8}  {one.number_of_objects:>6}  {what}  {one.reason} ({when}){until}")


@app.command("restore")
def restore(pk: int) -> None:
    """Undo a removal."""
    with opened_pacs() as pacs:
        removing.restore(pacs, SYSTEM, pk)
