"""The modality doctor: why a peer cannot be spoken to, and why one that calls us fails, in plain words."""

import errno
import socket
import ssl
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final

from pydicom._uid_dict import UID_dictionary

from pacs.peers.directory import Peer
from pacs.peers.tls import CertificateFault
from pacs.upper_layer.association import Association
from pacs.upper_layer.errors import (
    TEMPORARY_CONGESTION,
    TOO_MANY_ASSOCIATIONS,
    UNKNOWN_CALLED_AE_TITLE,
    UNKNOWN_CALLING_AE_TITLE,
    AssociationError,
    Foreign,
    Lost,
    Rejected,
    TimedOut,
)
from pacs.upper_layer.pdu import (
    ABSTRACT_SYNTAX_NOT_SUPPORTED,
    ACCEPTED,
    ROLES_REFUSED,
    TRANSFER_SYNTAXES_NOT_SUPPORTED,
)

PROBE_TIMEOUT_S = 3.0
SLOW_S = 2.0
"""An echo that takes longer is said to be slow."""
NOT_AUTHORIZED: Final = 0x0124

RESULTS: Mapping[int, str] = {  # PS3.8 Table 9-18
    ACCEPTED: "accepted",
    ROLES_REFUSED: "refused by the user",
    2: "refused without a reason",
    ABSTRACT_SYNTAX_NOT_SUPPORTED: "this service or SOP class is not supported",
    TRANSFER_SYNTAXES_NOT_SUPPORTED: "none of these transfer syntaxes is supported",
}

VERIFY: Mapping[int, str] = {  # OpenSSL's codes of X509_verify_cert
    9: "it is not valid yet: check the clocks of both machines",
    10: "it has expired",
    18: "it is self-signed",
    19: "its authority is not one we trust",
    20: "its authority is not one we trust",
    21: "its authority is not one we trust",
    23: "it was revoked",
    26: "it is not meant for this use",
    62: "it bears another name",
    64: "it bears another name",
}

ALERTS: Mapping[str, str] = {  # what the other side says of our certificate (RFC 8446 6.2), as OpenSSL names it
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a certificate of ours: set PACS_TLS_CERT and PACS_TLS_KEY",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it has no TLS 1.2 or later with a suite of BCP 195, or wants a certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not trust who signed our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "our certificate has expired",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not accept our certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not accept our certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "it does not accept our certificate",
    "TLSV1_ALERT_ACCESS_DENIED": "it does not accept our certificate",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it has no TLS 1.2 or later",
    "UNSUPPORTED_PROTOCOL": "it has no TLS 1.2 or later",
    "NO_SHARED_CIPHER": "it has no cipher suite of BCP 195 (forward secrecy, authenticated encryption)",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it shows no certificate",
}
PLAIN = frozenset(("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"))
"""OpenSSL's words for what is no TLS."""


def explanation_of(error: BaseException, peer: Peer, own_ae_title: str) -> str:
    """Why a peer cannot be spoken to, and what to look at."""
    place, name = f"{peer.host}:{peer.port}", name_of(peer)
    match error:
        case Rejected():
            return _of_rejection(error, peer, own_ae_title)
        case Foreign(protocol="TLS"):
            return f"{place} speaks TLS: `pacs peer change {peer.ae_title} --tls`, or give its plain port"
        case Foreign():
            return f"{place} speaks {error.protocol}, not DICOM: check the port"
        case AssociationError() if isinstance(error.__cause__, ssl.SSLError):
            return explanation_of(error.__cause__, peer, own_ae_title)
        case TimedOut():
            return f"{place} takes connections but does not speak DICOM: check the port"
        case AssociationError():
            return f"{name}: {error}"
        case CertificateFault():
            return str(error)
        case ssl.SSLCertVerificationError():
            return f"the certificate of {name} is not accepted: {_of_certificate(error, peer)}"
        case ssl.SSLError():
            return _of_tls(error, peer)
        case TimeoutError():
            return f"{place} does not answer: check the address, and firewalls between us"
        case ConnectionRefusedError():
            return f"{place} refuses connections: the machine is there, but nothing listens on this port"
        case ConnectionResetError() if peer.tls:
            return _of_silent_end(peer)
        case socket.gaierror():
            return f"no machine is called {peer.host}: check the name, or use its address"
        case OSError() if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
            return f"there is no way to {peer.host}: check the address and the network"
        case OSError():
            return f"{place}: {error.strerror or error}"
        case _:
            return str(error)


def examination_of(error: BaseException, explanation: str, peer: Peer) -> str:
    """The explanation, with what one more look at the port tells: for a person who waits, not for every failure."""
    if peer.tls or not isinstance(error, Lost | TimedOut) or not _speaks_tls(peer):
        return explanation
    return f"{peer.host}:{peer.port} speaks TLS: `pacs peer change {peer.ae_title} --tls`, or give its plain port"


