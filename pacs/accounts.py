"""Who people and programs are: accounts, sessions, tokens and the first sign-in link, each as an Actor.

A secret is 256 random bits; only its SHA-256 is kept, so a copy of the index lets nobody in.
"""

import hashlib
import secrets
import threading
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from sqlalchemy import Connection, Row, bindparam, case, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from pacs import audit
from pacs.context import EVERYTHING, Actor, Pacs, Permission
from pacs.errors import NotAuthenticated, OutOfResources, TooManyAttempts
from pacs.index.prepared import Prepared
from pacs.index.tables import account, credential

log = structlog.get_logger(__name__)

PERMISSIONS: Mapping[str, frozenset[Permission]] = {
    # An administrator shall have no right to images (reliability 4.2). Until somebody else can be made by him
    # on a page, whoever opens the first sign-in link must be able to read the study he has just sent.
    "admin": EVERYTHING,
    "radiologist": frozenset(("store", "query", "retrieve", "commit", "workitems", "annotate")),
    "technologist": frozenset(("store", "query", "retrieve", "commit", "workitems", "annotate")),
    "referrer": frozenset(("query", "retrieve")),
    "modality": frozenset(("store", "query", "commit", "workitems")),
    "auditor": frozenset(),
}

IDLE = timedelta(minutes=30)
SESSION = timedelta(hours=12)
LINK = timedelta(minutes=15)
TOUCH = timedelta(minutes=1)
"""A session's last use is written down at most this often."""
GUESSES = 10
"""Wrong passwords of one account in GUESS_WINDOW."""
GUESS_WINDOW = timedelta(minutes=1)

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024

# OWASP's first choice of argon2id, 0.1 s and 64 MiB each: two at once, so that signing in cannot eat the memory,
# and few who wait for them, so that they cannot hold every thread of the web door.
HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
HASHES_AT_ONCE = threading.BoundedSemaphore(2)
HASHES_WAITING = threading.BoundedSemaphore(8)

NOBODY = "$argon2id$v=19$m=65536,t=3,p=1$JybLs4y6NHz9wL2oXj+0Eg$rKWwxTkyjhCY+1gypfPv/DEaItlmTkMc7lDL91Rlmj0"
"""The hash of a password that was thrown away: an unknown name costs the same time as a wrong password."""

WRONG = "the name or the password is wrong"


def add_account(pacs: Pacs, actor: Actor, name: str, password: str, role: str) -> None:
    """Raises ValueError, in words for whoever typed them, where the name, the password or the role cannot be."""
    actor.require("administer")
    name = _account_name(name)
    _check_role(role)
    _check_password(password)
    row = {"name": name, "role": role, "password_hash": _hash(password), "created_at": datetime.now(UTC)}
    try:
        with pacs.database.write() as connection:
            connection.execute(insert(account).values(row))
            audit.record(connection, actor, "account-added", detail=f"{name} as {role}")
    except IntegrityError as error:
        raise ValueError(f"there is an account {name} already") from error


def has_accounts(pacs: Pacs) -> bool:
    """Whether anybody has an account: before the first one, the sign-in link is the way in."""
    with pacs.database.read() as connection:
        return connection.execute(select(account.c.pk).limit(1)).first() is not None


def sign_in(pacs: Pacs, name: str, password: str, address: str = "") -> str:
    """The secret of a new session. Raises NotAuthenticated, TooManyAttempts: alike for known and unknown names."""
    found = _proved(pacs, name, password, address)
    actor = Actor("person", found.name, address, PERMISSIONS[found.role])
    newer = _hash(password) if HASHER.check_needs_rehash(found.password_hash) else found.password_hash
    with pacs.database.write() as connection:
        _forget_guesses(connection, found.name)
        connection.execute(update(account).where(account.c.pk == found.pk).values(password_hash=newer))
        audit.record(connection, actor, "signed-in")
        return _add_session(connection, found.name, found.role, found.pk)


def identify(pacs: Pacs, name: str, password: str, address: str = "") -> Actor:
    """Who proves by a password who he is, and opens no session. Raises as `sign_in` does."""
    found = _proved(pacs, name, password, address)
    actor = Actor("person", found.name, address, PERMISSIONS[found.role], role=found.role)
    with pacs.database.write() as connection:
        _forget_guesses(connection, found.name)
        audit.record(connection, actor, "identified")
    return actor


