"""The peers we know: who they are, where they are, what each may do; and who knocked and was turned away."""

import hashlib
import os
import secrets
import socket
import ssl
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import Connection, Integer, bindparam, delete, func, insert, make_url, select, type_coerce, update

from pacs import audit
from pacs.context import Actor, Pacs, Permission
from pacs.dicom.charset import encode
from pacs.errors import NotFound, OutOfResources
from pacs.index.prepared import Prepared
from pacs.index.tables import knock, peer

PEER_PERMISSIONS: frozenset[Permission] = frozenset(get_args(Permission)) - {"administer", "annotate"}
NOT_THERE_YET = frozenset(("worklist", "mpps", "print"))
"""Rights to services that we do not have yet."""
MOST_KNOCKS = 1000
"""Strangers that are remembered; those who knocked last."""
MOST_AT_ONCE = 1000
MOST_PER_MINUTE = 10_000
DEFAULT_PORT = 104
UNSETTLED = bytes(8)
"""The edition of the peers while they change."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A remote application: it may call us from its host, and we send to it at host and port."""

    ae_title: str
    host: str
    port: int
    may: frozenset[Permission]
    charset: str = ""
    """The Specific Character Set it can read; "": ISO_IR 192."""
    tls: bool = False
    """We call it over TLS, and take it over TLS alone."""
    certificate: str = ""
    """SHA-256 of the one certificate (DER) that it may show, in hexadecimal; "": any that our authority signed."""
    max_associations: int | None = None
    """At once; None: as many as all may have."""
    max_per_minute: int | None = None
    relational: bool = False
    """It may ask without the unique keys above, though it did not negotiate that."""
    notified: bool = False
    """It is told what has become available."""
    identified: bool = False
    """Whoever uses it must say who he is."""

    def is_at(self, address: str) -> bool:
        """Whether the address is one of the peer's. Resolves a host name."""
        return _canonical(address) in _addresses_of(self.host)


@dataclass(frozen=True, slots=True)
class Knock:
    """Somebody who called and was turned away, because we do not know him, or not from there."""

    pk: int
    ae_title: str
    address: str
    called_ae_title: str
    why: str
    times: int
    first_at: datetime
    last_at: datetime


_FLAGS = ("tls", "relational", "notified", "identified")
_COLUMNS = [
    type_coerce(peer.c[name], Integer) if name in _FLAGS else peer.c[name]
    for name in (field.name for field in fields(Peer))
]
"""What a Peer is made of; a flag as the driver has it."""
_SELECT = Prepared(select(*_COLUMNS).where(peer.c.ae_title == bindparam("ae_title")))


def add(
    pacs: Pacs,
    actor: Actor,
    ae_title: str,
    host: str,
    port: int,
    *,
    may: Iterable[str] = (),
    charset: str = "",
    **more: Any,
) -> None:
    """Admit a peer; one with this AE title is replaced. more: what else a Peer has.

    Raises ValueError, in words for whoever typed them, where a value cannot be.
    """
    actor.require("administer")
    added = _checked({"ae_title": ae_title, "host": host, "port": port, "may": may, "charset": charset, **more})
    with changing(pacs) as connection:
        _keep(connection, actor, added, "peer-added")


def change(pacs: Pacs, actor: Actor, ae_title: str, changes: Mapping[str, Any]) -> None:
    """Change what a peer has, by the names of Peer. Raises NotFound, ValueError."""
    actor.require("administer")
    with changing(pacs) as connection:
        _keep(connection, actor, _changed(connection, ae_title, changes), "peer-changed")


def put(pacs: Pacs, actor: Actor, ae_title: str, values: Mapping[str, Any]) -> None:
    """Change a peer, or add it where there is none. Raises ValueError."""
    actor.require("administer")
    with changing(pacs) as connection:
        if _find(connection, ae_title.strip()) is not None:
            _keep(connection, actor, _changed(connection, ae_title, values), "peer-changed")
        else:
            _keep(connection, actor, _checked({**values, "ae_title": ae_title}), "peer-added")


def remove(pacs: Pacs, actor: Actor, ae_title: str) -> None:
    """Forget a peer. Raises NotFound."""
    actor.require("administer")
    with changing(pacs) as connection:
        if not connection.execute(delete(peer).where(peer.c.ae_title == ae_title.strip())).rowcount:
            raise NotFound(f"no peer is called {ae_title}")
        audit.record(connection, actor, "peer-removed", detail=ae_title.strip())


