"""Where a search begins."""

from math import inf

import pytest
from sqlalchemy import select

from pacs.dicom.attributes import Level
from pacs.dicom.query import AnyOf, Match, Query, Range, Single, Universal, Wildcard, Words
from pacs.index.select import Source
from pacs.index.sources import MANY, best_of, sources, worth_counting
from pacs.index.tables import study

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("sizes", "total", "wanted", "best"),
    [
        ([0], 0, inf, 0),
        ([0], MILLION, 50, 0),
        ([500], 20_000, inf, 0),  # a rare name: fetch all who bear it
        ([8_000], 20_000, inf, None),  # every third is called so: walk
        ([500, 40], 20_000, 100, 1),
        ([MANY, MANY], MILLION, 50, None),
        ([MANY, 35_000, 18_000], MILLION, 50, 2),  # common words that are rare together
        ([20_000], MILLION, 50, None),
        ([1_000], MILLION, 50, 0),
        ([MANY], MILLION, 50, None),
        ([MANY, 1_000], MILLION, 50, 1),
    ],
)
def test_a_search_begins_with_few_rows_or_walks(sizes: list[int], total: int, wanted: float, best: int | None) -> None:
    candidates = [Source(Level.STUDY, select(study.c.pk), False) for _ in sizes]
    totals = [total] * len(sizes)
    most = worth_counting(totals, wanted)
    counted = [min(size, most) for size in sizes]
    chosen = best_of(candidates, counted, totals, wanted, page=2000, most=most)
    assert chosen is (None if best is None else candidates[best])


@pytest.mark.parametrize(
    ("matches", "newest_first", "expected"),
    [
        ({}, False, []),
        ({"PatientID": Universal(), "StudyDescription": Single("a")}, False, []),
        ({"PatientName": Wildcard("NGUYEN*"), "StudyInstanceUID": Single("1.2")}, False, [True, False]),
        ({"PatientName": Words(("an", "dao"))}, False, [False, False]),
        ({"StudyDate": Range("20240101", None)}, False, [False]),
        ({"StudyDate": Range("20240101", None)}, True, []),  # the walk follows that index
        ({"PatientID": Wildcard("*1")}, False, []),
        ({"AccessionNumber": AnyOf(("1", "2")), "StudyID": Single("1")}, False, [True, False]),
    ],
)
def test_sources_are_the_keys_that_an_index_finds(
    matches: dict[str, Match], newest_first: bool, expected: list[bool]
) -> None:
    query = Query(Level.STUDY, matches, newest_first=newest_first)
    assert [source.is_small for source in sources(query, None)] == expected