def refusals_of(association: Association) -> list[str]:
    """What the acceptor refused, and why: a sentence a context."""
    proposed = {context.context_id: context for context in association.request.contexts}
    sentences = []
    for answered in association.answer.contexts:
        if answered.result != ACCEPTED and answered.context_id in proposed:
            context = proposed[answered.context_id]
            sentences.append(refusal_of(context.abstract_syntax, context.transfer_syntaxes, answered.result))
    return sentences


def refusal_of(abstract_syntax: str, transfer_syntaxes: Sequence[str], result: int) -> str:
    """Why a context was not accepted."""
    why = RESULTS.get(result, f"result {result}")
    if result == TRANSFER_SYNTAXES_NOT_SUPPORTED:
        why = f"{why}: {', '.join(map(uid_name, transfer_syntaxes))}"
    return f"{uid_name(abstract_syntax)}: {why}"


def complaint_of(association: Association, actor_name: str, refused: Collection[str]) -> str:
    """What went wrong in an association that a peer opened, but for its end; "": nothing. refused: services by name."""
    if not association.contexts:
        sentences = refusals_of(association) or ["it proposes no presentation context"]
        return f"nothing could be agreed on: {'; '.join(sentences[:3])}"
    if refused:
        return f"{actor_name} has no right to {', '.join(sorted(refused))}: see `pacs peer change {actor_name} --may`"
    return ""


def handshake_explanation_of(error: OSError) -> str:
    """Why one who called our TLS port did not get in."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted: {VERIFY.get(error.verify_code, error.verify_message)}"
        case ssl.SSLError() if error.reason == "HTTP_REQUEST":
            return "it speaks HTTP on the TLS port of DICOM"
        case ssl.SSLError() if error.reason in PLAIN:
            return "it speaks no TLS: plain DICOM has another port"
        case ssl.SSLError() if error.reason in ALERTS:
            return ALERTS[error.reason].replace("of ours: set PACS_TLS_CERT and PACS_TLS_KEY", "")
        case TimeoutError():
            return "it was silent"
        case ssl.SSLEOFError() | ConnectionResetError():
            return "it went away in the middle of the TLS handshake: it may not trust our certificate"
        case _:
            return str(error)


def name_of(peer: Peer) -> str:
    return f"{peer.ae_title} at {peer.host}:{peer.port}"


def uid_name(uid: str) -> str:
    """The name of a UID of the standard; others stay as they are."""
    name: str = UID_dictionary.get(uid, (uid,))[0]
    return name


def _of_rejection(error: Rejected, peer: Peer, own_ae_title: str) -> str:
    match (error.result, error.source, error.reason):
        case codes if codes == UNKNOWN_CALLED_AE_TITLE:
            return f"{peer.host}:{peer.port} answers, but is not called {peer.ae_title}: check the AE title"
        case codes if codes == UNKNOWN_CALLING_AE_TITLE:
            return f"{name_of(peer)} does not know us: {own_ae_title} and our address must be registered there"
        case codes if codes in (TOO_MANY_ASSOCIATIONS, TEMPORARY_CONGESTION):
            return f"{name_of(peer)} is there, and busy: {error}"
        case _:
            return f"{name_of(peer)}: {error}"


def _of_certificate(error: ssl.SSLCertVerificationError, peer: Peer) -> str:
    why = VERIFY.get(error.verify_code, error.verify_message)
    return f"{why}; `pacs peer change {peer.ae_title} --certificate FILE` trusts this one certificate"


def _of_tls(error: ssl.SSLError, peer: Peer) -> str:
    if error.reason in PLAIN:
        return f"{peer.host}:{peer.port} speaks no TLS: check the port, or `pacs peer change {peer.ae_title} --no-tls`"
    if isinstance(error, ssl.SSLEOFError):
        return _of_silent_end(peer)
    return f"{name_of(peer)} and we cannot agree on TLS: {ALERTS.get(error.reason, error.reason or str(error))}"


def _of_silent_end(peer: Peer) -> str:
    place = f"{peer.host}:{peer.port}"
    return f"{place} ends TLS without a word: it may be a plain DICOM port, or want a certificate that it trusts"


def _speaks_tls(peer: Peer) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError), socket.create_connection((peer.host, peer.port), timeout=PROBE_TIMEOUT_S) as plain:
        try:
            context.wrap_socket(plain).close()
        except ssl.SSLError as error:  # an alert is TLS too: it may want a certificate
            return "ALERT" in (error.reason or "")
        return True
    return False
