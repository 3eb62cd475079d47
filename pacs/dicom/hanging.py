"""How a study is laid out on the screen: rules, what they match, and which picture hangs in which pane. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pacs.dicom.person_name import fold

MOST_ROWS = 4
MOST_COLUMNS = 4
MOST_PANES = MOST_ROWS * MOST_COLUMNS

PROJECTIONS = frozenset(("MG", "CR", "DX", "IO", "PX", "RG", "RF", "XC"))
"""Modalities whose pictures are read one by one and not as a stack: each of them may hang in a pane of its own."""
NOT_READ = frozenset(
    ("SR", "PR", "KO", "SEG", "DOC", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "REG", "AU", "FID", "RWV")
)
"""Modalities of what is said about pictures."""
TELLING_WORD = 4
"""Letters: shorter words of a description say little about the part of the body."""

Kind = Literal["stack", "axial", "coronal", "sagittal", "oblique"]
Word = Annotated[str, Field(min_length=1, max_length=64)]
Words = Annotated[tuple[Word, ...], Field(max_length=32)]
Number = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


class Window(BaseModel, frozen=True, extra="forbid"):
    """Centre and width in modality units (PS3.3 C.11.2.1.2)."""

    center: Number
    width: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]


class Selector(BaseModel, frozen=True, extra="forbid"):
    """What hangs in a pane: the first that fits in each point of which something is said, whatever the case."""

    prior: bool = False
    """Of the most relevant earlier study."""
    modality: str = Field("", max_length=16)
    description: str = Field("", max_length=128)
    """Words that are all in the description or the protocol of the series."""
    body_part: str = Field("", max_length=64)
    laterality: Literal["", "L", "R", "B"] = ""
    views: Words = ()
    """View Position (0018,5101): one of these."""
    position: int = Field(0, ge=0, le=99)
    """Which of those that fit, from 1; 0: the first that hangs nowhere yet."""
    kind: Kind = "stack"
    window: Window | None = None


class Match(BaseModel, frozen=True, extra="forbid"):
    """Which studies a rule is for: what fits in each point of which something is said."""

    modalities: Words = ()
    body_parts: Words = ()
    description: str = Field("", max_length=128)
    """Words that are all in the description of the study."""
    least_series: int = Field(0, ge=0, le=1000)
    """So many series with pictures, or more."""
    has_prior: bool | None = None
    """Whether there is an earlier study of the same modality and part of the body."""


class Rule(BaseModel, frozen=True, extra="forbid"):
    """A layout, and the studies it is for."""

    match: Match = Match()
    rows: int = Field(1, ge=1, le=MOST_ROWS)
    columns: int = Field(1, ge=1, le=MOST_COLUMNS)
    panes: tuple[Selector, ...] = Field((Selector(),), min_length=1, max_length=MOST_PANES)
    """Row by row."""
    needs_all: bool = False
    """It is passed over when a pane would stay empty."""
    linked: bool = False
    """Panes scroll together."""


@dataclass(frozen=True, slots=True)
class Item:
    """What can hang in a pane: a series, or one picture of it."""

    series_instance_uid: str
    sop_instance_uid: str = ""
    """Of a projection; "": the whole series."""
    modality: str = ""
    description: str = ""
    """Of the series, and its protocol."""
    body_part: str = ""
    laterality: str = ""
    view: str = ""
    frames: int = 1
    is_localiser: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules look at of a study."""

    study_instance_uid: str
    description: str = ""
    modalities: frozenset[str] = frozenset()
    body_parts: frozenset[str] = frozenset()
    """As they are written."""
    items: tuple[Item, ...] = field(default=())
    """With pictures, in the order of the list of series."""


@dataclass(frozen=True, slots=True)
class HungPane:
    """What hangs in one pane."""

    study_instance_uid: str
    series_instance_uid: str
    """Empty where nothing fits."""
    sop_instance_uid: str
    kind: Kind
    window: dict[str, float] | None


@dataclass(frozen=True, slots=True)
class Hanging:
    """A study laid out by a rule."""

    name: str
    rows: int
    columns: int
    linked: bool
    panes: list[HungPane]


@dataclass(frozen=True, slots=True)
class NamedRule:
    """A rule and what it is called."""

    name: str
    rule: Rule


_LATERAL = ("LL", "RL", "LAT", "LATERAL", "LLD", "RLD")
_FRONTAL = ("PA", "AP")

BUILT_IN: tuple[NamedRule, ...] = (
    NamedRule(
        ":mammography",
        Rule(
            match=Match(modalities=("MG",)),
            rows=2,
            columns=2,
            panes=tuple(
                Selector(modality="MG", laterality=side, views=views, position=1)
                for views in (("CC",), ("MLO", "ML", "LM"))
                for side in ("R", "L")
            ),
        ),
    ),
    NamedRule(
        ":frontal_lateral",
        Rule(
            match=Match(modalities=("CR", "DX", "RG")),
            columns=2,
            panes=(Selector(views=_FRONTAL), Selector(views=_LATERAL)),
            needs_all=True,
        ),
    ),
    NamedRule(
        ":with_prior",
        Rule(
            match=Match(modalities=("CT", "MR", "CR", "DX", "RG"), has_prior=True),
            columns=2,
            panes=(Selector(), Selector(prior=True)),
            needs_all=True,
            linked=True,
        ),
    ),
    NamedRule(":single", Rule()),
)
"""For what no rule of an installation is for, in this order. The patient's right is on the left of the screen.

Their names begin with a colon, as no other name does: a page says them in its reader's language."""


