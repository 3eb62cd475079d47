"""`pacs export`: studies as files."""

from pathlib import Path
from typing import Annotated

import typer

from pacs.archive.export import export as exported_of
from pacs.archive.export import write_files
from pacs.commands.console import fail, opened_pacs
from pacs.context import SYSTEM


def export(
    studies: Annotated[list[str], typer.Argument(help="Study Instance UIDs")],
    to: Annotated[Path, typer.Option(help="folder; it is made")],
    zip_: Annotated[bool, typer.Option("--zip", help="one archive instead of files")] = False,
    dicomdir: Annotated[bool, typer.Option(help="named as on a CD, with a DICOMDIR")] = False,
) -> None:
    """Write studies as files, or as one archive, with the corrections laid over them."""
    with opened_pacs() as pacs:
        exported = exported_of(pacs, SYSTEM, studies, with_dicomdir=dicomdir)
        try:
            if zip_:
                to.mkdir(parents=True, exist_ok=True)
                with (to / f"{exported.name}.zip").open("xb") as file:
                    for piece in exported.range(0, exported.size):
                        file.write(piece)
            else:
                write_files(exported, to)
        except FileExistsError as error:
            fail(f"{error.filename} is there already: choose another folder")
    number = sum(entry.name != "DICOMDIR" for entry in exported.entries)
    typer.echo(f"{number} instances of {len(studies)} studies in {to}")
