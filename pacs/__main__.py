"""The command `pacs`."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from pacs import accounts
from pacs.archive import recovery
from pacs.archive.media import Found, files_in, import_files
from pacs.commands import attribute, correct, export, peer, remove, route
from pacs.commands.console import fail, opened_pacs, settings_of, told_plainly, told_progress
from pacs.commands.console import migrate as bring_up_to_date
from pacs.conformance import statement
from pacs.context import SYSTEM, Actor, Pacs
from pacs.errors import PacsError
from pacs.supervisor import Supervisor
from pacs.wiring import DOORS, Door, close_pacs, configure_logging, open_pacs
from pacs.workflow import subscriptions

SAMPLES = Path(__file__).parent.parent / "sample_dicom"

app = typer.Typer(
    help="Filmless, an imaging archive.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
user_commands = typer.Typer(help="People who sign in.", no_args_is_help=True)
token_commands = typer.Typer(help="Programs that ask the web door.", no_args_is_help=True)
app.add_typer(user_commands, name="user")
app.add_typer(token_commands, name="token")
app.add_typer(peer.app, name="peer")
app.add_typer(route.app, name="route")
app.add_typer(attribute.app, name="attribute")
app.add_typer(correct.app, name="correct")
app.add_typer(remove.app, name="removed")
app.command("send")(route.send)
app.command("remove")(remove.remove)
app.command("export")(export.export)


@app.command()
def serve(
    doors: Annotated[list[str] | None, typer.Argument(help=f"{' '.join(DOORS)}; none named: all of them")] = None,
    data: Annotated[Path | None, typer.Option(help="PACS_DATA")] = None,
    dicom: Annotated[str | None, typer.Option(help="PACS_DICOM, host:port")] = None,
    http: Annotated[str | None, typer.Option(help="PACS_HTTP, host:port")] = None,
    workers: Annotated[int | None, typer.Option(help="PACS_WORKERS")] = None,
) -> None:
    """Open the doors. Ctrl-C or SIGTERM stops cleanly."""
    opened = [_door_of(name) for name in doors or DOORS]
    settings = settings_of(data=data, dicom=dicom, http=http, workers=workers)
    supervisor = Supervisor(settings, opened)
    with told_plainly():
        supervisor.claim()
        pacs = open_pacs(settings)
        _make_ready(pacs)
        _refuse_open_access(pacs, opened)
        if "web" in opened:
            subscriptions.tell_of_restart(pacs)
        _say_what_is_open(pacs, opened)
        close_pacs(pacs)
    raise typer.Exit(supervisor.run())


@app.command("import")
def import_(paths: Annotated[list[Path], typer.Argument(help="files, folders, zip archives, CDs")]) -> None:
    """Take in files, and name each that is refused; exit 1 when any was."""
    with opened_pacs() as pacs:
        raise typer.Exit(0 if _import(pacs, files_in(paths)) else 1)


@app.command()
def demo() -> None:
    """Load the sample studies."""
    if not any(SAMPLES.glob("**/*.dcm")):
        fail(f"there are no samples in {SAMPLES}: make them with `python scripts/seed.py sample_dicom`")
    with opened_pacs() as pacs:
        raise typer.Exit(0 if _import(pacs, files_in([SAMPLES / "studies"])) else 1)


@app.command()
def check(
    digests: Annotated[bool, typer.Option(help="read every object and compare its SHA-256")] = False,
    repair: Annotated[bool, typer.Option(help="take in objects that have no row")] = False,
) -> None:
    """Compare rows and objects, both ways; exit 1 when something differs."""
    with opened_pacs() as pacs, told_progress("objects checked") as progress:
        report = recovery.check(pacs, digests=digests, repair=repair, progress=progress)
    for word, keys in (
        ("without a row", report.without_row),
        ("taken in", report.adopted),
        ("lost", report.lost),
        ("damaged", report.damaged),
    ):
        for key in keys:
            typer.echo(f"{word}  {key}")
    typer.echo(f"{report.objects} objects, {len(report.lost)} lost, {len(report.damaged)} damaged")
    raise typer.Exit(0 if report.is_clean else 1)


@app.command()
def reindex() -> None:
    """Build the index again from the objects alone."""
    with opened_pacs() as pacs, told_progress("objects read") as progress:
        report = recovery.reindex(pacs, progress=progress)
    typer.echo(f"{report.objects} objects, {len(report.damaged)} damaged")


@app.command()
def migrate() -> None:
    """Bring the schema to this version. `serve` does it by itself on SQLite."""
    with told_plainly():
        pacs = open_pacs(settings_of())
        pacs.database.migrate()
        close_pacs(pacs)


@app.command()
def conformance() -> None:
    """Print the DICOM conformance statement, made from what is registered."""
    typer.echo(statement(settings_of()), nl=False)


@user_commands.command("add")
def add_user(
    name: str,
    role: Annotated[str, typer.Option(help=" ".join(accounts.PERMISSIONS))],
    password_stdin: Annotated[bool, typer.Option(help="read the password from standard input")] = False,
) -> None:
    """Make an account; the password is asked for."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else _ask_password()
    with opened_pacs() as pacs:
        accounts.add_account(pacs, SYSTEM, name, password, role)
    typer.echo(f"{name} may sign in as {role}", err=True)


