"""`pacs peer commit`: asking a peer to keep what we sent it, and what became of all such requests."""

import time
from typing import Annotated

import typer

from pacs.commands.console import fail, opened_pacs
from pacs.context import SYSTEM, Pacs
from pacs.workflow import commitment
from pacs.workflow.commitment import Transaction

LOOK_S = 0.5


def commit(
    aetitle: Annotated[str, typer.Argument(help="a peer; none: list the transactions with all")] = "",
    study: Annotated[str, typer.Option(help="ask the peer to keep this study, by its Study Instance UID")] = "",
    series: Annotated[str, typer.Option(help="only this series of it")] = "",
    wait: Annotated[int, typer.Option(help="seconds to wait for the peer's report")] = 30,
) -> None:
    """Ask a peer to commit to what it keeps of a study; without one, list what was asked, by us and of us."""
    if study and not aetitle:
        fail("say whom to ask: pacs peer commit AETITLE --study UID")
    with opened_pacs() as pacs:
        if not study:
            for one in commitment.transactions(pacs, SYSTEM, aetitle):
                typer.echo(_line(one))
            return
        asked = commitment.request(pacs, SYSTEM, aetitle, study, series or None)
        ended = [_awaited(pacs, one, time.monotonic() + wait) for one in asked]
    for one in ended:
        typer.echo(_line(one))
    raise typer.Exit(0 if all(one.state == commitment.REPORTED for one in ended) else 1)


def _awaited(pacs: Pacs, one: Transaction, deadline: float) -> Transaction:
    """The transaction once it has ended, or as it is at the deadline. Another process may take the report."""
    while one.ended_at is None and not one.why and time.monotonic() < deadline:
        time.sleep(LOOK_S)
        one = commitment.transaction(pacs, SYSTEM, one.pk)
    return one


def _line(one: Transaction) -> str:
    who = "asked by us" if one.outgoing else "asks us"
    line = f"{one.created_at:%Y-%m-%d %H:%M:%S}  {one.ae_title:<16}  {who:<11}  {one.state:<8}  "
    return f"{line}{one.committed} of {one.number} committed  {one.transaction_uid}  {one.why}".rstrip()
