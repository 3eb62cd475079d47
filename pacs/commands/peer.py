"""`pacs peer`: who may associate, where to send, who knocked, and what was said with each."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from pacs.commands.commitment import commit
from pacs.commands.console import fail, opened_pacs
from pacs.commands.peer_ask import find, get, move, send
from pacs.context import SYSTEM
from pacs.peers import dimse, directory, history
from pacs.peers.directory import Knock, Peer
from pacs.peers.doctor import uid_name
from pacs.peers.history import Record

RIGHTS = ",".join(sorted(directory.PEER_PERMISSIONS))
NO_FILE = Path("none")

app = typer.Typer(help="DICOM peers: who may associate, and where to send.", no_args_is_help=True)
app.command("commit")(commit)
app.command("find")(find)
app.command("get")(get)
app.command("move")(move)
app.command("send")(send)

May = Annotated[str | None, typer.Option(help=f"rights, joined by a comma: {RIGHTS}")]
Charset = Annotated[str | None, typer.Option(help="the character set it can read; none: ISO_IR 192")]
Tls = Annotated[bool | None, typer.Option(help="call it over TLS, and take it over TLS alone")]
Certificate = Annotated[
    Path | None, typer.Option(help="the one certificate it may show, a PEM or DER file; `none`: any that is signed")
]
MaxAssociations = Annotated[int | None, typer.Option(help="associations at once; 0: as many as all may have")]
MaxPerMinute = Annotated[int | None, typer.Option(help="associations that it may open in a minute; 0: any number")]
Relational = Annotated[bool | None, typer.Option(help="it may ask without the unique keys above")]
Notified = Annotated[bool | None, typer.Option(help="tell it what has become available (IAN)")]
Identified = Annotated[bool | None, typer.Option(help="its user must prove who he is, by an account's passcode")]


@app.command("add")
def add_peer(
    aetitle: str,
    host: str,
    port: int,
    may: May = "store",
    charset: Charset = None,
    tls: Tls = None,
    certificate: Certificate = None,
    max_associations: MaxAssociations = None,
    max_per_minute: MaxPerMinute = None,
    relational: Relational = None,
    notified: Notified = None,
    identified: Identified = None,
) -> None:
    """Admit a peer, from its address, and let it be sent to. One with this AE title is replaced."""
    with opened_pacs() as pacs:
        limits = {"max_associations": max_associations, "max_per_minute": max_per_minute}
        flags = {"tls": tls, "relational": relational, "notified": notified, "identified": identified}
        values = _values(may, charset, certificate, limits, flags)
        directory.add(pacs, SYSTEM, aetitle, host, port, **values)


@app.command("change")
def change_peer(
    aetitle: str,
    host: Annotated[str | None, typer.Option(help="where it is")] = None,
    port: Annotated[int | None, typer.Option(help="where it listens")] = None,
    may: May = None,
    charset: Charset = None,
    tls: Tls = None,
    certificate: Certificate = None,
    max_associations: MaxAssociations = None,
    max_per_minute: MaxPerMinute = None,
    relational: Relational = None,
    notified: Notified = None,
    identified: Identified = None,
) -> None:
    """Change what is said of a peer; the rest stays."""
    with opened_pacs() as pacs:
        limits = {"max_associations": max_associations, "max_per_minute": max_per_minute}
        flags = {"tls": tls, "relational": relational, "notified": notified, "identified": identified}
        values = _values(may, charset, certificate, limits, flags)
        place = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
        directory.change(pacs, SYSTEM, aetitle, {**place, **values})


@app.command("list")
def list_peers() -> None:
    """One line a peer."""
    with opened_pacs() as pacs:
        for known in directory.all_peers(pacs, SYSTEM):
            typer.echo(_peer_line(known))


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


@app.command("knocks")
def list_knocks() -> None:
    """Who called and was turned away because we do not know him, or not from there; the last first."""
    with opened_pacs() as pacs:
        for knock in directory.knocks(pacs, SYSTEM):
            typer.echo(_knock_line(knock))


@app.command("admit")
def admit_peer(
    aetitle: str,
    may: Annotated[str, typer.Option(help=f"rights of a newcomer, joined by a comma: {RIGHTS}")] = "",
    port: Annotated[int | None, typer.Option(help="where it listens")] = None,
    address: Annotated[str, typer.Option(help="which one, when it knocked from several")] = "",
) -> None:
    """Admit a peer that knocked, from the address it came from."""
    with opened_pacs() as pacs:
        of_title = [knock for knock in directory.knocks(pacs, SYSTEM) if knock.ae_title == aetitle.strip()]
        found = [knock for knock in of_title if address in ("", knock.address)]
        if not found:
            fail(f"nobody has knocked as {aetitle}" + (f" from {address}" if address else ""))
        if len(found) > 1:
            fail(f"{aetitle} knocked from {', '.join(knock.address for knock in found)}: say --address")
        admitted = directory.admit(pacs, SYSTEM, found[0].pk, may=may.split(","), port=port)
    typer.echo(_peer_line(admitted))


@app.command("log")
def log_peer(
    aetitle: str,
    contexts: Annotated[bool, typer.Option(help="also the presentation contexts that were accepted")] = False,
) -> None:
    """The last associations of a peer, newest first: what was proposed, refused and asked, and what went wrong."""
    with opened_pacs() as pacs:
        for record in history.of_peer(pacs, SYSTEM, aetitle):
            for line in _lines_of(record, with_accepted=contexts):
                typer.echo(line)


def _values(
    may: str | None,
    charset: str | None,
    certificate: Path | None,
    limits: dict[str, int | None],
    flags: dict[str, bool | None],
) -> dict[str, Any]:
    """What was said on the command line, by the names of Peer. A certificate is shown over TLS."""
    values: dict[str, Any] = {name: flag for name, flag in flags.items() if flag is not None}
    values |= {name: number or None for name, number in limits.items() if number is not None}
    if may is not None:
        values["may"] = may.split(",")
    if charset is not None:
        values["charset"] = charset
    if certificate == NO_FILE:
        values["certificate"] = ""
    elif certificate is not None:
        values = {"tls": True} | values | {"certificate": directory.digest_of_certificate(certificate)}
    return values


def _peer_line(peer: Peer) -> str:
    notes = [
        peer.charset,
        "TLS" if peer.tls else "",
        f"certificate {peer.certificate[:16]}…" if peer.certificate else "",
        f"{peer.max_associations} at once" if peer.max_associations else "",
        f"{peer.max_per_minute} a minute" if peer.max_per_minute else "",
        *(name for name in ("relational", "notified", "identified") if getattr(peer, name)),
    ]
    line = (
        f"{peer.ae_title:<16}  {peer.host}:{peer.port}  {','.join(sorted(peer.may))}  {', '.join(filter(None, notes))}"
    )
    return line.rstrip()


def _knock_line(knock: Knock) -> str:
    when = f"{knock.last_at:%Y-%m-%d %H:%M:%S}"
    return f"{when}  {knock.ae_title:<16}  {knock.address}  {knock.times} times  {knock.why}"


def _lines_of(record: Record, *, with_accepted: bool) -> Iterator[str]:
    direction = "we call" if record.outgoing else "calls us"
    lasted_s = (record.ended_at - record.began_at).total_seconds()
    yield (
        f"{record.began_at:%Y-%m-%d %H:%M:%S}  {direction:<8}  {record.address:<15}  {record.outcome:<11}  "
        f"{lasted_s:.1f} s  {_requests_of(record)}"
    ).rstrip()
    if record.why:
        yield f"    {record.why}"
    accepted = [context for context in record.contexts if context.accepted]
    for context in record.contexts:
        if context.why:
            proposed = ", ".join(map(uid_name, context.proposed)) + (
                f" and {context.more} more" if context.more else ""
            )
            yield f"    refused   {context.name}: {context.why} (proposed {proposed})"
    if with_accepted:
        for context in accepted:
            yield f"    accepted  {context.name}: {uid_name(context.accepted)}"
    elif accepted:
        syntaxes = Counter(uid_name(context.accepted) for context in accepted)
        yield f"    accepted  {', '.join(f'{count} in {name}' for name, count in syntaxes.most_common())}"


def _requests_of(record: Record) -> str:
    return ", ".join(f"{one.service} {one.status:04X} ×{one.count}" for one in record.requests)
