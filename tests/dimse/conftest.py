"""The DIMSE door in a thread of this process, on a free port, and what peers of it need."""

import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_role
from pynetdicom.association import Association

from pacs.context import Pacs
from pacs.dimse.server import serve_dicom
from pacs.index.session import Database
from pacs.peers.dimse import context_for, store
from pacs.settings import Settings
from pacs.upper_layer.association import associate, request_of
from storage import open_store
from tests.make import data_set_bytes

ECHO = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
EXPLICIT = ExplicitVRLittleEndian
IMPLICIT = "1.2.840.10008.1.2"
PATIENCE_S = 20


@dataclass(frozen=True, slots=True)
class Door:
    """A running door."""

    pacs: Pacs
    port: int
    tls_port: int = 0

    def files(self) -> list[Path]:
        """Everything under the object store's folder."""
        root = self.pacs.settings.data / "objects"
        return [path for path in root.rglob("*") if path.is_file()]


@contextmanager
def opened(data: Path, *, tls: ssl.SSLContext | None = None, **settings: Any) -> Iterator[Door]:
    """A door on a data folder of its own until the block is left."""
    configured = Settings(data=data, **settings)
    data.mkdir(parents=True, exist_ok=True)
    database = Database(configured.database)
    database.migrate()
    pacs = Pacs(configured, database, open_store(configured.objects, spool=data / "spool"))
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as plain, socket.create_server(("127.0.0.1", 0)) as secure:
        sockets = [(plain, None), *([(secure, tls)] if tls else [])]
        thread = threading.Thread(target=serve_dicom, args=(pacs, sockets, stop))
        thread.start()
        try:
            yield Door(pacs, plain.getsockname()[1], secure.getsockname()[1] if tls else 0)
        finally:
            stop.set()
            thread.join()
            pacs.objects.close()
            database.close()


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """One for the whole session: tests find their own studies again by their UIDs."""
    with opened(tmp_path_factory.mktemp("door")) as one:
        yield one


@pytest.fixture(scope="session")
def server_tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's context with a certificate made for this session."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on the path to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


