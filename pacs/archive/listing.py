"""What the study list and the first look at a study show: found by what people type, newest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, case, func, select, union

from pacs.archive.find import count, find
from pacs.context import Actor, Pacs
from pacs.dicom.attributes import BY_PATH, Level
from pacs.dicom.person_name import fold
from pacs.dicom.query import Match, Query, Single, Wildcard, Words
from pacs.errors import NotFound
from pacs.index import tables
from pacs.index.select import Source, select_matches
from pacs.index.sources import sources

SHOWN = (
    *("StudyInstanceUID", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
    *("StudyDescription", "AccessionNumber", "ReferringPhysicianName", "ModalitiesInStudy"),
    *("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"),
)
SHOWN_OF_SERIES = (
    *("SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDescription", "ProtocolName", "BodyPartExamined"),
    *("Laterality", "NumberOfSeriesRelatedInstances"),
)
NUMBERS = ("PatientID", "AccessionNumber")
"""What people type besides names."""

Summary = dict[str, Any]
"""Values by the names of the attributes in snake_case; dates and times as DICOM has them, lists as lists."""
Matches = dict[str, Match]


@dataclass(frozen=True, slots=True)
class StudyPage:
    """A stretch of a study list."""

    studies: list[Summary]
    total: int
    """How many there are in all."""


def search_studies(
    pacs: Pacs, actor: Actor, text: str, filters: Mapping[str, Match], offset: int, limit: int
) -> StudyPage:
    """Studies of which the text is the beginning of a number, or of each of some words of the patient's name.

    filters: what must match besides, by path. Raises NotAllowed, InvalidQuery.
    """
    meanings = [meaning | dict(filters) for meaning in meanings_of(text)]
    if len(meanings) > 1:
        return _search_any(pacs, actor, meanings, offset, limit)
    query = Query(Level.STUDY, meanings[0], SHOWN, limit, offset, newest_first=True)
    return StudyPage([_summary(SHOWN, row) for row in find(pacs, actor, query)], count(pacs, actor, query))


def meanings_of(text: str) -> list[Matches]:
    """What the text may mean: one that matches everything where nothing was typed.

    `nguyen anh` is a name, `261124` may be the beginning of two numbers, `nguyen 261124` is a name and a number.
    """
    words = text.split()
    if not words:
        return [{}]
    numbers = words if len(words) == 1 else [word for word in words if any(letter.isdigit() for letter in word)]
    names = [word for word in words if word not in numbers]
    meanings = [_named(words)]
    if len(numbers) == 1:
        for number in dict.fromkeys((numbers[0], numbers[0].upper())):
            meanings += [{keyword: Wildcard(f"{number}*")} | _named(names) for keyword in NUMBERS]
    return meanings


def study_summary(pacs: Pacs, actor: Actor, study: str) -> Summary:
    """A study and its `series`, by series number. Raises NotAllowed, NotFound."""
    rows = list(find(pacs, actor, Query(Level.STUDY, {"StudyInstanceUID": Single(study)}, SHOWN)))
    if not rows:
        raise NotFound("no such study")
    return _summary(SHOWN, rows[0]) | {"series": series_of(pacs, study)}


def series_of(pacs: Pacs, study: str) -> list[Summary]:
    """The series of a study, by number: how many frames each has to show, and whether all of them are localisers."""
    of_series, instance = tables.series.c, tables.instance.c
    is_image = instance.rows.is_not(None)
    frames = case((is_image, func.coalesce(func.nullif(instance.number_of_frames, 0), 1)), else_=0)
    localisers = func.min(case((instance.image_type.like("%LOCALIZER%"), 1), else_=0))
    statement = (
        select(*(of_series[BY_PATH[keyword].column] for keyword in SHOWN_OF_SERIES), func.sum(frames), localisers)
        .select_from(
            tables.series.join(tables.study).outerjoin(
                tables.instance, and_(instance.series_pk == of_series.pk, instance.current)
            )
        )
        .where(tables.study.c.study_instance_uid == study)
        .group_by(of_series.pk)
        .order_by(of_series.series_number.is_(None), of_series.series_number, of_series.pk)
    )
    with pacs.database.read() as connection:
        rows = connection.execute(statement).all()
    return [
        _summary(SHOWN_OF_SERIES, row) | {"number_of_frames": int(row[-2]), "is_localiser": bool(row[-1])}
        for row in rows
    ]


def _named(words: Sequence[str]) -> Matches:
    """The longest word first: it finds the fewest."""
    folded = sorted(fold(" ".join(words)).split(), key=len, reverse=True)
    return {"PatientName": Words(tuple(folded))} if folded else {}


def _search_any(pacs: Pacs, actor: Actor, meanings: Sequence[Matches], offset: int, limit: int) -> StudyPage:
    actor.require("query")
    queries = [Query(Level.STUDY, meaning) for meaning in meanings]
    found = union(
        *(select_matches(query, actor.studies, _source(query, actor)).order_by(None) for query in queries)
    ).cte()
    total = select(func.count()).select_from(found)
    shown = Query(Level.STUDY, include=SHOWN, newest_first=True)
    page = select_matches(shown, actor.studies, Source(Level.STUDY, select(found), False))
    # The total is a column of every row: so what matches is looked for once.
    statement = page.add_columns(total.scalar_subquery()).limit(limit).offset(offset)
    with pacs.database.read() as connection:
        rows = connection.execute(statement).all()
        count_all = rows[0][-1] if rows else connection.scalar(total)
    return StudyPage([_summary(SHOWN, row) for row in rows], count_all or 0)


def _source(query: Query, actor: Actor) -> Source | None:
    """Every answer is wanted, since they are counted: so the first index that helps is always better than a walk."""
    return next(iter(sources(query, actor.studies)), None)


def _summary(keywords: Sequence[str], row: Sequence[Any]) -> Summary:
    summary = {BY_PATH[keyword].column: value for keyword, value in zip(keywords, row, strict=False)}
    if "modalities_in_study" in summary:
        summary["modalities_in_study"] = [one for one in summary["modalities_in_study"].split("\\") if one]
    return summary
