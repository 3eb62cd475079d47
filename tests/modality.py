"""A modality that asks for storage commitment, hears what becomes of it, and of what is available."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pynetdicom import AE, evt

from pacs.context import SYSTEM, Pacs
from pacs.dicom.references import (
    INSTANCE_AVAILABILITY_NOTIFICATION,
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    Reference,
)
from pacs.peers import directory


@dataclass(slots=True)
class Modality:
    """pynetdicom as one: it asks, and takes reports on the association it asked by, or on its own port."""

    name: str
    reports: list[Any] = field(default_factory=list)
    """Event type and information, as they came."""
    told: list[Dataset] = field(default_factory=list)
    """Notifications of what is available."""
    statuses: list[int] = field(default_factory=list)
    """To answer reports with, one by one; then Success."""
    roles: list[tuple[bool, bool]] = field(default_factory=list)
    """Of each that called us to report: whether it said that it is SCU, and SCP."""
    came: threading.Event = field(default_factory=threading.Event)

    def take(self, event: Any) -> tuple[int, None]:
        self.reports.append((event.event_type, event.event_information, event.request.AffectedSOPInstanceUID))
        called = event.assoc.requestor.role_selection.values()
        self.roles += [(bool(role.scu_role), bool(role.scp_role)) for role in called]
        self.came.set()
        return (self.statuses.pop(0) if self.statuses else 0), None

    def hear(self, event: Any) -> tuple[int, Dataset]:
        self.told.append(event.attribute_list)
        return 0, Dataset()

    def ask(self, port: int, transaction_uid: str, references: Sequence[Reference], *, stay: bool = True) -> int:
        """The status of the answer. stay: keep the association until the report has come."""
        ae = AE(ae_title=self.name)
        ae.add_requested_context(STORAGE_COMMITMENT)
        handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, self.take)]
        association = ae.associate("127.0.0.1", port, ae_title="PACS", evt_handlers=handlers)
        assert association.is_established
        status, _ = association.send_n_action(
            request_set(transaction_uid, references), 1, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
        )
        if stay:
            assert self.came.wait(20), "no report came"
        association.release()
        return int(status.Status)

    @contextmanager
    def listening(self, pacs: Pacs, port: int = 0) -> Iterator[int]:
        """Its port, which is made known to the PACS unless it is named: then it is back."""
        ae = AE(ae_title=self.name)
        ae.add_supported_context(STORAGE_COMMITMENT, scu_role=False, scp_role=True)
        ae.add_supported_context(INSTANCE_AVAILABILITY_NOTIFICATION)
        handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, self.take), (evt.EVT_N_CREATE, self.hear)]
        server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
        assert server is not None
        try:
            if not port:
                port = server.server_address[1]
                directory.add(pacs, SYSTEM, self.name, "127.0.0.1", port, may=["store", "commit"])
            yield port
        finally:
            server.shutdown()


def request_set(transaction_uid: str, references: Sequence[Reference]) -> Dataset:
    ds = Dataset()
    ds.TransactionUID = transaction_uid
    ds.ReferencedSOPSequence = Items([item_of(reference) for reference in references])
    return ds


def item_of(reference: Reference) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID, ds.ReferencedSOPInstanceUID = reference
    return ds


def reference_of(ds: Dataset) -> Reference:
    return Reference(str(ds.SOPClassUID), str(ds.SOPInstanceUID))


def references_in(items: Sequence[Dataset]) -> list[Reference]:
    return [Reference(item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) for item in items]