def dcmtk(program: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program of dcmtk; skip where there is none."""
    if shutil.which(program) is None:
        pytest.skip(f"no {program} on the path (Debian: apt-get install dcmtk)")
    return subprocess.run(
        [program, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=60,
        check=False,
        **options,
    )


@contextmanager
def associated(
    door: Door,
    contexts: Sequence[tuple[str, Sequence[str]]],
    *,
    called: str = "PACS",
    calling: str = "TEST",
    roles: Sequence[str] = (),
    handlers: Sequence[Any] = (),
    extended: Sequence[Any] = (),
) -> Iterator[Association]:
    """An association of pynetdicom as SCU. roles: SOP classes for which it will be SCP."""
    ae = AE(ae_title=calling)
    ae.maximum_pdu_size = 0
    for abstract_syntax, transfer_syntaxes in contexts:
        ae.add_requested_context(abstract_syntax, list(transfer_syntaxes))
    negotiation = [build_role(uid, scp_role=True) for uid in roles] + list(extended)
    association = ae.associate(
        "127.0.0.1", door.port, ae_title=called, ext_neg=negotiation, evt_handlers=list(handlers)
    )
    running = association._reactor_checkpoint
    association._reactor_checkpoint = Paused()
    try:
        yield association
    finally:
        if association.is_established:
            association.release()
        association._reactor_checkpoint = running
        running.set()


class Paused(threading.Event):
    """Keeps pynetdicom's reactor from taking answers away that the caller waits for: on a busy machine it does."""

    def set(self) -> None:
        pass


def store_all(door: Door, *datasets: Dataset) -> list[int]:
    """C-STORE each over one association, its bytes as the dataset was made; the statuses."""
    pairs = sorted({(str(ds.SOPClassUID), str(ds.file_meta.TransferSyntaxUID)) for ds in datasets})
    request = request_of("TEST", "PACS", [(sop_class, [syntax]) for sop_class, syntax in pairs])
    statuses = []
    with associate(("127.0.0.1", door.port), request) as association:
        for ds in datasets:
            context = context_for(association, str(ds.SOPClassUID), str(ds.file_meta.TransferSyntaxUID))
            assert context is not None
            statuses.append(store(association, context, str(ds.SOPInstanceUID), [data_set_bytes(ds)]))
        association.release()
    return statuses


def rejection_of(association: Association) -> tuple[int, int, int]:
    """Result, source and reason (PS3.8 Table 9-21).

    Where all was said before pynetdicom noticed that it was connected, it calls that an abort, and its queue has it.
    """
    rejection = association.acceptor.primitive or association.dul.to_user_queue.get_nowait()
    return rejection.result, rejection.result_source, rejection.diagnostic


def wait_for(condition: Callable[[], bool]) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


class RawPeer:
    """A peer that says what it is told to, byte by byte."""

    def __init__(self, door: Door) -> None:
        self.socket = socket.create_connection(("127.0.0.1", door.port), timeout=PATIENCE_S)

    def associate(self, abstract_syntax: str = CT, transfer_syntax: str = EXPLICIT) -> None:
        """With the one context 1."""
        syntaxes = item(0x30, abstract_syntax.encode()) + item(0x40, transfer_syntax.encode())
        items = (
            item(0x10, b"1.2.840.10008.3.1.1.1")
            + item(0x20, b"\1\0\0\0" + syntaxes)
            + item(0x50, item(0x51, struct.pack(">L", 16384)) + item(0x52, b"1.2.3"))
        )
        body = struct.pack(">Hxx16s16s32x", 1, b"PACS".ljust(16), b"RAW".ljust(16)) + items
        self.socket.sendall(struct.pack(">BxL", 1, len(body)) + body)
        assert self.receive_pdu()[0] == 2

    def send(self, *pdvs: bytes) -> None:
        """One P-DATA PDU."""
        body = b"".join(pdvs)
        self.socket.sendall(struct.pack(">BxL", 4, len(body)) + body)

    def receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            assert piece, "the door closed the connection"
            data += piece
        return data

    def receive_pdu(self) -> tuple[int, bytes]:
        kind, length = struct.unpack(">BxL", self.receive(6))
        return kind, self.receive(length)

    def is_closed(self) -> bool:
        """Whether the door has closed the connection; what it said before is passed over."""
        try:
            while self.socket.recv(4096):
                pass
        except TimeoutError:
            return False
        except ConnectionResetError:
            pass
        return True

    def abort(self) -> None:
        self.socket.sendall(bytes.fromhex("0700 00000004 0000 0000"))

    def __enter__(self) -> "RawPeer":
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def pdv(control: int, value: bytes) -> bytes:
    """A fragment in context 1. control: 1 for a command, 2 for the last."""
    return struct.pack(">LBB", len(value) + 2, 1, control) + value


def store_command(sop_instance_uid: str, sop_class_uid: str = CT) -> bytes:
    """A C-STORE-RQ by hand (PS3.7 9.3.1.1)."""
    uids = [uid.encode() + b"\0" * (len(uid) % 2) for uid in (sop_class_uid, sop_instance_uid)]
    elements = (
        (0x0002, uids[0]),
        (0x0100, b"\1\0"),
        (0x0110, b"\1\0"),
        (0x0700, b"\0\0"),
        (0x0800, b"\1\0"),
        (0x1000, uids[1]),
    )
    body = b"".join(struct.pack("<HHL", 0, element, len(value)) + value for element, value in elements)
    return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


def response_of(command: bytes) -> dict[int, bytes]:
    """The elements of a command set by their number."""
    elements, start = {}, 0
    while start < len(command):
        _, element, length = struct.unpack_from("<HHL", command, start)
        elements[element] = command[start + 8 : start + 8 + length]
        start += 8 + length
    return elements


def identifier(**keys: str | None) -> Dataset:
    ds = Dataset()
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds
