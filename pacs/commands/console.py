"""What every command needs: the settings, an opened installation, and plain words when something is wrong."""

import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from pydantic import ValidationError

from pacs.archive import recovery
from pacs.context import Pacs
from pacs.errors import PacsError
from pacs.settings import Settings
from pacs.wiring import close_pacs, open_pacs
from storage import StoreError


def settings_of(**flags: Any) -> Settings:
    """Environment and `pacs.toml`, with flags on top; a wrong value ends the program and names the setting."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        for problem in error.errors():
            name = f"PACS_{problem['loc'][0]}".upper() if problem["loc"] else "settings"
            typer.echo(f"{name}: {problem['msg'].removeprefix('Value error, ')}", err=True)
    except tomllib.TOMLDecodeError as error:
        typer.echo(f"pacs.toml: {error}", err=True)
    raise typer.Exit(2)


@contextmanager
def opened_pacs() -> Iterator[Pacs]:
    """The installation of the current settings, its schema up to date."""
    with told_plainly():
        pacs = open_pacs(settings_of())
        try:
            migrate(pacs)
            yield pacs
        finally:
            close_pacs(pacs)


@contextmanager
def told_plainly() -> Iterator[None]:
    """What a person can act on is a sentence, not a traceback."""
    try:
        yield
    except (PacsError, StoreError, OSError, ValueError) as error:
        fail(str(error))


@contextmanager
def told_progress(label: str) -> Iterator[recovery.Progress]:
    """A callback that shows a growing number to whoever sits before a terminal."""

    def show(count: int) -> None:
        if sys.stderr.isatty():
            typer.echo(f"\r{count} {label}", err=True, nl=False)

    yield show
    if sys.stderr.isatty():
        typer.echo("", err=True)


def fail(sentence: str) -> None:
    typer.echo(f"pacs: {sentence}", err=True)
    raise typer.Exit(1)


def migrate(pacs: Pacs) -> None:
    """SQLite by itself; a shared PostgreSQL only when an administrator says so."""
    if pacs.settings.database.startswith("sqlite") or not pacs.database.is_current():
        if not pacs.settings.database.startswith("sqlite"):
            raise PacsError("the schema is not this version's: run `pacs migrate` first")
        pacs.database.migrate()
