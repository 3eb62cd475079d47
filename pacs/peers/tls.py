"""TLS with peers, both ways: the profile of BCP 195, whom we trust, and how a certificate is pinned (PS3.15 B.9)."""

import hashlib
import socket
import ssl

from pacs.peers.directory import Peer
from pacs.settings import Settings
from pacs.upper_layer.association import Secure

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption (RFC 9325 4.2). Those of TLS 1.3 are all such."""


class CertificateFault(OSError):
    """A certificate is not what it must be; the text says which, and what to look at."""


def server_context(settings: Settings) -> ssl.SSLContext:
    """For those who call us; mutual when an authority is named. Raises CertificateFault."""
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    _load_ours(context, settings)
    if settings.tls_ca:
        _load_theirs(context, settings)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_side(settings: Settings, peer: Peer) -> Secure | None:
    """What makes a connection to this peer one over TLS; None: it is to be plain."""
    if not peer.tls:
        return None

    def secure(sock: socket.socket) -> socket.socket:
        wrapped = client_context(settings, peer).wrap_socket(sock, server_hostname=peer.host)
        if peer.certificate and digest_of(wrapped) != peer.certificate:
            wrapped.close()
            raise CertificateFault(f"{peer.ae_title} shows another certificate than the one that is registered for it")
        return wrapped

    return secure


def client_context(settings: Settings, peer: Peer) -> ssl.SSLContext:
    """For our calls: the peer's certificate is its pinned one, or bears its host's name and our authority's signature.

    Raises CertificateFault.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    if settings.tls_cert:
        _load_ours(context, settings)
    if peer.certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # it is compared with the pin once it has been proved by its key
    elif settings.tls_ca:
        _load_theirs(context, settings)
    return context


def digest_of(sock: ssl.SSLSocket) -> str:
    """The SHA-256 of the certificate that the other side has shown, in hexadecimal; "": none."""
    certificate = sock.getpeercert(binary_form=True)
    return hashlib.sha256(certificate).hexdigest() if certificate else ""


def _context(protocol: ssl._SSLMethod) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _load_ours(context: ssl.SSLContext, settings: Settings) -> None:
    assert settings.tls_cert is not None
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        raise CertificateFault(f"PACS_TLS_CERT and PACS_TLS_KEY are no certificate and its key: {error}") from error


def _load_theirs(context: ssl.SSLContext, settings: Settings) -> None:
    """Whom we trust: authorities, or single certificates that stand in the same file, signed by whomever."""
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(settings.tls_ca)
    except OSError as error:
        raise CertificateFault(f"PACS_TLS_CA holds no certificate: {error}") from error
