"""What administrators have made searchable besides what is indexed always (`dicom.attributes`).

A definition is a row; its values are those of `archive.further_values`. What arrives is read with the header and
written with the instance's own rows; what was there before is read by a job (`workflow.further`), the newest first.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag, private_dictionary_VR, tag_for_keyword
from sqlalchemy import Connection, Row, func, insert, select, update

from pacs import audit
from pacs.context import Actor, Pacs
from pacs.dicom.attributes import (
    BY_PATH,
    DICTIONARY,
    FIRST_BLOCK,
    Attribute,
    Dictionary,
    Level,
    is_private,
    private_path,
)
from pacs.dicom.further import VRS, read_further
from pacs.dicom.header import Header
from pacs.dicom.query import Query
from pacs.dicom.walk import Seekable
from pacs.errors import AlreadyThere, InvalidQuery, NotFound
from pacs.index.tables import further_attribute, instance

FILLING, READY, REMOVING = "filling", "ready", "removing"
MOST = 64
"""Definitions: each costs every instance that arrives a little."""
LONGEST_CREATOR = 64
KNOWN_FOR_S = 1.0
"""As long as a process goes by what it has read of the definitions."""
SETTLED_AFTER = timedelta(seconds=30)
"""By then every instance whose header was read without knowing of a definition has its rows, or was refused."""
NAMES: Mapping[str, Level] = {
    "patient": Level.PATIENT,
    "study": Level.STUDY,
    "series": Level.SERIES,
    "instance": Level.IMAGE,
}


@dataclass(frozen=True, slots=True)
class Further:
    """A definition as it is shown."""

    pk: int
    keyword: str
    """Of a private attribute its tag, as in block 10."""
    creator: str
    vr: str
    level: str
    state: str
    read: int
    """Of what was stored before: how many instances have been read, about."""
    total: int
    source: str
    """Who made it: login, or the command."""
    created_at: datetime


def add(pacs: Pacs, actor: Actor, name: str, level: str, creator: str = "", vr: str = "") -> Further:
    """Make an attribute searchable. name: a keyword or a tag in hexadecimal; of a private one with its creator.

    vr: needed of a private attribute that no dictionary has. Raises NotAllowed, InvalidQuery, AlreadyThere.
    """
    actor.require("administer")
    attribute = _attribute_of(name, level, creator, vr)
    if attribute.path in BY_PATH:
        raise AlreadyThere(f"{attribute.path} is searchable already")
    row = {
        "path": attribute.path,
        "vr": attribute.vr,
        "level": int(attribute.level),
        "state": FILLING,
        "source": actor.name,
        "created_at": datetime.now(UTC),
    }
    with pacs.database.write() as connection:
        there = connection.execute(select(further_attribute.c.path, further_attribute.c.pk))
        paths = {row.path: row.pk for row in there}
        if attribute.path in paths:
            raise AlreadyThere(f"{attribute.path} is searchable already, or still being removed")
        if len(paths) >= MOST:
            raise InvalidQuery(f"{MOST} further attributes are the most")
        # Never given twice: who goes by one that was removed for a moment more harms no other.
        pk = max(time.time_ns() // 1_000_000, *(pk + 1 for pk in paths.values()), 0)
        connection.execute(insert(further_attribute), row | {"pk": pk})
        audit.record(connection, actor, "attribute-added", detail=f"{attribute.path} {level}")
    pacs.database.recent.forget(__name__)
    return next(one for one in all_further(pacs, actor) if one.pk == pk)


def remove(pacs: Pacs, actor: Actor, pk: int) -> None:
    """It is searched no more; its values are deleted by the job. Raises NotAllowed, NotFound."""
    actor.require("administer")
    with pacs.database.write() as connection:
        its = further_attribute.c.pk == pk
        path = connection.scalar(select(further_attribute.c.path).where(its))
        if path is None:
            raise NotFound("no such further attribute")
        connection.execute(update(further_attribute).where(its).values(state=REMOVING))
        audit.record(connection, actor, "attribute-removed", detail=path)
    pacs.database.recent.forget(__name__)


def all_further(pacs: Pacs, actor: Actor) -> list[Further]:
    """Every definition, by its path. Raises NotAllowed."""
    actor.require("administer")
    with pacs.database.read() as connection:
        newest = _newest(connection)
        rows = connection.execute(select(further_attribute).order_by(further_attribute.c.path)).all()
    return [_shown(row, newest) for row in rows]


def dictionary(pacs: Pacs) -> Dictionary:
    """All that can be asked for now. Known to every process a second after it was changed."""
    return _known(pacs).dictionary


def being_filled(pacs: Pacs, query: Query) -> list[Further]:
    """Of what a question is about: what has not been read from everything that is stored yet."""
    asked = {one for path in (*query.matches, *query.include) if (one := query.dictionary.by_path.get(path))}
    keys = {attribute.further for attribute in asked if attribute.further} & _known(pacs).filling
    if not keys:
        return []
    with pacs.database.read() as connection:
        rows = connection.execute(select(further_attribute).where(further_attribute.c.pk.in_(keys))).all()
        newest = _newest(connection)
    return [_shown(row, newest) for row in rows if row.state == FILLING]


def attribute_of(row: Row[Any]) -> Attribute:
    """A row of `further_attribute` as what it stands for."""
    keyword, _, creator = row.path.partition(" ")
    tag = int(keyword, 16) if creator else 0
    return Attribute(keyword, Level(row.level), further=row.pk, creator=creator, tag=tag, vr=row.vr)


def read_into(pacs: Pacs, header: Header, file: Seekable, offset: int, size: int, transfer_syntax_uid: str) -> Header:
    """The header of an instance with its further values besides. Costs nothing where none are defined."""
    wanted = _known(pacs).attributes
    if not wanted:
        return header
    return replace(header, further=read_further(file, offset, size, transfer_syntax_uid, wanted))


@dataclass(frozen=True, slots=True)
class _Known:
    """The definitions as they were a moment ago."""

    attributes: tuple[Attribute, ...]
    filling: frozenset[int]
    dictionary: Dictionary


_NOTHING = _Known((), frozenset(), DICTIONARY)


def _known(pacs: Pacs) -> _Known:
    def read() -> _Known:
        statement = select(further_attribute).where(further_attribute.c.state != REMOVING)
        with pacs.database.read() as connection:
            rows = connection.execute(statement.order_by(further_attribute.c.pk)).all()
        if not rows:
            return _NOTHING
        attributes = tuple(map(attribute_of, rows))
        filling = frozenset(row.pk for row in rows if row.state == FILLING)
        return _Known(attributes, filling, DICTIONARY.widened(attributes))

    return pacs.database.recent.get(__name__, KNOWN_FOR_S, read)


def _attribute_of(name: str, level: str, creator: str, vr: str) -> Attribute:
    if level not in NAMES:
        raise InvalidQuery(f"{level!r} is no level: {', '.join(NAMES)}")
    tag = _tag_of(name)
    if is_private(tag):
        is_creator = creator.isprintable() and creator == creator.strip() and "\\" not in creator
        if not is_creator or not 0 < len(creator) <= LONGEST_CREATOR:
            raise InvalidQuery("a private attribute is named with its creator, of at most 64 characters")
        path = private_path(tag, creator)
        tag = tag & 0xFFFF00FF | FIRST_BLOCK << 8
        vr = vr or _private_vr(tag, creator)
        return Attribute(path.partition(" ")[0], NAMES[level], creator=creator, tag=tag, vr=_searchable(name, vr))
    if creator:
        raise InvalidQuery(f"{name} is no private attribute, and has no creator")
    if not dictionary_has_tag(tag) or tag >> 16 <= 2:
        raise InvalidQuery(f"{name!r} is no attribute of an instance")
    vr = _searchable(name, dictionary_VR(tag).split()[0])
    return Attribute(keyword_for_tag(tag), NAMES[level], further=1, vr=vr)


def _tag_of(name: str) -> int:
    tag = int(name, 16) if re.fullmatch("[0-9A-Fa-f]{8}", name) else tag_for_keyword(name)
    if tag is None:
        raise InvalidQuery(f"{name!r} is no attribute: a keyword, or a tag of eight hexadecimal digits")
    return tag


def _private_vr(tag: int, creator: str) -> str:
    try:
        return private_dictionary_VR(tag, creator)
    except KeyError:
        raise InvalidQuery("no dictionary has this private attribute: say its VR") from None


def _searchable(name: str, vr: str) -> str:
    if vr not in VRS:
        raise InvalidQuery(f"{name} is {vr}: only text and numbers can be searched")
    return vr


def _shown(row: Row[Any], newest: int) -> Further:
    keyword, _, creator = row.path.partition(" ")
    level = next(name for name, level in NAMES.items() if level == row.level)
    left = min(row.filled_to - 1, newest) if row.filled_to else newest
    total = newest if row.state == FILLING else 0
    read = newest - left if row.state == FILLING else 0
    return Further(row.pk, keyword, creator, row.vr, level, row.state, read, total, row.source, row.created_at)


def _newest(connection: Connection) -> int:
    return connection.scalar(select(func.max(instance.c.pk))) or 0
