"""How an association can end other than by release, and why it may never begin.

AssociationError
├── Lost        the peer went away without a word
├── TimedOut    the peer was silent, or too slow
├── Aborted     the peer aborted (A-ABORT)
├── Violation   the peer broke the protocol, and is told so with an A-ABORT
│   └── Foreign the peer speaks another protocol
├── Rejected    the association was refused (A-ASSOCIATE-RJ): by us or by the peer
└── Stopping    we are shutting down
"""

ABORT_REASONS = {  # PS3.8 Table 9-26, for an abort by the service provider
    0: "no reason given",
    1: "unrecognized PDU",
    2: "unexpected PDU",
    4: "unrecognized PDU parameter",
    5: "unexpected PDU parameter",
    6: "invalid PDU parameter value",
}

REJECT_REASONS = {  # PS3.8 Table 9-21: (source, reason)
    (1, 1): "no reason given",
    (1, 2): "the application context is not supported",
    (1, 3): "the calling AE title is not known there",
    (1, 7): "the called AE title is not known there",
    (2, 1): "no reason given",
    (2, 2): "the protocol version is not supported",
    (3, 1): "temporary congestion",
    (3, 2): "too many associations are open",
}


class AssociationError(Exception):
    """The association ended, or never began."""


class Lost(AssociationError):
    """The peer went away without a word."""


class TimedOut(AssociationError):
    """The peer was silent, or too slow."""


class Stopping(AssociationError):
    """We are shutting down."""


class Aborted(AssociationError):
    """The peer aborted."""

    def __init__(self, source: int, reason: int) -> None:
        text = ABORT_REASONS.get(reason, str(reason)) if source == 2 else "by its user"
        super().__init__(f"the peer aborted the association: {text}")


class Violation(AssociationError):
    """The peer broke the protocol."""

    def __init__(self, what: str, reason: int = 6) -> None:
        super().__init__(what)
        self.reason = reason
        """Of PS3.8 Table 9-26."""


class Foreign(Violation):
    """The peer speaks another protocol."""

    def __init__(self, protocol: str) -> None:
        super().__init__(f"the peer speaks {protocol}", reason=1)
        self.protocol = protocol
        """HTTP or TLS."""


class Rejected(AssociationError):
    """The association was refused: result, source and reason of PS3.8 Table 9-21.

    why: in words for our own administrator, where we refuse and know more than the codes say.
    """

    def __init__(self, result: int, source: int, reason: int, why: str = "") -> None:
        when = "for now" if result == 2 else "for good"
        text = REJECT_REASONS.get((source, reason), f"source {source}, reason {reason}")
        super().__init__(why or f"the association was refused {when}: {text}")
        self.result = result
        self.source = source
        self.reason = reason


NO_REASON_GIVEN = (1, 1, 1)
UNKNOWN_APPLICATION_CONTEXT = (1, 1, 2)
UNKNOWN_CALLING_AE_TITLE = (1, 1, 3)
UNKNOWN_CALLED_AE_TITLE = (1, 1, 7)
UNKNOWN_PROTOCOL_VERSION = (1, 2, 2)
TEMPORARY_CONGESTION = (2, 3, 1)
TOO_MANY_ASSOCIATIONS = (2, 3, 2)


def foreign_protocol_of(head: bytes) -> str:
    """The protocol whose first bytes these are, where a PDU should begin; "": none that we know."""
    if head[:2] in (b"\x15\x03", b"\x16\x03"):  # a record that holds an alert, or a handshake (RFC 8446 5.1)
        return "TLS"
    is_http = head[:4] in (b"HTTP", b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI", b"DELE", b"CONN")
    return "HTTP" if is_http else ""
