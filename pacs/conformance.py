"""The DICOM conformance statement (PS3.2), made from what is registered: what is written here cannot drift from it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pydicom._uid_dict import UID_dictionary
from pynetdicom import ALL_TRANSFER_SYNTAXES  # it gives pydicom the names of those that pydicom does not know yet

import pacs
from pacs.dicom import status
from pacs.dicom.attributes import ATTRIBUTES, MEMBERS, Level
from pacs.dicom.charset import CHARACTER_SETS
from pacs.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs.dicom.query import WILDCARD_VRS
from pacs.dicom.references import INSTANCE_AVAILABILITY_NOTIFICATION, STORAGE_COMMITMENT
from pacs.dicom.transcode import TARGETS
from pacs.dimse import contexts
from pacs.peers import retrieve
from pacs.peers.dimse import UNCOMPRESSED, VERIFICATION
from pacs.settings import Settings
from pacs.upper_layer import association, wire
from pacs.upper_layer.pdu import APPLICATION_CONTEXT, MOST_CONTEXTS
from pacs.web.app import ROUTERS
from pacs.web.capabilities import BASE, Method, methods_of
from pacs.web.problem import STATUS as HTTP_STATUS
from pacs.workflow import workitems

USED = frozenset(
    (
        VERIFICATION,
        STORAGE_COMMITMENT,
        INSTANCE_AVAILABILITY_NOTIFICATION,
        retrieve.STUDY_ROOT_FIND,
        retrieve.STUDY_ROOT_MOVE,
        retrieve.STUDY_ROOT_GET,
    )
)
"""What we ask of peers, besides storing."""
WEB_COLUMNS: Mapping[str, Callable[[Method], str]] = {
    "Resources": lambda method: method.description,
    "Media types of answers": lambda method: ", ".join(f"`{name}`" for name in method.kind.gives),
    "Media types of requests": lambda method: ", ".join(f"`{name}`" for name in method.kind.takes),
    "Parameters": lambda method: ", ".join(f"`{name}`" for name in method.kind.parameters),
}
RANGE_VRS = frozenset(("DA", "TM", "DT"))
FIND_BYTES = (
    "relational queries",
    "combined date and time matching",
    "fuzzy semantic matching of person names",
    "timezone query adjustment",
    "enhanced multi-frame image conversion",
    "empty value matching",
    "multiple value matching",
)
"""PS3.4 Table C.5-2, in the order of its bytes."""


def statement(settings: Settings) -> str:
    """The whole statement, as Markdown."""
    sections = (_overview, _association_policies, _services, _storage, _query, _web, _character_sets, _security)
    return "\n\n".join("\n".join(section(settings)) for section in sections) + "\n"


def service_classes() -> list[str]:
    """Abstract syntaxes that are accepted besides those of storage."""
    return sorted(contexts.SERVICES)


def storage_classes() -> list[str]:
    """SOP classes of the standard that are stored, current and retired."""
    return [uid for uid in UID_dictionary if contexts.is_storage(uid)]


def transfer_syntaxes() -> list[str]:
    """Transfer syntaxes of the standard in which instances are stored."""
    known = {uid for uid, (_, kind, *_) in UID_dictionary.items() if kind == "Transfer Syntax"}
    return sorted(filter(contexts.is_takable, known.union(ALL_TRANSFER_SYNTAXES)))


def _overview(settings: Settings) -> Iterator[str]:
    yield f"# DICOM Conformance Statement: Filmless {pacs.__version__}"
    yield ""
    yield "Made by `pacs conformance` from what this installation has registered; its form is that of PS3.2 Annex A."
    yield ""
    yield "## 1 Overview"
    yield ""
    yield "An image archive: it keeps instances of every storage SOP class byte for byte, is asked by C-FIND and"
    yield "QIDO-RS, and gives by C-MOVE, C-GET and WADO-RS."
    yield ""
    yield from _table(
        ("network service", "as user (SCU)", "as provider (SCP)"),
        [
            (f"Storage: {len(storage_classes())} SOP classes, private and unknown ones too", "yes", "yes"),
            *(
                (_name(uid), _yes(uid in USED), _yes(uid in contexts.SERVICES))
                for uid in sorted(contexts.SERVICES | USED)
            ),
        ],
    )


def _association_policies(settings: Settings) -> Iterator[str]:
    yield "## 2 Associations"
    yield ""
    yield from _table(
        ("", ""),
        [
            ("application context", APPLICATION_CONTEXT),
            ("implementation class UID", IMPLEMENTATION_CLASS_UID),
            ("implementation version name", IMPLEMENTATION_VERSION_NAME),
            ("our AE title", settings.ae_title),
            ("maximum length received", f"{association.MAXIMUM_LENGTH} bytes"),
            ("maximum length sent", f"what the peer takes, at most {association.MOST_SENT} bytes"),
            ("presentation contexts of one association that we open", f"at most {MOST_CONTEXTS}"),
            ("outstanding asynchronous operations", "1: not negotiated"),
            ("time for the association to be negotiated", f"{association.NEGOTIATION_TIMEOUT_S:.0f} s"),
            ("time for a PDU to arrive", f"{association.PDU_TIMEOUT_S:.0f} s"),
            ("time without a message", f"{association.INACTIVITY_TIMEOUT_S:.0f} s, then aborted"),
            ("time for a peer to read what we send", f"{wire.SEND_TIMEOUT_S:.0f} s"),
        ],
    )


def _services(settings: Settings) -> Iterator[str]:
    yield "## 3 Service classes as provider"
    yield ""
    yield from _table(
        ("SOP class", "UID", "transfer syntaxes"),
        [(_name(uid), uid, ", ".join(map(_name, contexts.SERVICE_SYNTAXES))) for uid in service_classes()],
    )
    yield ""
    yield "### 3.1 Statuses that answer an error"
    yield ""
    yield from _table(
        ("error", "C-STORE", "C-FIND", "C-MOVE, C-GET"),
        [
            (
                kind.__doc__ or kind.__name__,
                *(f"{status.status_of(kind(), name):04X}" for name in ("C-STORE", "C-FIND", "C-GET")),
            )
            for kind in status.STATUS
        ],
    )


def _storage(settings: Settings) -> Iterator[str]:
    yield "## 4 Storage"
    yield ""
    yield "Level 2 (full): every attribute is kept, private ones too, exactly as received. Success is answered when"
    yield "the instance is on stable storage and in the index. What is given back has the bytes that came, unless the"
    yield f"receiver takes no transfer syntax that it is kept in: then it is converted to {_names(UNCOMPRESSED)}."
    yield ""
    yield "### 4.1 SOP classes"
    yield ""
    yield from _table(("SOP class", "UID"), [(_name(uid), uid) for uid in storage_classes()])
    yield ""
    yield "### 4.2 Transfer syntaxes"
    yield ""
    yield from _table(
        ("transfer syntax", "UID", "kept", "converted to, for WADO-RS"),
        [(_name(uid), uid, "yes", "yes" if uid in TARGETS else "no") for uid in transfer_syntaxes()],
    )


def _query(settings: Settings) -> Iterator[str]:
    yield "## 5 Query"
    yield ""
    yield f"What is matched is the same for C-FIND and QIDO-RS. After {settings.query_limit} answers a question ends"
    yield "with B001, in QIDO-RS with a warning; none is cut off in silence. Retrieve AE Title (0008,0054) and Instance"
    yield "Availability (0008,0056) are returned where they are asked for, and not matched. An administrator can make"
    yield "further attributes searchable, standard and private ones, at both doors and as those of their VR."
    yield "QIDO-RS always combines a range of dates with one of times (PS3.18 8.3.4.1.1). Pages are led to by a cursor."
    yield ""
    yield "### 5.1 Extended negotiation of C-FIND"
    yield ""
    supported = contexts.SUPPORTED_OF_FIND
    yield from _table(
        ("byte", "", "supported"),
        [
            (str(number), what, "yes" if number <= len(supported) and supported[number - 1] else "no")
            for number, what in enumerate(FIND_BYTES, start=1)
        ],
    )
    for level in Level:
        yield ""
        yield f"### 5.{level + 2} Keys of the {level.name} level"
        yield ""
        yield from _table(
            ("attribute", "tag", "VR", "matching"),
            [
                (one.path, f"({one.tag >> 16:04X},{one.tag & 0xFFFF:04X})", one.vr, _matching(one.vr))
                for one in (*ATTRIBUTES, *MEMBERS)
                if one.level == level
            ],
        )


def _web(settings: Settings) -> Iterator[str]:
    yield "## 6 DICOMweb"
    yield ""
    yield f"Below `{BASE}`; the same is told by OPTIONS there, as WADL or JSON. Where a media type has a transfer"
    yield "syntax, `transfer-syntax` names the one that is wanted, and `*` stands for the one that is kept."
    methods = methods_of(ROUTERS)
    for number, (name, told) in enumerate(WEB_COLUMNS.items(), start=1):
        yield ""
        yield f"### 6.{number} {name}"
        yield ""
        rows = [(one.name, one.path or "/", words) for one in methods if (words := told(one))]
        yield from _table(("method", "resource", ""), rows)
    yield ""
    yield "Unified Procedure Steps (PS3.4 Annex CC) are served over HTTP alone, with their events on the WebSocket"
    yield "`/dicom-web/subscribers/{ae_title}`. A type 2 attribute that is missing in a new one is made empty, and its"
    yield "Worklist Label put in; one that is cancelled gets a time and a reason where it has none. Subscriptions,"
    yield "filters and deletion locks are granted to whoever has a right to the worklist, and are never taken away."
    yield f"One that is over is kept for {workitems.KEPT_FOR.days} days, or until its last deletion lock is gone."
    yield ""
    yield "### 6.5 Statuses that answer an error"
    yield ""
    yield from _table(
        ("error", "HTTP", "Failure Reason of STOW-RS"),
        [
            (kind.__doc__ or kind.__name__, f"{code} {code.phrase}", f"{status.status_of(kind(), 'STOW-RS'):04X}")
            for kind, code in HTTP_STATUS.items()
        ],
    )


def _character_sets(settings: Settings) -> Iterator[str]:
    yield "## 7 Character sets"
    yield ""
    yield "Read: " + ", ".join(sorted(CHARACTER_SETS)) + ", and ISO 2022 code extensions between them."
    yield ""
    yield "Written: the character set of the question where it holds every value of the answer, else ISO_IR 192; to a"
    yield "peer that is registered with a character set that one alone, letters that it has not without their marks"
    yield "(`NGUYEN^THI ANH DAO`)."


def _security(settings: Settings) -> Iterator[str]:
    yield "## 8 Security"
    yield ""
    yield "TLS 1.2 and 1.3 with forward secrecy (BCP 195 TLS Secure Transport Connection Profile), mutual when an"
    yield "authority is named. Peers are known by AE title and address, and each has rights of its own."
    if settings.dicom_tls:
        yield f"This installation listens for TLS at {settings.dicom_tls}."


def _matching(vr: str) -> str:
    if vr == "SQ":
        return "sequence: all keys of an item in the same item"
    kinds = ["single value", "universal"]
    if vr in WILDCARD_VRS:
        kinds.append("wild card")
    if vr in RANGE_VRS:
        kinds.append("range")
    if vr == "UI":
        kinds.append("list of UIDs")
    return ", ".join(kinds)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _name(uid: str) -> str:
    return str(UID_dictionary[uid][0]) if uid in UID_dictionary else uid


def _names(uids: Iterable[str]) -> str:
    return " or ".join(map(_name, uids))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
