"""`pacs attribute`: what is searchable besides what is indexed always."""

from typing import Annotated

import typer

from pacs.archive import further
from pacs.archive.further import Further
from pacs.commands.console import opened_pacs
from pacs.context import SYSTEM
from pacs.errors import NotFound

app = typer.Typer(help="Make further attributes searchable.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="keyword, or tag in hexadecimal: 0018980C")]
Creator = Annotated[str, typer.Option(help="of a private attribute: who gave it its meaning")]


@app.command("add")
def add_attribute(
    name: Name,
    level: Annotated[str, typer.Option(help=" ".join(further.NAMES))] = "study",
    creator: Creator = "",
    vr: Annotated[str, typer.Option(help="of a private attribute that no dictionary has")] = "",
) -> None:
    """Search it in what arrives from now on, and in the background in what is stored."""
    with opened_pacs() as pacs:
        _show(further.add(pacs, SYSTEM, name, level, creator, vr))


@app.command("list")
def list_attributes() -> None:
    """One line an attribute, with how far it is filled."""
    with opened_pacs() as pacs:
        for one in further.all_further(pacs, SYSTEM):
            _show(one)


@app.command("remove")
def remove_attribute(name: Name, creator: Creator = "") -> None:
    """Search it no more; what was read of it is deleted in the background."""
    with opened_pacs() as pacs:
        for one in further.all_further(pacs, SYSTEM):
            if (one.keyword, one.creator) == (name, creator):
                further.remove(pacs, SYSTEM, one.pk)
                return
        raise NotFound(f"{name} is no further attribute: `pacs attribute list` has them by name")


def _show(one: Further) -> None:
    progress = f"  {one.read} of {one.total} instances read" if one.state == further.FILLING else ""
    creator = f'  creator "{one.creator}"' if one.creator else ""
    typer.echo(f"{one.keyword}{creator}  {one.vr}  {one.level}  {one.state}{progress}")