def all_peers(pacs: Pacs, actor: Actor) -> list[Peer]:
    """Everyone, by AE title."""
    actor.require("administer")
    return list(everyone(pacs).values())


def everyone(pacs: Pacs) -> dict[str, Peer]:
    """All by AE title, in its order, for who lets them in."""
    with pacs.database.read() as connection:
        rows = connection.execute(select(*_COLUMNS).order_by(peer.c.ae_title))
        return {known.ae_title: known for known in (_peer(tuple(row)) for row in rows)}


def by_ae_title(pacs: Pacs, ae_title: str) -> Peer | None:
    """The peer of this AE title, if we know one."""
    with pacs.database.read() as connection:
        return _find(connection, ae_title)


@contextmanager
def changing(pacs: Pacs) -> Iterator[Connection]:
    """The writer's turn to change peers. Those who remember them read them again before they answer for them.

    While it lasts nobody remembers anything; nor does anybody if this process is killed before its end is told.
    """
    if not pacs.database.is_sqlite:
        with pacs.database.write() as connection:
            yield connection
        return
    try:
        with pacs.database.write() as connection:
            _tell_edition(pacs, UNSETTLED)
            yield connection
    finally:
        _tell_edition(pacs, secrets.token_bytes(len(UNSETTLED)))


def edition_path(pacs: Pacs) -> Path:
    """A file beside the index, in SQLite, that has other bytes after each change of the peers."""
    index = Path(make_url(pacs.settings.database).database or "")
    return index.with_name(f"{index.name}.peers")


def known_among(connection: Connection, ae_titles: Collection[str]) -> set[str]:
    """Those of the AE titles that are a peer's."""
    return set(connection.execute(select(peer.c.ae_title).where(peer.c.ae_title.in_(ae_titles))).scalars())


def note_knock(
    connection: Connection, ae_title: str, address: str, called_ae_title: str, why: str, times: int, at: datetime
) -> None:
    """Remember that somebody was turned away. Those who knocked longest ago are forgotten."""
    is_he = (knock.c.ae_title == ae_title) & (knock.c.address == address)
    latest = {"called_ae_title": called_ae_title, "why": why, "last_at": at}
    if connection.execute(update(knock).where(is_he).values(times=knock.c.times + times, **latest)).rowcount:
        return
    row = {"ae_title": ae_title, "address": address, "times": times, "first_at": at, **latest}
    connection.execute(insert(knock).values(row))
    if (number := connection.execute(select(func.count()).select_from(knock)).scalar_one()) > MOST_KNOCKS:
        oldest = select(knock.c.pk).order_by(knock.c.last_at, knock.c.pk).limit(number - MOST_KNOCKS)
        connection.execute(delete(knock).where(knock.c.pk.in_(oldest.scalar_subquery())))


def knocks(pacs: Pacs, actor: Actor) -> list[Knock]:
    """Who was turned away, the last first."""
    actor.require("administer")
    with pacs.database.read() as connection:
        found = connection.execute(select(knock).order_by(knock.c.last_at.desc(), knock.c.pk.desc()))
        return [Knock(**row._mapping) for row in found]


def admit(pacs: Pacs, actor: Actor, pk: int, *, may: Iterable[str] = (), port: int | None = None) -> Peer:
    """Admit who knocked, from the address he came from; of a known peer only the address is changed.

    may and port: of a newcomer; a known peer keeps its own unless they are given. Raises NotFound, ValueError.
    """
    actor.require("administer")
    with changing(pacs) as connection:
        row = connection.execute(select(knock).where(knock.c.pk == pk)).first()
        if row is None:
            raise NotFound("nobody knocked by this number")
        changes: dict[str, Any] = {"host": row.address}
        changes |= {"may": rights} if (rights := [right for right in may if right.strip()]) else {}
        changes |= {"port": port} if port is not None else {}
        if _find(connection, row.ae_title) is not None:
            admitted = _changed(connection, row.ae_title, changes)
        else:
            admitted = _checked({"ae_title": row.ae_title, "port": DEFAULT_PORT, "may": (), **changes})
        _keep(connection, actor, admitted, "peer-admitted")
        connection.execute(delete(knock).where(knock.c.ae_title == row.ae_title))
        return admitted


def forget_knock(pacs: Pacs, actor: Actor, pk: int) -> None:
    """Strike somebody off those who knocked, until he knocks again. Raises NotFound."""
    actor.require("administer")
    with pacs.database.write() as connection:
        if not connection.execute(delete(knock).where(knock.c.pk == pk)).rowcount:
            raise NotFound("nobody knocked by this number")


