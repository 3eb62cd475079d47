"""The worker: it looks for what is due, and hands it to DBOS, which remembers what was begun when a process dies."""

import fcntl
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg
import structlog
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions, error
from sqlalchemy import make_url

from pacs.context import Pacs
from pacs.jobs import STOPPING, Job, pause_after
from pacs.settings import Settings

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
"""How often is looked for work that has become due."""
POLL_EVERY_S = 0.5
"""How often DBOS looks into its queue."""
STOP_PATIENCE_S = 15.0
"""How long a worker that is told to stop lets what is being done come to its next pause."""
SWEEP_EVERY_S = 60.0
"""How often is forgotten what DBOS has done."""
SWEPT_AT_ONCE = 1000
ADVISORY_LOCK = 0x46494C57
"""The worker's own, on PostgreSQL."""
QUEUE, WORKFLOW = "jobs", "job"
ACTIVE = ["ENQUEUED", "DELAYED", "PENDING"]
OVER = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
VERSION = "1"
"""What DBOS knows the program by: not our version, or an upgrade would leave what was begun to nobody."""
EXECUTOR = "worker"


def work(pacs: Pacs, jobs: Sequence[Job], stop: threading.Event) -> None:
    """Do what is due until told to stop; while another worker of this installation lives, only wait."""
    with _alone(pacs.settings, stop) as is_still_alone:
        if stop.is_set():
            return
        desk = _Desk(pacs, {job.name: job for job in jobs}, stop)
        with _dbos(pacs.settings, desk.run):
            desk.take_up()
            while not stop.wait(LOOK_EVERY_S):
                is_still_alone()
                desk.hand_out()
            desk.wait_until_idle(STOP_PATIENCE_S)


@dataclass(slots=True)
class _Desk:
    """What is being done. Its own thread hands out, DBOS' threads run."""

    pacs: Pacs
    jobs: dict[str, Job]
    stop: threading.Event
    _idle: threading.Condition = field(default_factory=threading.Condition)
    _running: set[tuple[str, str]] = field(default_factory=set)
    _failures: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    """How often a run raised, and when it may be tried again."""
    _swept: float = 0.0

    def take_up(self) -> None:
        """What a worker that died was doing: DBOS begins it again."""
        for workflow in DBOS.list_workflows(status=ACTIVE, load_output=False):
            if workflow.input is not None:
                name, key = workflow.input["args"]
                self._running.add((name, key))

    def hand_out(self) -> None:
        """Give DBOS of each job as much of what is most urgent now as may be done at once."""
        for job in self.jobs.values():
            try:
                self._hand_out(job)
            except Exception:
                log.exception("work could not be handed out", job=job.name)
        if time.monotonic() - self._swept > SWEEP_EVERY_S:
            self._swept = time.monotonic()
            _forget_what_is_over()

    def run(self, name: str, key: str) -> None:
        """What DBOS calls, again after a crash. It never raises: what is still to be done stays due in its row."""
        job = self.jobs.get(name)
        token = STOPPING.set(self.stop)
        try:
            if job is not None and not self.stop.is_set():
                job.run(self.pacs, key)
                self._failures.pop((name, key), None)
        except Exception:
            attempts = self._failures.get((name, key), (0, 0.0))[0] + 1
            self._failures[name, key] = attempts, time.monotonic() + pause_after(attempts).total_seconds()
            log.exception("work failed", job=name, key=key, attempts=attempts)
        finally:
            STOPPING.reset(token)
            self._ended(name, key)

    def wait_until_idle(self, seconds: float) -> None:
        with self._idle:
            self._idle.wait_for(lambda: not self._running, seconds)

    def _hand_out(self, job: Job) -> None:
        with self._idle:
            running = {key for name, key in self._running if name == job.name}
        free = job.at_once - len(running)
        for key in job.due(self.pacs) if free > 0 else ():
            if free <= 0:
                return
            if key not in running and self._may_be_tried(job.name, key):
                free -= self._enqueue(job.name, key)

    def _may_be_tried(self, name: str, key: str) -> bool:
        return self._failures.get((name, key), (0, 0.0))[1] <= time.monotonic()

    def _enqueue(self, name: str, key: str) -> bool:
        """Whether it is in the queue now: nothing is there twice, whoever put it there."""
        with self._idle:
            self._running.add((name, key))
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "app_version": VERSION,
            "deduplication_id": f"{name}/{key}",
        }
        try:
            DBOS.enqueue_workflow_with_options(options, name, key)
        except error.DBOSQueueDeduplicatedError:  # its last run has ended, and DBOS is about to note it
            self._ended(name, key)
            return False
        except BaseException:
            self._ended(name, key)
            raise
        return True

    def _ended(self, name: str, key: str) -> None:
        with self._idle:
            self._running.discard((name, key))
            self._idle.notify_all()


