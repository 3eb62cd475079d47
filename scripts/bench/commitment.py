"""Storage commitment: how long it takes until a modality is told that all it sent is kept."""

import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from pynetdicom import AE, evt

from pacs.dicom.references import (
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    CommitmentRequest,
    Reference,
    encode_request,
)
from pacs.upper_layer.association import Association, associate, request_of
from pacs.upper_layer.message import N_ACTION_RQ, N_EVENT_REPORT_RQ, RESPONSE, WITH_DATA_SET, Command
from scripts.bench.load import Study, studies
from scripts.bench.measure import Comparison, Goal, Scale, alternate
from scripts.bench.servers import Running, filmless, fresh_folder
from scripts.bench.storing import send
from tests.server import environment_of, free_port, run_pacs

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
MODALITY = "BENCH"
STUDIES = 10
INSTANCES = 100
PATIENCE_S = 120
ALL_COMMITTED = 1


def commit(scale: Scale) -> Iterator[Comparison]:
    """1,000 instances in one transaction, by a modality that waits, and by one that leaves and is called."""
    if not shutil.which("storescu"):
        return
    load = studies(scale.folder / "load" / "retrieve", [scale.of(INSTANCES, 4)] * STUDIES)
    folder, port = fresh_folder(scale.folder), free_port()
    with filmless(folder) as server:
        add = run_pacs(environment_of(folder), "peer", "add", MODALITY, "127.0.0.1", str(port), "--may", "store,commit")
        if add.returncode:
            raise RuntimeError(add.stderr)
        send(server, [study.folder for study in load])
        found = alternate({"ours": partial(_round, server, load, port)}, scale)["ours"]
    count = sum(study.count for study in load)
    for how in ("the modality waits", "the modality leaves"):
        work = f"commitment of {count} instances of 526 kB, {how}"
        yield Comparison("commit", work, "s", Goal("at most", 2), found[how])


def _round(server: Running, load: Sequence[Study], port: int) -> dict[str, float]:
    references = tuple(Reference(CT, uid) for study in load for uid in study.instance_uids)
    return {
        "the modality waits": _wait(server, references),
        "the modality leaves": _leave(server, references, port),
    }


def _wait(server: Running, references: tuple[Reference, ...]) -> float:
    """Seconds until the report comes on the association that asked."""
    request = request_of(MODALITY, server.ae_title, [(STORAGE_COMMITMENT, [EXPLICIT])])
    with associate(("127.0.0.1", server.dicom_port), request) as association:
        began = time.perf_counter()
        _ask(association, references)
        report = association.receive()
        took = time.perf_counter() - began
        if report is None or report.command.event_type_id != ALL_COMMITTED:
            raise RuntimeError("not all was committed")
        answer = Command(
            command_field=N_EVENT_REPORT_RQ | RESPONSE,
            message_id_being_responded_to=report.command.message_id,
            status=0,
        )
        for _ in association.data_set():
            pass
        association.send(report.context, answer)
        association.release()
    return took


def _leave(server: Running, references: tuple[Reference, ...], port: int) -> float:
    """Seconds until the report comes on an association of the server's own."""
    events: list[int] = []
    came = threading.Event()

    def take(event: Any) -> tuple[int, None]:
        events.append(event.event_type)
        came.set()
        return 0, None

    ae = AE(ae_title=MODALITY)
    ae.add_supported_context(STORAGE_COMMITMENT, scu_role=False, scp_role=True)
    handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, take)]
    listener = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    request = request_of(MODALITY, server.ae_title, [(STORAGE_COMMITMENT, [EXPLICIT])])
    try:
        with associate(("127.0.0.1", server.dicom_port), request) as association:
            began = time.perf_counter()
            _ask(association, references)
            association.release()
        if not came.wait(PATIENCE_S) or events != [ALL_COMMITTED]:
            raise RuntimeError(f"not all was committed: events {events}")
        return time.perf_counter() - began
    finally:
        assert listener is not None
        listener.shutdown()


def _ask(association: Association, references: tuple[Reference, ...]) -> None:
    [context] = association.contexts.values()
    command = Command(
        command_field=N_ACTION_RQ,
        message_id=association.next_message_id(),
        requested_sop_class_uid=STORAGE_COMMITMENT,
        requested_sop_instance_uid=STORAGE_COMMITMENT_INSTANCE,
        action_type_id=1,
        command_data_set_type=WITH_DATA_SET,
    )
    asked = CommitmentRequest(f"2.25.{uuid4().int}", references)
    association.send(context, command, [encode_request(asked, EXPLICIT)])
    status = association.response().status
    if status != 0:
        raise RuntimeError(f"commitment is refused with {status:04X}")
