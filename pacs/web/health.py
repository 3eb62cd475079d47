"""Whether the web door is alive and ready, and numbers for Prometheus."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from pacs.archive.find import count
from pacs.context import SYSTEM, Pacs
from pacs.dicom.attributes import Level
from pacs.dicom.query import Query
from pacs.web.auth import admit, pacs_of

log = structlog.get_logger(__name__)

router = APIRouter(tags=["health"])


@router.get("/healthz")
def tell_alive() -> Response:
    """The process answers."""
    return PlainTextResponse("alive\n")


@router.get("/readyz")
def tell_ready(request: Request) -> Response:
    """Whether everything the door needs is there; 503 names what is not."""
    missing = [name for name, is_ready in NEEDS.items() if not _is(is_ready, name, pacs_of(request))]
    return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200)


@router.get("/metrics")
def tell_numbers(request: Request) -> Response:
    """What is kept, and what the processes of this door cost. For a signed-in caller, or on this machine."""
    admit(request)
    return Response(generate_latest(_numbers(pacs_of(request))), media_type=CONTENT_TYPE_LATEST)


def _index_is_ready(pacs: Pacs) -> bool:
    return pacs.database.is_current()


def _objects_are_ready(pacs: Pacs) -> bool:
    """The store answers a question, and there is room for the next instance."""
    pacs.objects.exists("ready")
    free = pacs.objects.free()
    return free is None or free > 0


NEEDS: Mapping[str, Callable[[Pacs], bool]] = {"index": _index_is_ready, "objects": _objects_are_ready}


def _is(is_ready: Callable[[Pacs], bool], name: str, pacs: Pacs) -> bool:
    try:
        return is_ready(pacs)
    except Exception:  # whatever it is, the answer is no
        log.warning("not ready", dependency=name, exc_info=True)
        return False


def _numbers(pacs: Pacs) -> CollectorRegistry:
    """Made anew for each question: no process counts for another, so whichever answers, the numbers agree."""
    registry = CollectorRegistry()
    for name, level in (("studies", Level.STUDY), ("series", Level.SERIES), ("instances", Level.IMAGE)):
        Gauge(f"pacs_{name}", f"{name} that are kept", registry=registry).set(count(pacs, SYSTEM, Query(level)))
    free = pacs.objects.free()
    if free is not None:
        Gauge("pacs_objects_free_bytes", "room in the object store", registry=registry).set(free)
    memory = Gauge("pacs_process_resident_memory_bytes", "memory of one process", ["pid"], registry=registry)
    processor = Gauge("pacs_process_cpu_seconds", "processor time of one process", ["pid"], registry=registry)
    files = Gauge("pacs_process_open_files", "open files of one process", ["pid"], registry=registry)
    for pid in _pids():
        with suppress(OSError):  # it may end while we look
            process = Path("/proc", pid)
            fields = (process / "stat").read_text().rpartition(")")[2].split()  # proc(5), from its third field on
            processor.labels(pid).set((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
            memory.labels(pid).set(int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))
            files.labels(pid).set(len(list((process / "fd").iterdir())))
    return registry


def _pids() -> list[str]:
    """This process and its brothers under the same supervisor (Linux; elsewhere none)."""
    parent = os.getppid()
    children = Path(f"/proc/{parent}/task/{parent}/children")
    return children.read_text().split() if children.exists() else []