def digest_of_certificate(file: Path) -> str:
    """The SHA-256 of the certificate in a PEM or DER file. Raises ValueError, OSError."""
    data = file.read_bytes()
    if b"-----BEGIN CERTIFICATE-----" in data:
        first = data[data.index(b"-----BEGIN CERTIFICATE-----") :].decode("ascii", "replace")
        first = first[: first.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")]
        data = ssl.PEM_cert_to_DER_cert(first)
    if data[:1] != b"\x30":  # a SEQUENCE, as every certificate is (RFC 5280 4.1)
        raise ValueError(f"{file} holds no certificate")
    return hashlib.sha256(data).hexdigest()


def _tell_edition(pacs: Pacs, edition: bytes) -> None:
    try:
        descriptor = os.open(edition_path(pacs), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, edition, 0)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OutOfResources(f"that peers change cannot be told: {error.strerror}") from error


def _find(connection: Connection, ae_title: str) -> Peer | None:
    rows = _SELECT.rows(connection, {"ae_title": ae_title})
    return _peer(rows[0]) if rows else None


def _peer(row: tuple[Any, ...]) -> Peer:
    values = dict(zip(Peer.__slots__, row, strict=True))
    values["may"] = frozenset(PEER_PERMISSIONS.intersection(values["may"].split(",")))
    return Peer(**values | {name: bool(values[name]) for name in _FLAGS})


def _keep(connection: Connection, actor: Actor, kept: Peer, action: str) -> None:
    may = ",".join(sorted(kept.may))
    connection.execute(delete(peer).where(peer.c.ae_title == kept.ae_title))
    connection.execute(insert(peer).values(asdict(kept) | {"may": may}))
    audit.record(connection, actor, action, detail=f"{kept.ae_title} may {may}")


def _changed(connection: Connection, ae_title: str, changes: Mapping[str, Any]) -> Peer:
    known = _find(connection, ae_title.strip())
    if known is None:
        raise NotFound(f"no peer is called {ae_title}")
    return _checked(asdict(known) | dict(changes) | {"ae_title": known.ae_title})


def _checked(values: Mapping[str, Any]) -> Peer:
    """A peer of values that somebody typed. Raises ValueError."""
    if missing := {"host", "port"} - {name for name, value in values.items() if value is not None}:
        raise ValueError(f"a new peer needs its {min(missing)}")
    checked = Peer(
        **{
            **values,
            "ae_title": _ae_title(values["ae_title"]),
            "host": _host(values["host"]),
            "port": _port(values["port"]),
            "may": _permissions(values.get("may", ())),
            "charset": _charset(values.get("charset", "")),
            "certificate": _certificate(values.get("certificate", "")),
        }
    )
    if checked.certificate and not checked.tls:
        raise ValueError("a certificate is shown over TLS alone: say --tls too")
    _check_limit("max_associations", checked.max_associations, MOST_AT_ONCE)
    _check_limit("max_per_minute", checked.max_per_minute, MOST_PER_MINUTE)
    return checked


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


def _permissions(names: Iterable[str]) -> frozenset[Permission]:
    rights = {name.strip() for name in names} - {""}
    those = f"the rights of a peer are {', '.join(sorted(PEER_PERMISSIONS))}"
    if early := rights & NOT_THERE_YET:
        raise ValueError(f"there is no service for {min(early)!r} yet: {those}")
    if unknown := rights - PEER_PERMISSIONS:
        raise ValueError(f"{min(unknown)!r} is no right of a peer: {those}")
    return frozenset(right for right in PEER_PERMISSIONS if right in rights)


def _charset(term: str) -> str:
    term = term.strip()
    try:
        encode("", term)
    except KeyError:
        raise ValueError(f"{term!r} is no Specific Character Set") from None
    return term


def _certificate(digest: str) -> str:
    digest = digest.strip().replace(":", "").lower()
    if digest and (len(digest) != 64 or not set(digest) <= set("0123456789abcdef")):
        raise ValueError("a certificate is named by its SHA-256, 64 hexadecimal digits")
    return digest


def _check_limit(name: str, number: int | None, most: int) -> None:
    if number is not None and not 1 <= number <= most:
        raise ValueError(f"{name.replace('_', ' ')}: {number} is not from 1 to {most}")


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