def hangings(rules: Sequence[NamedRule], current: Facts, prior: Facts | None) -> Iterator[Hanging]:
    """The study laid out by each rule that is for it, in their order."""
    for named in rules:
        hung = hang(named, current, prior)
        if hung is not None:
            yield hung


def hang(named: NamedRule, current: Facts, prior: Facts | None) -> Hanging | None:
    """The study laid out by a rule; None when the rule is not for it, or would show nothing of it."""
    rule = named.rule
    if not is_for(rule.match, current, prior):
        return None
    chosen: list[Item | None] = []
    for selector in rule.panes[: rule.rows * rule.columns]:
        study = prior if selector.prior else current
        like = next((item for item in reversed(chosen) if item), None) if selector.prior else None
        chosen.append(_choose(selector, study, chosen, like) if study else None)
    shown = [item for item, selector in zip(chosen, rule.panes, strict=False) if item and not selector.prior]
    if not shown or (rule.needs_all and None in chosen):
        return None
    panes = [
        _pane(selector, item, prior if selector.prior else current)
        for selector, item in zip(rule.panes, chosen, strict=False)
    ]
    rows = _without_empty_rows(panes, rule.columns)
    return Hanging(
        named.name, min(rule.rows, len(rows)), rule.columns, rule.linked, [pane for row in rows for pane in row]
    )


def _without_empty_rows(panes: Sequence[HungPane], columns: int) -> list[Sequence[HungPane]]:
    """A row in which nothing hangs gives its place to the others; a column stays: left and right are sides."""
    rows = [panes[first : first + columns] for first in range(0, len(panes), columns)]
    return [row for row in rows if any(pane.series_instance_uid for pane in row)]


def is_for(match: Match, study: Facts, prior: Facts | None) -> bool:
    """Whether a rule is for a study."""
    modalities = frozenset(map(fold, study.modalities))
    body_parts = frozenset(map(fold, study.body_parts))
    return (
        (not match.modalities or not modalities.isdisjoint(map(fold, match.modalities)))
        and (not match.body_parts or not body_parts.isdisjoint(map(fold, match.body_parts)))
        and _words(match.description) <= _words(study.description)
        and len({item.series_instance_uid for item in study.items}) >= match.least_series
        and match.has_prior in (None, prior is not None)
    )


def relevance(study: Facts, earlier: Facts) -> int:
    """How much an earlier study tells about this one.

    3: same modality and part of the body; 2: same modality, the part is not known; 1: same part only; 0: neither.
    Where a study does not say its part of the body, a telling word that both descriptions share says it.
    """
    same_modality = not (study.modalities - NOT_READ).isdisjoint(earlier.modalities - NOT_READ)
    known, known_earlier = frozenset(map(fold, study.body_parts)), frozenset(map(fold, earlier.body_parts))
    if known and known_earlier:
        is_same = not known.isdisjoint(known_earlier)
        return 3 if same_modality and is_same else int(is_same)
    if any(len(word) >= TELLING_WORD for word in _words(study.description) & _words(earlier.description)):
        return 3 if same_modality else 1
    return 2 if same_modality else 0


def _choose(selector: Selector, study: Facts, chosen: Sequence[Item | None], like: Item | None) -> Item | None:
    # Localisers hang where nothing else fits, or where their description asks for them.
    fitting = sorted(
        (item for item in study.items if _fits(selector, item)),
        key=lambda item: item.is_localiser and not selector.description,
    )
    if selector.position:
        return fitting[selector.position - 1] if selector.position <= len(fitting) else None
    free = [item for item in fitting if item not in chosen]
    if like is not None and free and not selector.description:
        return max(free, key=lambda item: _likeness(item, like))
    return free[0] if free else None


def _fits(selector: Selector, item: Item) -> bool:
    return (
        selector.modality in ("", item.modality)
        and _words(selector.description) <= _words(item.description)
        and (not selector.body_part or fold(selector.body_part) == fold(item.body_part))
        # A side or a view that is not told is no side: nothing hangs at a place by guess.
        and selector.laterality in ("", item.laterality)
        and (not selector.views or fold(item.view) in map(fold, selector.views))
    )


def _likeness(item: Item, other: Item) -> tuple[bool, bool, bool, int, bool]:
    mine, its = _words(item.description), _words(other.description)
    return (
        item.modality == other.modality,
        not item.is_localiser,
        (item.laterality, item.view) == (other.laterality, other.view) and bool(item.view or item.laterality),
        len(mine & its) - len(mine ^ its),
        item.frames > 1,
    )


def _pane(selector: Selector, item: Item | None, study: Facts | None) -> HungPane:
    return HungPane(
        study.study_instance_uid if study else "",
        item.series_instance_uid if item else "",
        item.sop_instance_uid if item else "",
        selector.kind,
        selector.window.model_dump() if selector.window else None,
    )


def _words(text: str) -> frozenset[str]:
    return frozenset(fold(text).replace("_", " ").replace("-", " ").replace("/", " ").split())