def by_name(pacs: Pacs, name: str, address: str = "") -> Actor | None:
    """The person of an account, who has proved nothing; None: there is no such account."""
    try:
        name = _account_name(name)
    except ValueError:
        return None
    with pacs.database.read() as connection:
        found = connection.execute(select(account.c.role).where(account.c.name == name)).first()
    return Actor("person", name, address, PERMISSIONS[found.role], role=found.role) if found else None


def create_link(pacs: Pacs) -> str:
    """The one-time link of the first start: its secret, for 15 minutes and one use. An earlier one dies."""
    with pacs.database.write() as connection:
        connection.execute(delete(credential).where(credential.c.kind == "link"))
        return _add(connection, kind="link", name="admin", role="admin", lasts=LINK)


def sign_in_by_link(pacs: Pacs, link: str, address: str = "") -> str:
    """The secret of the first administrator's session. Raises NotAuthenticated when the link is spent or old."""
    now = datetime.now(UTC)
    with pacs.database.write() as connection:
        spent = connection.execute(
            delete(credential)
            .where(credential.c.digest == _digest(link), credential.c.kind == "link", credential.c.expires_at > now)
            .returning(credential.c.name, credential.c.role)
        ).first()
        if spent is None:
            raise NotAuthenticated("this sign-in link was used, or is too old; start the server again for a new one")
        audit.record(connection, Actor("link", spent.name, address), "signed-in", detail="by the first sign-in link")
        return _add_session(connection, spent.name, spent.role, None)


def sign_out(pacs: Pacs, secret: str) -> None:
    """End the session; does nothing when there is none."""
    with pacs.database.write() as connection:
        ended = connection.execute(
            delete(credential)
            .where(credential.c.digest == _digest(secret), credential.c.kind == "session")
            .returning(credential.c.name)
        ).first()
        if ended is not None:
            audit.record(connection, Actor("person", ended.name), "signed-out")


def create_token(pacs: Pacs, actor: Actor, role: str, *, name: str = "", lasts: timedelta | None = None) -> str:
    """The secret of a new API token, which is shown this once. lasts: None is for ever.

    Raises ValueError where the role is none.
    """
    actor.require("administer")
    _check_role(role)
    name = name or f"token-{secrets.token_hex(4)}"
    with pacs.database.write() as connection:
        audit.record(connection, actor, "token-created", detail=f"{name} as {role}")
        return _add(connection, kind="token", name=name, role=role, lasts=lasts)


def actor_of_session(pacs: Pacs, secret: str, address: str = "") -> Actor:
    """The person of a session cookie. Raises NotAuthenticated."""
    found = _find(pacs, "session", secret)
    if found is None or found.is_idle:
        raise NotAuthenticated("the session has ended")
    if found.is_to_touch:
        _touch(pacs, found.pk)
    return Actor("person", found.name, address, PERMISSIONS[found.role], role=found.role)


def actor_of_token(pacs: Pacs, secret: str, address: str = "") -> Actor:
    """The program of an API token. Raises NotAuthenticated."""
    found = _find(pacs, "token", secret)
    if found is None:
        raise NotAuthenticated("the token is unknown, or too old")
    return Actor("peer", found.name, address, PERMISSIONS[found.role], role=found.role)


SELECT_CREDENTIAL = Prepared(
    select(
        credential.c.pk,
        credential.c.name,
        credential.c.role,
        case((credential.c.used_at < bindparam("idle_since"), 1), else_=0),
        case((credential.c.used_at < bindparam("touched_since"), 1), else_=0),
    ).where(
        credential.c.digest == bindparam("digest"),
        credential.c.kind == bindparam("kind"),
        or_(credential.c.expires_at.is_(None), credential.c.expires_at > bindparam("now")),
    )
)


@dataclass(frozen=True, slots=True)
class _Credential:
    pk: int
    name: str
    role: str
    is_idle: int
    """Whether it was not used for longer than a session may rest: 0 or 1."""
    is_to_touch: int
    """Whether its use is to be written down again."""


def _find(pacs: Pacs, kind: str, secret: str) -> _Credential | None:
    """The credential of a secret, unless it is too old."""
    now = datetime.now(UTC)
    digest = _digest(secret)
    remembered = pacs.database.remembered
    # What is revoked is forgotten at once; what ends by itself, at the end of this second.
    asked = (kind, digest, int(now.timestamp()))
    rows = remembered.find(asked)
    if rows is None:
        version = remembered.version()
        times = {"now": now, "idle_since": now - IDLE, "touched_since": now - TOUCH}
        with pacs.database.read() as connection:
            rows = SELECT_CREDENTIAL.rows(connection, {"digest": digest, "kind": kind, **times})
        remembered.keep(version, asked, rows)
    return _Credential(*rows[0]) if rows else None


