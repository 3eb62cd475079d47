"""`pacs route`: what is sent on by itself, and the queue; `pacs send`: what is sent once."""

import sys
from typing import Annotated

import typer
from pydantic import ValidationError

from pacs.commands.console import fail, opened_pacs
from pacs.context import SYSTEM, Pacs
from pacs.errors import NotFound
from pacs.workflow import deliveries, routing
from pacs.workflow.routing import Route, Rule

app = typer.Typer(help="Send on what arrives, and see the queue.", no_args_is_help=True)

Sources = Annotated[list[str] | None, typer.Option("--source", help="AE title that sent it; may be given again")]
Modalities = Annotated[list[str] | None, typer.Option("--modality", help="CT, MR, …; may be given again")]
BodyParts = Annotated[list[str] | None, typer.Option("--body-part", help="Body Part Examined; may be given again")]
Stations = Annotated[list[str] | None, typer.Option("--station", help="Station Name; may be given again")]
Description = Annotated[str, typer.Option(help="of the series or the study, with * and ?")]
Hours = Annotated[str, typer.Option(help="when it arrives: 18:00-07:00")]
Weekdays = Annotated[list[int] | None, typer.Option("--weekday", help="1 is Monday; may be given again")]
Destination = Annotated[str, typer.Option("--to", help="AE title of a peer, or https://… of a DICOMweb service")]
Priority = Annotated[int, typer.Option(help="greater goes first")]
ReadToken = Annotated[bool, typer.Option("--token-stdin", help="read the service's bearer token from standard input")]


@app.command("add")
def add_route(
    name: str,
    destination: Destination,
    source: Sources = None,
    modality: Modalities = None,
    body_part: BodyParts = None,
    station: Stations = None,
    description: Description = "",
    hours: Hours = "",
    weekday: Weekdays = None,
    priority: Priority = 0,
    token_stdin: ReadToken = False,
) -> None:
    """Send on what arrives from now on. Without further options: everything."""
    rule = _rule(source, modality, body_part, station, description, hours, weekday)
    token = _token(token_stdin)
    with opened_pacs() as pacs:
        routing.add_route(pacs, SYSTEM, name, rule, destination, priority=priority, token=token)


@app.command("list")
def list_routes() -> None:
    """One line a route."""
    with opened_pacs() as pacs:
        for route in routing.all_routes(pacs, SYSTEM):
            rule = route.rule.model_dump_json(exclude_defaults=True)
            state = "" if route.enabled else "  (off)"
            typer.echo(f"{route.name}  {rule}  to {route.destination}  priority {route.priority}{state}")


@app.command("remove")
def remove_route(name: str) -> None:
    """Forget a route; what it has put into the queue stays."""
    with opened_pacs() as pacs:
        routing.remove_route(pacs, SYSTEM, _named(pacs, name).pk)


@app.command("dry-run")
def dry_run(
    name: Annotated[str, typer.Argument(help="a route; none: the rule of the options")] = "",
    source: Sources = None,
    modality: Modalities = None,
    body_part: BodyParts = None,
    station: Stations = None,
    description: Description = "",
    hours: Hours = "",
    weekday: Weekdays = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="of the last days")] = 7,
) -> None:
    """Tell what a rule would have sent of last week's traffic; send nothing."""
    rule = _rule(source, modality, body_part, station, description, hours, weekday)
    with opened_pacs() as pacs:
        found = routing.dry_run(pacs, SYSTEM, _named(pacs, name).rule if name else rule, days)
    for example in found.examples:
        line = (example.study_date, example.modality, example.series_description, example.study_instance_uid)
        typer.echo(f"{example.instances:>6}  {'  '.join(line)}")
    typer.echo(f"{found.series} series, {found.instances} images")


@app.command("queue")
def show_queue(
    state: Annotated[str, typer.Option(help=f"{','.join(deliveries.STATES)}; none: what is not over, and failed")] = "",
    limit: Annotated[int, typer.Option(min=1, help="rows")] = 100,
) -> None:
    """What is on its way, in the order in which it is sent."""
    states = (
        state.split(",") if state else (deliveries.WAITING, deliveries.SENDING, deliveries.PAUSED, deliveries.FAILED)
    )
    with opened_pacs() as pacs:
        page = deliveries.queue(pacs, SYSTEM, states, limit=limit)
    for row in page.rows:
        typer.echo(
            f"{row.pk:>6}  {row.state:<9}  {row.sent}/{row.number}  to {row.destination}  priority {row.priority}  "
            f"attempts {row.attempts}  next {row.next_at:%Y-%m-%d %H:%M:%S}Z  {row.series_instance_uid}  {row.why}"
        )
    typer.echo(f"{page.total} in all", err=True)


@app.command("pause")
def pause(delivery: int) -> None:
    """Hold a delivery back."""
    with opened_pacs() as pacs:
        deliveries.pause(pacs, SYSTEM, delivery)


@app.command("resume")
def resume(delivery: int) -> None:
    """Let a delivery that was held back go on."""
    with opened_pacs() as pacs:
        deliveries.resume(pacs, SYSTEM, delivery)


@app.command("cancel")
def cancel(delivery: int) -> None:
    """Send no more of a delivery."""
    with opened_pacs() as pacs:
        deliveries.cancel(pacs, SYSTEM, delivery)


@app.command("again")
def again(delivery: int) -> None:
    """Try a delivery now, or once more."""
    with opened_pacs() as pacs:
        deliveries.again(pacs, SYSTEM, delivery)


def send(
    study: Annotated[str, typer.Argument(help="Study Instance UID")],
    destination: Destination,
    series: Annotated[str | None, typer.Option(help="only this Series Instance UID")] = None,
    priority: Priority = 0,
    token_stdin: ReadToken = False,
) -> None:
    """Put a study into the queue; `pacs route queue` shows what becomes of it."""
    token = _token(token_stdin)
    with opened_pacs() as pacs:
        number = deliveries.send(pacs, SYSTEM, study, destination, series=series, priority=priority, token=token)
    typer.echo(f"{number} series on their way to {destination}", err=True)


def _rule(
    sources: list[str] | None,
    modalities: list[str] | None,
    body_parts: list[str] | None,
    stations: list[str] | None,
    description: str,
    hours: str,
    weekdays: list[int] | None,
) -> Rule:
    try:
        return Rule(
            sources=tuple(sources or ()),
            modalities=tuple(modalities or ()),
            body_parts=tuple(body_parts or ()),
            station_names=tuple(stations or ()),
            description=description,
            hours=hours,
            weekdays=tuple(weekdays or ()),
        )
    except ValidationError as error:
        for problem in error.errors():
            typer.echo(f"{problem['loc'][0]}: {problem['msg'].removeprefix('Value error, ')}", err=True)
        fail("that is no rule")
        raise


def _named(pacs: Pacs, name: str) -> Route:
    for route in routing.all_routes(pacs, SYSTEM):
        if route.name == name:
            return route
    raise NotFound(f"no route is called {name}")


def _token(is_read: bool) -> str:
    return sys.stdin.readline().strip() if is_read else ""