@token_commands.command("create")
def create_token(
    role: Annotated[str, typer.Option(help=" ".join(accounts.PERMISSIONS))],
    name: Annotated[str, typer.Option(help="what it is for")] = "",
    expires: Annotated[str, typer.Option(help="30d, 12h, 15m; none: never")] = "",
) -> None:
    """Print a new bearer token, and nothing else."""
    with opened_pacs() as pacs:
        typer.echo(accounts.create_token(pacs, SYSTEM, role, name=name, lasts=_duration(expires)))


def _door_of(name: str) -> Door:
    for door in DOORS:
        if name == door:
            return door
    raise typer.BadParameter(f"{name}: there is no such door; {' '.join(DOORS)}")


def _make_ready(pacs: Pacs) -> None:
    bring_up_to_date(pacs)
    with told_progress("objects looked at") as progress:
        recovery.recover(pacs, progress=progress)


def _refuse_open_access(pacs: Pacs, doors: list[Door]) -> None:
    """No door is opened to other machines before somebody can answer for it (reliability 4.1)."""
    if "web" in doors and not pacs.settings.http.is_loopback and not accounts.has_accounts(pacs):
        raise PacsError(
            f"PACS_HTTP={pacs.settings.http} can be reached from other machines and nobody has an account: "
            "make one with `pacs user add NAME --role admin`, or listen on 127.0.0.1"
        )


def _say_what_is_open(pacs: Pacs, doors: list[Door]) -> None:
    settings = pacs.settings
    if "dicom" in doors:
        who = "any AE title" if settings.admits_any_peer else "known peers (`pacs peer add`)"
        typer.echo(f"DICOM  {settings.ae_title} at {settings.dicom}, {who}", err=True)
        if settings.peers == "any":
            typer.echo("warning: PACS_PEERS=any lets every AE title store and query", err=True)
        if settings.dicom_tls:
            typer.echo(f"DICOM  {settings.ae_title} at {settings.dicom_tls}, TLS", err=True)
    if "web" in doors:
        if not settings.http.is_loopback:
            typer.echo("warning: the web door speaks plain HTTP: put a TLS proxy before it", err=True)
        typer.echo(f"web    {_sign_in_address(pacs)}")


def _sign_in_address(pacs: Pacs) -> str:
    """Where to begin: with a one-time link on a machine that only its own users reach."""
    address = f"http://{pacs.settings.http}/"
    if pacs.settings.login == "none":
        return address
    if pacs.settings.is_loopback or not accounts.has_accounts(pacs):
        return f"{address}signin#{accounts.create_link(pacs)}"
    return address


def _import(pacs: Pacs, files: list[Found]) -> bool:
    """Take the files in and tell what became of them; whether none was refused."""
    actor = Actor("system", "import", permissions=SYSTEM.permissions)
    counts = {"new": 0, "again": 0, "version": 0}
    refused, left_alone = [], 0
    with typer.progressbar(import_files(pacs, actor, files), length=len(files), file=sys.stderr) as results:
        for result in results:
            if result.stored:
                counts[result.stored.outcome] += 1
            elif result.left_alone:
                left_alone += 1
            else:
                refused.append(result)
    for result in refused:
        typer.echo(f"refused  {result.name}: {result.refused}", err=True)
    known = f"{counts['new']} new, {counts['again']} known already, {counts['version']} other versions"
    alone = f", {left_alone} that are no DICOM left alone" if left_alone else ""
    typer.echo(f"{known}, {len(refused)} refused{alone}")
    return not refused


def _ask_password() -> str:
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _duration(text: str) -> timedelta | None:
    if not text:
        return None
    units = {"d": "days", "h": "hours", "m": "minutes"}
    if text[-1] not in units or not text[:-1].isdigit():
        raise typer.BadParameter(f"{text}: say 30d, 12h or 15m")
    return timedelta(**{units[text[-1]]: int(text[:-1])})


def main() -> None:
    """What the console script calls."""
    configure_logging()
    app()


if __name__ == "__main__":
    main()
