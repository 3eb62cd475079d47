"""A question to the archive, as every door asks it, and the matching of PS3.4 C.2.2.2."""

from dataclasses import dataclass, field

from pacs.dicom.attributes import Level


@dataclass(frozen=True, slots=True)
class Universal:
    """Matches everything; the value is returned (PS3.4 C.2.2.2.3)."""


@dataclass(frozen=True, slots=True)
class Single:
    """Equal by the rules of the VR (C.2.2.2.1)."""

    value: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of a list (C.2.2.2.2)."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*` is any run, `?` any one character (C.2.2.2.4)."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Range:
    """From first to last, both included; None is open (C.2.2.2.5)."""

    first: str | None
    last: str | None


@dataclass(frozen=True, slots=True)
class Words:
    """A person's name by the beginnings of its words in any order, folded: what people type.

    Also what fuzzy matching of names means here (C.2.2.2.1.1).
    """

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Empty:
    """Present and empty, or absent (C.2.2.2.7)."""


Match = Universal | Single | AnyOf | Wildcard | Range | Words | Empty


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for. Keys are paths of `attributes.BY_PATH` at or above the level."""

    level: Level
    matches: dict[str, Match] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    """Paths to return, in this order; unknown ones are left out by the door."""
    limit: int | None = None
    offset: int = 0
    newest_first: bool = False
    """Order by study date and time, newest first; otherwise by the order of arrival."""
