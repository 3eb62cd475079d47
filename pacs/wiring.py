"""Joins the parts: settings to a Pacs, a Pacs to its doors. Knows every room; only `__main__` stands above."""

import logging
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pydicom.config
import structlog
import uvicorn

from pacs.conformance import statement
from pacs.context import Pacs
from pacs.dimse.server import serve_dicom
from pacs.index.session import Database
from pacs.jobs import Job
from pacs.peers.tls import server_context
from pacs.sandbox import Sandbox
from pacs.settings import Address, Settings
from pacs.web.accepting import SharingServer
from pacs.web.app import create_app
from pacs.web.events import PING_EVERY_S, PONG_WITHIN_S
from pacs.web.protocol import BoundedHttp
from pacs.workflow import (
    commitment,
    erasure,
    further,
    notification,
    preparation,
    renditions,
    routing,
    sending,
    workitems,
)
from storage import open_store

Door = Literal["dicom", "web", "worker"]
DOORS: tuple[Door, ...] = ("dicom", "web", "worker")
JOBS: tuple[Job, ...] = (
    commitment.JOB,
    notification.JOB,
    routing.JOB,
    sending.JOB,
    erasure.JOB,
    preparation.JOB,
    renditions.JOB,
    further.JOB,
    workitems.JOB,
)
"""The work that each feature leaves for later."""
BACKLOG = 128
LONGEST_MESSAGE = 64 << 10
"""Bytes that somebody may send on a WebSocket, where we only tell."""
LEAST_URGENT = 19
"""Of what the worker encodes: it has the time that nobody else wants."""
STOP_TIMEOUT_S = 20
"""How long a door lets what is in flight finish."""


def configure_logging() -> None:
    """One line a fact on standard error: for people on a terminal, JSON for everything else."""
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries quote what they were given, and that may be a patient's name: only their alarms are let through.
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    # What we read was checked at the door; pydicom would warn of every real machine's habits.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    for library in ("pydicom", "pynetdicom", "urllib3"):
        logging.getLogger(library).setLevel(logging.CRITICAL)


def open_pacs(settings: Settings) -> Pacs:
    """The index and the objects of this installation. Raises StorageFault, OutOfResources."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    objects = open_store(
        settings.objects,
        spool=settings.data / "spool",
        access_key=settings.s3_access_key.get_secret_value(),
        secret_key=settings.s3_secret_key.get_secret_value(),
        connections=4 * settings.workers + 16,
    )
    return Pacs(settings, Database(settings.database), objects)


def close_pacs(pacs: Pacs) -> None:
    pacs.sandbox.close()
    pacs.database.close()
    pacs.objects.close()


def addresses_of(door: Door, settings: Settings) -> list[Address]:
    """Where a door listens."""
    if door == "worker":
        return []
    if door == "web":
        return [settings.http]
    return [settings.dicom, *([settings.dicom_tls] if settings.dicom_tls else [])]


def processes_of(door: Door, settings: Settings) -> int:
    """How many stand behind a door. Work is left to one, so nothing is done by two."""
    return 1 if door == "worker" else settings.workers


def listen(address: Address) -> socket.socket:
    """A listening socket that all processes of a door share. Raises OSError when the address is taken."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)
    listener.set_inheritable(True)
    return listener


def run_door(door: Door, settings: Settings, listeners: list[socket.socket], stop: threading.Event) -> None:
    """One process behind a door, until told to stop."""
    pacs = open_pacs(settings)
    try:
        serve: Callable[[Pacs, list[socket.socket], threading.Event], None]
        serve = {"dicom": _serve_dicom, "web": _serve_web, "worker": _serve_worker}[door]
        serve(pacs, listeners, stop)
    finally:
        close_pacs(pacs)


def _serve_dicom(pacs: Pacs, listeners: list[socket.socket], stop: threading.Event) -> None:
    plain, *encrypted = listeners
    sockets: list[tuple[socket.socket, ssl.SSLContext | None]] = [(plain, None)]
    sockets += [(listener, server_context(pacs.settings)) for listener in encrypted]
    serve_dicom(pacs, sockets, stop)


def _serve_web(pacs: Pacs, listeners: list[socket.socket], stop: threading.Event) -> None:
    config = uvicorn.Config(
        create_app(pacs, statement),
        http=BoundedHttp,
        ws="websockets-sansio",
        ws_max_size=LONGEST_MESSAGE,
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=PONG_WITHIN_S,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    server = SharingServer(config)

    def end_when_told() -> None:
        stop.wait()
        server.should_exit = True

    threading.Thread(target=end_when_told, daemon=True).start()
    # Loading the codecs takes half a second, and nobody need wait for it.
    threading.Thread(target=pacs.sandbox.start, daemon=True).start()
    server.run(sockets=listeners)


def _serve_worker(pacs: Pacs, listeners: list[socket.socket], stop: threading.Event) -> None:
    # Only here: what it brings along costs every command a third of a second, and every process 11 MB.
    from pacs.jobs.worker import work

    in_background = replace(pacs, sandbox=Sandbox(processes=1, nice=LEAST_URGENT))
    try:
        work(in_background, JOBS, stop)
    finally:
        in_background.sandbox.close()
