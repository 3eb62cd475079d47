"""Hanging rules: which is taken, what hangs where, which earlier study is opened, and whose rules are whose."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from pacs.archive.ingest import ingest
from pacs.context import EVERYTHING, SYSTEM, Actor, Pacs
from pacs.dicom.hanging import Match, Rule, Selector, Window
from pacs.errors import InvalidQuery, NotAllowed, NotFound
from pacs.workflow import hanging
from tests.make import make_ct, make_uid, part10

READER = Actor("person", "bs.an", permissions=frozenset(("query", "retrieve")))
COLLEAGUE = replace(READER, name="bs.binh")
ADMINISTRATOR = Actor("person", "admin", permissions=EVERYTHING)


def store(pacs: Pacs, **attributes: Any) -> str:
    """An image of a series of its own unless told; its Series Instance UID."""
    ds = make_ct(**({"SeriesInstanceUID": make_uid()} | attributes))
    ingest(pacs, SYSTEM, part10(ds))
    return str(ds.SeriesInstanceUID)


def study(pacs: Pacs, day: str, series: Sequence[dict[str, Any]] = ({},), **attributes: Any) -> tuple[str, list[str]]:
    """A study of one patient and the UIDs of its series."""
    uid = make_uid()
    shared = {"StudyInstanceUID": uid, "StudyDate": day, "BodyPartExamined": "CHEST", "AccessionNumber": uid[-8:]}
    numbered = enumerate(series, 1)
    return uid, [store(pacs, **(shared | {"SeriesNumber": n} | attributes | one)) for n, one in numbered]


def shown(hung: hanging.Hanging | None) -> list[str]:
    assert hung is not None
    return [pane.series_instance_uid for pane in hung.panes]


def hung_by_itself(pacs: Pacs, uid: str, actor: Actor = READER) -> tuple[str, list[tuple[str, str]]]:
    told = hanging.hung_study(pacs, actor, uid)["hanging"]
    return told["name"], [(pane["study_instance_uid"], pane["series_instance_uid"]) for pane in told["panes"]]


def test_the_most_relevant_earlier_study_hangs_beside_the_current_one(pacs: Pacs) -> None:
    older, (older_axial,) = study(pacs, "20240101")
    newer, _ = study(pacs, "20260101", BodyPartExamined="KNEE")
    current, (axial,) = study(pacs, "20261124")
    later, _ = study(pacs, "20270101")

    told = hanging.hung_study(pacs, READER, current)

    assert [(one["study_instance_uid"], one["relevance"]) for one in told["priors"]] == [(older, 3), (newer, 0)]
    assert hung_by_itself(pacs, current) == (":with_prior", [(current, axial), (older, older_axial)])
    assert hung_by_itself(pacs, older)[0] == ":single"
    assert hung_by_itself(pacs, later)[1][1][0] == current


def test_of_an_earlier_study_the_series_that_is_most_alike_hangs(pacs: Pacs) -> None:
    series = [{"SeriesDescription": text} for text in ("Lung 1.0 B70f", "Abdomen 5.0", "Thorax 5.0 B31f")]
    _, (_, _, thorax) = study(pacs, "20250101", series)
    current, (recent,) = study(pacs, "20261124", [{"SeriesDescription": "THORAX 5.0 B31f"}])

    assert [uid for _, uid in hung_by_itself(pacs, current)[1]] == [recent, thorax]


@pytest.mark.parametrize(
    ("earlier", "relevance"),
    [
        ({"BodyPartExamined": "", "StudyDescription": "CT ngực có cản quang"}, 2),
        ({"BodyPartExamined": "", "StudyDescription": "CT Thorax low dose"}, 3),
        ({"Modality": "MR"}, 1),
        ({"Modality": "MR", "BodyPartExamined": "HEAD"}, 0),
        ({}, 3),
    ],
)
def test_modality_and_part_of_the_body_say_how_relevant_a_study_is(
    pacs: Pacs, earlier: dict[str, Any], relevance: int
) -> None:
    study(pacs, "20250101", **earlier)
    current, _ = study(pacs, "20261124", StudyDescription="CT thorax")

    (prior,) = hanging.hung_study(pacs, READER, current)["priors"]

    assert prior["relevance"] == relevance


def test_nobody_is_shown_an_earlier_study_he_may_not_see(pacs: Pacs) -> None:
    study(pacs, "20250101")
    current, _ = study(pacs, "20261124")
    guest = replace(READER, kind="link", studies=frozenset((current,)))

    assert hanging.hung_study(pacs, guest, current)["priors"] == []
    assert hung_by_itself(pacs, current, guest)[0] == ":single"


def test_another_patient_of_the_same_name_has_no_part_in_it(pacs: Pacs) -> None:
    study(pacs, "20250101", PatientID="0009999999")
    current, _ = study(pacs, "20261124")

    assert hanging.hung_study(pacs, READER, current)["priors"] == []


MG = {"Modality": "MG", "BodyPartExamined": "BREAST"}


def pictures(*views: str, **attributes: Any) -> list[dict[str, Any]]:
    """Of side and view, as `R CC`, in one series; no side is a dash."""
    shared = {"SeriesInstanceUID": make_uid(), "SeriesNumber": 1} | attributes
    told = [view.split() for view in views]
    return [
        shared | {"SOPInstanceUID": make_uid(), "ImageLaterality": side.strip("-"), "ViewPosition": view}
        for side, view in told
    ]


def views_on_screen(pacs: Pacs, uid: str, stored: Sequence[dict[str, Any]]) -> list[str]:
    """Side and view of what hangs in each pane."""
    told = {one["SOPInstanceUID"]: f"{one['ImageLaterality'] or '-'} {one['ViewPosition']}" for one in stored}
    panes = hanging.hung_study(pacs, READER, uid)["hanging"]["panes"]
    return [told.get(pane["sop_instance_uid"], "") for pane in panes]


def test_a_mammogram_hangs_with_the_right_breast_on_the_left_whatever_the_order_it_came_in(pacs: Pacs) -> None:
    stored = pictures("L MLO", "L CC", "R MLO", "R CC")
    uid, _ = study(pacs, "20261124", stored, **MG)

    assert views_on_screen(pacs, uid, stored) == ["R CC", "L CC", "R MLO", "L MLO"]


def test_a_view_without_a_side_hangs_at_no_side(pacs: Pacs) -> None:
    stored = pictures("L CC", "- CC")
    uid, _ = study(pacs, "20261124", stored, **MG)

    assert views_on_screen(pacs, uid, stored) == ["", "L CC"]


def test_a_chest_hangs_frontal_beside_lateral(pacs: Pacs) -> None:
    stored = pictures("- LL", "- PA")
    uid, _ = study(pacs, "20261124", stored, Modality="DX")

    assert views_on_screen(pacs, uid, stored) == ["- PA", "- LL"]


def test_a_localiser_hangs_only_where_there_is_nothing_else(pacs: Pacs) -> None:
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "SeriesDescription": "Topogram"}
    both, (_, axial) = study(pacs, "20261124", [scout, {}])
    alone, (only,) = study(pacs, "20261124", [scout], PatientID="2")

    assert hung_by_itself(pacs, both)[1] == [(both, axial)]
    assert hung_by_itself(pacs, alone)[1] == [(alone, only)]


def test_what_has_no_pictures_does_not_hang(pacs: Pacs) -> None:
    uid = make_uid()
    report = make_ct(StudyInstanceUID=uid, Modality="SR", Rows=None, Columns=None, PixelData=None)
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
    ingest(pacs, SYSTEM, part10(report))

    assert hanging.hung_study(pacs, READER, uid)["hanging"] is None


SERIES = [
    {"SeriesDescription": "Thorax 5.0 B31f", "ProtocolName": "Chest"},
    {"SeriesDescription": "Lung 1.0 B70f", "ProtocolName": "Chest"},
    {"SeriesDescription": "Cor MPR", "BodyPartExamined": "ABDOMEN"},
]


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ([Selector(), Selector(), Selector(), Selector()], [0, 1, 2, None]),
        ([Selector(description="LUNG"), Selector()], [1, 0]),
        ([Selector(description="chest 1.0")], [1]),
        ([Selector(position=2), Selector(position=2)], [1, 1]),
        ([Selector(body_part="abdomen"), Selector(modality="MR")], [2, None]),
    ],
)
def test_a_pane_shows_what_its_words_say(pacs: Pacs, selectors: list[Selector], expected: list[int | None]) -> None:
    uid, series = study(pacs, "20261124", SERIES)
    rule = Rule(rows=2, columns=2, panes=tuple(selectors))

    found = hanging.try_rule(pacs, READER, uid, rule)

    assert shown(found) == ["" if index is None else series[index] for index in expected]


@pytest.mark.parametrize(
    ("match", "is_for"),
    [
        (Match(), True),
        (Match(modalities=("MR", "ct")), True),
        (Match(modalities=("MR",)), False),
        (Match(body_parts=("chest",)), True),
        (Match(body_parts=("HEAD",)), False),
        (Match(description="ngực ct"), True),
        (Match(description="bụng"), False),
        (Match(least_series=3), True),
        (Match(least_series=4), False),
        (Match(has_prior=True), False),
        (Match(has_prior=False), True),
    ],
)
def test_a_rule_is_for_the_studies_it_says(pacs: Pacs, match: Match, is_for: bool) -> None:
    uid, _ = study(pacs, "20261124", SERIES)

    assert (hanging.try_rule(pacs, READER, uid, Rule(match=match)) is not None) == is_for


def test_ones_own_rule_comes_before_everybodys_and_that_before_the_built_in_ones(pacs: Pacs) -> None:
    uid, _ = study(pacs, "20261124")
    hanging.add_rule(pacs, ADMINISTRATOR, "House", Rule(columns=2), everybody=True)
    hanging.add_rule(pacs, READER, "Mine", Rule(rows=2, panes=(Selector(window=Window(center=40, width=80)),)))

    assert [one.name for one in hanging.hangings_of(pacs, READER, uid)] == ["Mine", "House", ":single"]
    assert [one.name for one in hanging.hangings_of(pacs, COLLEAGUE, uid)] == ["House", ":single"]
    assert hanging.hangings_of(pacs, READER, uid)[0].panes[0].window == {"center": 40, "width": 80}


def test_rules_stand_in_the_order_they_are_put_in(pacs: Pacs) -> None:
    pks = {name: hanging.add_rule(pacs, READER, name, Rule()) for name in "CBA"}
    hanging.move_rule(pacs, READER, pks["A"], 2)
    hanging.remove_rule(pacs, READER, pks["B"])
    hanging.add_rule(pacs, READER, "B", Rule(), position=1)
    hanging.change_rule(pacs, READER, pks["C"], "Z", Rule(columns=3))

    assert [(one.name, one.rule.columns) for one in hanging.rules(pacs, READER)] == [("Z", 3), ("B", 1), ("A", 1)]


def test_nobody_touches_anothers_rules(pacs: Pacs) -> None:
    mine = hanging.add_rule(pacs, READER, "Mine", Rule())
    house = hanging.add_rule(pacs, ADMINISTRATOR, "House", Rule(), everybody=True)

    with pytest.raises(NotFound):
        hanging.remove_rule(pacs, ADMINISTRATOR, mine)
    with pytest.raises(NotFound):
        hanging.change_rule(pacs, COLLEAGUE, mine, "Yours", Rule())
    for change in (
        lambda: hanging.remove_rule(pacs, READER, house),
        lambda: hanging.add_rule(pacs, READER, "For all", Rule(), everybody=True),
        lambda: hanging.add_rule(pacs, replace(READER, kind="link"), "Link", Rule()),
    ):
        with pytest.raises(NotAllowed):
            change()
    with pytest.raises(InvalidQuery):
        hanging.add_rule(pacs, READER, " ", Rule())
    with pytest.raises(InvalidQuery):
        hanging.add_rule(pacs, READER, ":single", Rule())
    assert [one.name for one in hanging.rules(pacs, COLLEAGUE)] == ["House"]
