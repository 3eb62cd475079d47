"""The peers we know: who they are, where they are, and what each may do."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import get_args

from sqlalchemy import Connection, Row, delete, insert, select

from pacs import audit
from pacs.context import Actor, Pacs, Permission
from pacs.dicom.charset import encode
from pacs.errors import NotFound
from pacs.index.tables import peer

PEER_PERMISSIONS: frozenset[Permission] = frozenset(get_args(Permission)) - {"administer"}


@dataclass(frozen=True, slots=True)
class Peer:
    """A remote application: it may call us from its host, and we send to it at host and port."""

    ae_title: str
    host: str
    port: int
    may: frozenset[Permission]
    charset: str = ""
    """The Specific Character Set it can read; "": ISO_IR 192."""

    def is_at(self, address: str) -> bool:
        """Whether the address is one of the peer's. Resolves a host name."""
        return _canonical(address) in _addresses_of(self.host)


def add(
    pacs: Pacs, actor: Actor, ae_title: str, host: str, port: int, *, may: Iterable[str] = (), charset: str = ""
) -> None:
    """Admit a peer; one with this AE title is replaced.

    Raises ValueError, in words for whoever typed them, where a value cannot be.
    """
    actor.require("administer")
    rights = {right.strip() for right in may} - {""}
    row = {
        "ae_title": _ae_title(ae_title),
        "host": _host(host),
        "port": _port(port),
        "may": ",".join(sorted(_permissions(rights))),
        "charset": _charset(charset),
    }
    with pacs.database.write() as connection:
        connection.execute(delete(peer).where(peer.c.ae_title == row["ae_title"]))
        connection.execute(insert(peer).values(row))
        audit.record(connection, actor, "peer-added", detail=f"{row['ae_title']} may {row['may']}")


def remove(pacs: Pacs, actor: Actor, ae_title: str) -> None:
    """Forget a peer. Raises NotFound."""
    actor.require("administer")
    with pacs.database.write() as connection:
        if not connection.execute(delete(peer).where(peer.c.ae_title == ae_title.strip())).rowcount:
            raise NotFound(f"no peer is called {ae_title}")
        audit.record(connection, actor, "peer-removed", detail=ae_title.strip())


def all_peers(pacs: Pacs, actor: Actor) -> list[Peer]:
    """Everyone, by AE title."""
    actor.require("administer")
    with pacs.database.read() as connection:
        return [_peer(row) for row in connection.execute(select(peer).order_by(peer.c.ae_title))]


def by_ae_title(pacs: Pacs, ae_title: str) -> Peer | None:
    """The peer of this AE title, if we know one."""
    with pacs.database.read() as connection:
        return _find(connection, ae_title)


def _find(connection: Connection, ae_title: str) -> Peer | None:
    row = connection.execute(select(peer).where(peer.c.ae_title == ae_title)).first()
    return _peer(row) if row else None


def _peer(row: Row[tuple[object, ...]]) -> Peer:
    rights = row.may.split(",")
    return Peer(row.ae_title, row.host, row.port, frozenset(PEER_PERMISSIONS.intersection(rights)), row.charset)


def _ae_title(text: str) -> str:
    """PS3.5 6.2, VR AE: 1 to 16 characters of ASCII, without controls and backslash."""
    text = text.strip()
    if not 1 <= len(text) <= 16 or not text.isascii() or not text.isprintable() or "\\" in text:
        raise ValueError(f"{text!r} is no AE title: 1 to 16 plain characters")
    return text


def _host(text: str) -> str:
    text = text.strip()
    if not text or any(character.isspace() for character in text):
        raise ValueError(f"{text!r} is no host")
    return text


def _port(number: int) -> int:
    if not 1 <= number <= 65535:
        raise ValueError(f"{number} is no port: 1 to 65535")
    return number


def _permissions(rights: set[str]) -> set[str]:
    if unknown := rights - PEER_PERMISSIONS:
        raise ValueError(f"{min(unknown)!r} is no right of a peer: {', '.join(sorted(PEER_PERMISSIONS))}")
    return rights


def _charset(term: str) -> str:
    term = term.strip()
    try:
        encode("", term)
    except KeyError:
        raise ValueError(f"{term!r} is no Specific Character Set") from None
    return term


def _addresses_of(host: str) -> set[IPv4Address | IPv6Address]:
    try:
        return {_canonical(host)}
    except ValueError:
        pass
    try:
        return {_canonical(str(found[4][0])) for found in socket.getaddrinfo(host, None)}
    except OSError:  # a name that nobody knows is nobody's address
        return set()


def _canonical(address: str) -> IPv4Address | IPv6Address:
    """An address of IPv4 in one form, whichever socket it came by."""
    found = ip_address(address.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found