class _Log(logging.Handler):
    """DBOS' own words. It knows names of jobs and numbers of rows, nothing of patients."""

    def emit(self, record: logging.LogRecord) -> None:
        log.warning("DBOS says", text=record.getMessage())


@contextmanager
def _dbos(settings: Settings, run: Callable[[str, str], None]) -> Iterator[None]:
    """DBOS at work in this process: it calls `run` for what is enqueued, and for what it had begun when it was killed.

    It tells nobody: no telemetry, no conductor, no port.
    """
    dbos_log = logging.getLogger("dbos")
    dbos_log.handlers, dbos_log.propagate = [_Log(logging.WARNING)], False
    DBOS(config=_config_of(settings))
    DBOS.workflow(name=WORKFLOW)(_as_workflow(run))
    try:
        DBOS.launch()
        DBOS.register_queue(QUEUE, polling_interval_sec=POLL_EVERY_S, on_conflict="always_update")
        yield
    finally:
        DBOS.destroy(destroy_registry=True)


def _as_workflow(run: Callable[[str, str], None]) -> Callable[[str, str], None]:
    """DBOS knows a workflow by the name of a function."""

    def job(name: str, key: str) -> None:
        run(name, key)

    return job


def _config_of(settings: Settings) -> DBOSConfig:
    is_sqlite = settings.database.startswith("sqlite")
    return {
        "name": "filmless",
        # On SQLite a file of its own: DBOS would write without the writer's turn.
        "system_database_url": f"sqlite:///{settings.data / 'jobs.sqlite'}" if is_sqlite else settings.database,
        "dbos_system_schema": "dbos",
        "sys_db_pool_size": 4,
        "db_engine_kwargs": {"hide_parameters": True},
        "application_version": VERSION,
        "executor_id": EXECUTOR,
        "serializer": DBOSPortableJSONSerializer(),  # the default would unpickle what the database says
        "use_listen_notify": False,
        "enable_otlp": False,
        "log_level": "WARNING",
        "scheduler_polling_interval_sec": 3600.0,
    }


def _forget_what_is_over() -> None:
    """The rows of the features tell what became of it."""
    over = DBOS.list_workflows(status=OVER, limit=SWEPT_AT_ONCE, load_input=False, load_output=False)
    if over:
        DBOS.delete_workflows([workflow.workflow_id for workflow in over])


@contextmanager
def _alone(settings: Settings, stop: threading.Event) -> Iterator[Callable[[], None]]:
    """The one worker of the installation, or stop is set. Gives a check that raises when it is no longer the one."""
    if settings.database.startswith("sqlite"):
        with _holding_file(settings, stop) as check:
            yield check
    else:
        with _holding_advisory_lock(settings, stop) as check:
            yield check


@contextmanager
def _holding_file(settings: Settings, stop: threading.Event) -> Iterator[Callable[[], None]]:
    with (settings.data / "jobs.lock").open("w") as file:
        while not stop.is_set():
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            stop.wait(LOOK_EVERY_S)
        yield lambda: None


@contextmanager
def _holding_advisory_lock(settings: Settings, stop: threading.Event) -> Iterator[Callable[[], None]]:
    url = make_url(settings.database).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:

        def check() -> None:
            connection.execute("SELECT 1")  # the lock lives as long as the connection

        def is_mine() -> bool:
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK]).fetchone()
            return bool(row and row[0])

        while not stop.is_set() and not is_mine():
            stop.wait(LOOK_EVERY_S)
        yield check
