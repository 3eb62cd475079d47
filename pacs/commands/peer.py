"""`pacs peer`: who may associate, and where to send."""

from typing import Annotated

import typer

from pacs.commands.commitment import commit
from pacs.commands.console import opened_pacs
from pacs.context import SYSTEM
from pacs.peers import dimse, directory

app = typer.Typer(help="DICOM peers: who may associate, and where to send.", no_args_is_help=True)
app.command("commit")(commit)


@app.command("add")
def add_peer(
    aetitle: str,
    host: str,
    port: int,
    may: Annotated[str, typer.Option(help="rights, joined by a comma: store,query,retrieve")] = "store",
    charset: Annotated[str, typer.Option(help="the character set it can read; none: ISO_IR 192")] = "",
) -> None:
    """Admit a peer, from its address, and let it be sent to."""
    with opened_pacs() as pacs:
        directory.add(pacs, SYSTEM, aetitle, host, port, may=may.split(","), charset=charset)


@app.command("list")
def list_peers() -> None:
    """One line a peer."""
    with opened_pacs() as pacs:
        for known in directory.all_peers(pacs, SYSTEM):
            typer.echo(
                f"{known.ae_title:<16}  {known.host}:{known.port}  {','.join(sorted(known.may))}  {known.charset}"
            )


@app.command("remove")
def remove_peer(aetitle: str) -> None:
    """Forget a peer."""
    with opened_pacs() as pacs:
        directory.remove(pacs, SYSTEM, aetitle)


@app.command("echo")
def echo_peer(aetitle: str) -> None:
    """Ask a peer whether it is there (C-ECHO), and explain when it is not."""
    with opened_pacs() as pacs:
        answer = dimse.echo(pacs, SYSTEM, aetitle)
    typer.echo(answer.explanation)
    raise typer.Exit(0 if answer.succeeded else 1)
