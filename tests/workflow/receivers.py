"""Destinations: a pynetdicom peer and a DICOMweb service that take what they are told to take."""

import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt

from pacs.dicom.multipart import MultipartReader, PartBegins, PartEnds

UNCOMPRESSED = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


@dataclass
class Received:
    """What has come, in its order."""

    uids: list[str] = field(default_factory=list)
    data_sets: dict[str, Dataset] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    port: int = 0

    def times(self) -> Counter[str]:
        return Counter(self.uids)


@contextmanager
def peer(
    name: str = "PEER",
    port: int = 0,
    answer: Callable[[str], int] = lambda uid: 0,
    transfer_syntaxes: tuple[str, ...] = UNCOMPRESSED,
    takes_s: float = 0.0,
) -> Iterator[Received]:
    """A storage SCP. answer: the status for a SOP Instance UID, asked before the instance counts as received.

    takes_s: how long it takes for an instance.
    """
    received = Received()

    def take(event: evt.Event) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        status = answer(uid)
        time.sleep(takes_s)
        if status == 0:
            received.uids.append(uid)
            received.data_sets[uid] = event.dataset
        return status

    ae = AE(ae_title=name)
    ae.require_called_aet = True
    ae.add_supported_context(CTImageStorage, list(transfer_syntaxes))
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, take)])
    received.port = server.server_address[1]
    try:
        yield received
    finally:
        server.shutdown()


@contextmanager
def service(answer: Callable[[list[str]], tuple[int, dict[str, int]]]) -> Iterator[Received]:
    """A STOW-RS service. answer: for the UIDs of a request the status, and the Failure Reason of those that failed."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            received.tokens.add(self.headers.get("authorization", ""))
            body = self.rfile.read(int(self.headers["content-length"]))
            found = [pydicom.dcmread(io.BytesIO(part)) for part in parts_of(self.headers["content-type"], body)]
            status, failed = answer([ds.SOPInstanceUID for ds in found])
            if status in (200, 202):
                for ds in found:
                    if ds.SOPInstanceUID not in failed:
                        received.uids.append(ds.SOPInstanceUID)
                        received.data_sets[ds.SOPInstanceUID] = ds
            self.give(status, failed)

        def give(self, status: int, failed: dict[str, int]) -> None:
            items = [
                {"00081155": {"vr": "UI", "Value": [uid]}, "00081197": {"vr": "US", "Value": [reason]}}
                for uid, reason in failed.items()
            ]
            document = {"00081198": {"vr": "SQ", "Value": items}} if failed else {}
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def parts_of(content_type: str, body: bytes) -> list[bytes]:
    reader = MultipartReader(content_type)
    parts: list[bytes] = []
    for event in reader.feed(body):
        if isinstance(event, PartBegins):
            parts.append(b"")
        elif not isinstance(event, PartEnds):
            parts[-1] += event
    reader.finish()
    return parts