def _touch(pacs: Pacs, pk: int) -> None:
    try:
        pacs.database.together(_touch_all, pk)
    except OutOfResources:  # a full disk must not keep people from reading
        log.warning("the use of a session could not be written down")


def _touch_all(connection: Connection, pks: Sequence[int]) -> Sequence[None]:
    touched = update(credential).where(credential.c.pk.in_(pks)).values(used_at=datetime.now(UTC))
    connection.execute(touched)
    return [None] * len(pks)


def _proved(pacs: Pacs, name: str, password: str, address: str) -> Row[Any]:
    """The account whose password this is. Raises NotAuthenticated, TooManyAttempts."""
    try:
        name = _account_name(name)
    except ValueError:
        raise NotAuthenticated(WRONG) from None
    _count_guess(pacs, name)
    with pacs.database.read() as connection:
        found = connection.execute(select(account).where(account.c.name == name)).first()
    if not _is_right(found.password_hash if found else NOBODY, password) or found is None:
        _record_failure(pacs, name if found else "unknown", address)
        raise NotAuthenticated(WRONG)
    return found


def _forget_guesses(connection: Connection, name: str) -> None:
    connection.execute(delete(credential).where(credential.c.kind == "guess", credential.c.name == name))


def _count_guess(pacs: Pacs, name: str) -> None:
    """A guess is counted before it is tried, in one transaction, so that guesses side by side all count."""
    with pacs.database.write() as connection:
        connection.execute(delete(credential).where(credential.c.expires_at <= datetime.now(UTC)))
        guesses = connection.execute(
            select(func.count()).where(credential.c.kind == "guess", credential.c.name == name)
        ).scalar_one()
        if guesses >= GUESSES:
            raise TooManyAttempts("too many wrong passwords: wait a minute")
        _add(connection, kind="guess", name=name, role="", lasts=GUESS_WINDOW)


def _record_failure(pacs: Pacs, name: str, address: str) -> None:
    with pacs.database.write() as connection:
        audit.record(connection, Actor("person", name, address), "sign-in-failed")


def _add_session(connection: Connection, name: str, role: str, account_pk: int | None) -> str:
    return _add(connection, kind="session", name=name, role=role, lasts=SESSION, account_pk=account_pk)


def _add(
    connection: Connection, *, kind: str, name: str, role: str, lasts: timedelta | None, account_pk: int | None = None
) -> str:
    """A new credential; its secret."""
    secret = secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    connection.execute(
        insert(credential).values(
            digest=_digest(secret),
            kind=kind,
            account_pk=account_pk,
            name=name,
            role=role,
            created_at=now,
            expires_at=now + lasts if lasts else None,
            used_at=now,
        )
    )
    return secret


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _hash(password: str) -> str:
    with _turn_to_hash():
        return HASHER.hash(_normalised(password))


def _is_right(password_hash: str, password: str) -> bool:
    with _turn_to_hash():
        try:
            return HASHER.verify(password_hash, _normalised(password))
        except Argon2Error:
            return False


@contextmanager
def _turn_to_hash() -> Iterator[None]:
    if not HASHES_WAITING.acquire(blocking=False):
        raise TooManyAttempts("too many people sign in at once: wait a moment")
    try:
        with HASHES_AT_ONCE:
            yield
    finally:
        HASHES_WAITING.release()


def _normalised(password: str) -> str:
    """NFKC: keyboards differ in how they compose a letter (NIST SP 800-63B 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _account_name(name: str) -> str:
    """The name as it is kept: case does not matter. Raises ValueError for what is no name."""
    name = unicodedata.normalize("NFC", name).strip().casefold()
    if not 1 <= len(name) <= 64 or not name.isprintable():
        raise ValueError("a name has 1 to 64 letters")
    return name


def _check_role(role: str) -> None:
    if role not in PERMISSIONS:
        raise ValueError(f"{role!r} is no role: {' '.join(PERMISSIONS)}")


def _check_password(password: str) -> None:
    if not SHORTEST_PASSWORD <= len(_normalised(password)) <= LONGEST_PASSWORD:
        raise ValueError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} letters")
