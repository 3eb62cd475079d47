"""Keys become matches (PS3.4 C.2.2.2), and the plain matcher says what they match."""

import pytest

from pacs.dicom.attributes import BY_PATH, Level
from pacs.dicom.matching import is_answer, matches_value
from pacs.dicom.query import (
    AllOf,
    AnyOf,
    Empty,
    Instants,
    Match,
    Query,
    Range,
    Rules,
    Single,
    Universal,
    Wildcard,
    Words,
    Zoned,
    combined,
    in_zone,
    parse_match,
    zoned,
)
from pacs.errors import InvalidQuery


@pytest.mark.parametrize(
    ("path", "values", "expected"),
    [
        ("PatientID", [], Universal()),
        ("PatientID", [""], Universal()),
        ("PatientID", ["  "], Universal()),
        ("PatientID", ["*"], Universal()),
        ("StudyDate", ["*"], Universal()),
        ("StudyInstanceUID", ["*"], Universal()),
        ("PatientID", ["0004123456 "], Single("0004123456")),
        ("PatientID", ["100%_[x]"], Single("100%_[x]")),
        ("PatientID", ["00041*"], Wildcard("00041*")),
        ("Modality", ["C?"], Wildcard("C?")),
        ("PatientComments", ["a*b"], Wildcard("a*b")),
        ("PatientAge", ["03?Y"], Single("03?Y")),
        ("ModalitiesInStudy", ["CT", "MR"], AnyOf(("CT", "MR"))),
        ("StudyInstanceUID", ["1.2.3"], Single("1.2.3")),
        ("StudyInstanceUID", ["1.2.3\0", "", "1.2.4"], AnyOf(("1.2.3", "1.2.4"))),
        ("PatientName", ["NGUYỄN*"], Wildcard("NGUYỄN*")),
        ("PatientName", ["*^*"], Wildcard("*^*")),
        ("PatientName", ["Nguye\u0302\u0303n"], Single("Nguyễn")),
        ("InstanceNumber", ["007"], Single("7")),
        ("InstanceNumber", ["-1"], Single("-1")),
        ("Rows", ["512"], Single("512")),
        ("NumberOfStudyRelatedSeries", ["+2"], Single("2")),
        ("StudyDate", ["20260101"], Single("20260101")),
        ("StudyDate", ["2026.01.01"], Single("20260101")),
        ("PatientBirthDate", ["19850000"], Single("19850000")),
        ("StudyDate", ["20260101-20260131"], Range("20260101", "20260131")),
        ("StudyDate", ["20260101 - 20260131"], Range("20260101", "20260131")),
        ("StudyDate", ["-20260131"], Range(None, "20260131")),
        ("StudyDate", ["2026.01.01-"], Range("20260101", None)),
        ("StudyTime", ["2230"], Range("2230", "223000.000000")),
        ("StudyTime", ["22:30:00"], Range("2230", "223000.000000")),
        ("StudyTime", ["223000.5"], Range("223000.5", "223000.500000")),
        ("StudyTime", ["00"], Range("00", "000000.000000")),
        ("StudyTime", ["08-1200"], Range("08", "120059.999999")),
        ("StudyTime", ["-235959"], Range(None, "235959.999999")),
        ("StudyTime", ["235960"], Range("235960", "235960.000000")),
        ("AcquisitionDateTime", ["20260101080000.25+0700"], Range("20260101080000.25", "20260101080000.250000")),
        ("AcquisitionDateTime", ["202601-2027"], Range("202601", "20271231235959.999999")),
        ("AcquisitionDateTime", ["2026-0500"], Range("2026", "2026")),
        ("AcquisitionDateTime", ["2026-0500-2027-0500"], Range("2026", "20271231235959.999999")),
        ("AcquisitionDateTime", ["2026010108-"], Range("2026010108", None)),
        ("RequestAttributesSequence.RequestedProcedureID", ["RP*"], Wildcard("RP*")),
    ],
)
def test_a_key_is_read_by_the_rules_of_its_vr(path: str, values: list[str], expected: Match) -> None:
    assert parse_match(BY_PATH[path], values) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Nguyễn Thị", Words(("nguyen", "thi"), ("Nguyễn", "Thị"))),
        ("nguyen^a*", Words(("nguyen", "a"), ("nguyen", "a"))),
        ("ĐÀO", Words(("dao",), ("ĐÀO",))),
        ("*", Universal()),
        ("^?", Universal()),
    ],
)
def test_fuzzy_names_are_words(value: str, expected: Match) -> None:
    assert parse_match(BY_PATH["PatientName"], [value], Rules(fuzzy=True)) == expected
    assert not isinstance(parse_match(BY_PATH["PatientID"], ["a b"], Rules(fuzzy=True)), Words)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("StudyDate", ["2026"]),
        ("StudyDate", ["20261301"]),
        ("StudyDate", ["20260132"]),
        ("StudyDate", ["yesterday"]),
        ("StudyDate", ["-"]),
        ("StudyDate", ["20260101-20260201-20260301"]),
        ("StudyDate", ["20260201-20260101"]),
        ("StudyDate", ["2026010?"]),
        ("StudyDate", ["20260101", "20260201-"]),
        ("StudyTime", ["24"]),
        ("StudyTime", ["1260"]),
        ("StudyTime", ["080061"]),
        ("StudyTime", ["8"]),
        ("StudyTime", ["2200-0600"]),
        ("AcquisitionDateTime", ["20261301"]),
        ("AcquisitionDateTime", ["2026010125"]),
        ("AcquisitionDateTime", ["2026.5"]),
        ("StudyInstanceUID", ["1.2.*"]),
        ("StudyInstanceUID", ["1.2.3", "../etc"]),
        ("StudyInstanceUID", ["1.2.3' OR 1=1"]),
        ("InstanceNumber", ["1A"]),
        ("InstanceNumber", ["1-2"]),
        ("InstanceNumber", ["9" * 40]),
        ("Modality", ["CT", "M*"]),
    ],
)
def test_what_is_no_question_is_refused_by_name(path: str, values: list[str]) -> None:
    with pytest.raises(InvalidQuery, match=path):
        parse_match(BY_PATH[path], values)


@pytest.mark.parametrize(
    ("path", "asked", "stored", "expected"),
    [
        ("PatientID", "A1", "A1", True),
        ("PatientID", "A1", "A1  ", True),
        ("PatientID", "a1", "A1", False),
        ("PatientID", "A*", "A1", True),
        ("PatientID", "*1", "A1", True),
        ("PatientID", "A?", "A12", False),
        ("PatientID", "A[1]*", "A[1]23", True),
        ("PatientID", "A[1]*", "A123", False),
        ("PatientID", "100%*", "1000", False),
        ("PatientID", "A.1", "AX1", False),
        ("PatientID", "", "", True),
        ("InstanceNumber", "007", 7, True),
        ("InstanceNumber", "7", None, False),
        ("NumberOfStudyRelatedSeries", "2", 2, True),
        ("StudyDate", "20260101-20260131", "20260131", True),
        ("StudyDate", "20260101-20260131", "20260201", False),
        ("StudyDate", "-20260131", "", False),
        ("StudyTime", "2230", "223000", True),
        ("StudyTime", "2230", "223000.000", True),
        ("StudyTime", "2230", "22", False),
        ("StudyTime", "223000", "2230", True),
        ("StudyTime", "22", "220000", True),
        ("StudyTime", "22", "220001", False),
        ("StudyTime", "08-12", "115959.999", True),
        ("StudyTime", "08-12", "0800", True),
        ("StudyTime", "08-12", "08", True),
        ("StudyTime", "08-12", "130000", False),
        ("StudyTime", "-235959", "235959.123456", True),
        ("AcquisitionDateTime", "20260101", "20260101", True),
        ("AcquisitionDateTime", "20260101-20260101", "20260101235959.5", True),
        ("AcquisitionDateTime", "20260101-20260101", "20260102", False),
        ("ModalitiesInStudy", "SR", "CT\\SR", True),
        ("ModalitiesInStudy", "C*", "SR\\CT", True),
        ("ModalitiesInStudy", "CT\\MR", "SR\\MR", True),
        ("ModalitiesInStudy", "T", "CT\\SR", False),
        ("PatientName", "nguyen thi anh dao", "NGUYỄN^THỊ ÁNH ĐÀO", True),
        ("PatientName", "nguyen", "NGUYỄN^THỊ ÁNH ĐÀO", False),
        ("PatientName", "NGUYEN*", "NGUYỄN^THỊ ÁNH ĐÀO", True),
        ("PatientName", "NGUYÊT*", "NGUYỄN^THỊ ÁNH ĐÀO", False),
        ("PatientName", "*Ễ*", "NGUYỄN^THỊ ÁNH ĐÀO", True),
        ("PatientName", "*^*", "Doe^John", True),
        ("PatientName", "*^*", "Doe", False),
        ("PatientName", "HÒA", "HOÀ", True),
        ("PatientName", "山田*", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("PatientName", "=山田^太郎", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("PatientName", "Yamada^Tarou=山田*", "Yamada^Tarou=山田^太郎", True),
        ("PatientName", "Suzuki=山田*", "Yamada^Tarou=山田^太郎", False),
    ],
)
def test_a_value_is_matched_or_not(path: str, asked: str, stored: str | int | None, expected: bool) -> None:
    attribute = BY_PATH[path]

    assert matches_value(parse_match(attribute, asked.split("\\")), attribute, stored) is expected


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("nguyen", True),
        ("NGUYEN", True),
        ("Nguyễn", True),
        ("Nguye\u0302\u0303n", True),
        ("dao", True),
        ("đào", True),
        ("anh dao nguyen", True),
        ("dao anh", True),
        ("nguyen a", True),
        ("n t a dao", True),
        ("nguyet", False),
        ("guyen", False),
        ("anh bao", False),
    ],
)
def test_people_are_found_by_what_one_types(words: str, found: bool) -> None:
    attribute = BY_PATH["PatientName"]

    assert matches_value(parse_match(attribute, [words], Rules(fuzzy=True)), attribute, "NGUYỄN^THỊ ÁNH ĐÀO") is found


@pytest.mark.parametrize(("stored", "expected"), [("", True), (None, True), ("x", False), (0, False)])
def test_empty_is_absent_or_without_a_value(stored: str | int | None, expected: bool) -> None:
    assert matches_value(Empty(), BY_PATH["PatientID"], stored) is expected


@pytest.mark.parametrize(
    ("path", "values", "rules", "expected"),
    [
        ("AccessionNumber", ['""'], Rules(), Single('""')),
        ("AccessionNumber", ['""'], Rules(empty=True), Empty()),
        ("StudyDate", ['""'], Rules(empty=True), Empty()),
        ("InstanceNumber", [' "" '], Rules(empty=True), Empty()),
        ("ModalitiesInStudy", ["CT", "PT"], Rules(), AnyOf(("CT", "PT"))),
        ("ModalitiesInStudy", ["CT", "PT"], Rules(multiple=True), AllOf(("CT", "PT"))),
        ("ImageType", ["ORIGINAL", "AXIAL"], Rules(multiple=True), AllOf(("ORIGINAL", "AXIAL"))),
        ("Modality", ["CT", "PT"], Rules(multiple=True), AnyOf(("CT", "PT"))),
        ("SOPClassesInStudy", ["1.2", "1.3"], Rules(multiple=True), AnyOf(("1.2", "1.3"))),
        ("PatientWeight", ["070.50"], Rules(), Single("70.5")),
    ],
)
def test_what_was_agreed_says_what_a_key_means(path: str, values: list[str], rules: Rules, expected: Match) -> None:
    assert parse_match(BY_PATH[path], values, rules) == expected


def test_wild_cards_have_no_place_among_several_values() -> None:
    with pytest.raises(InvalidQuery, match="ModalitiesInStudy"):
        parse_match(BY_PATH["ModalitiesInStudy"], ["CT", "M*"], Rules(multiple=True))


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("20260705-20260707", "1000-1800", Instants("2026070510", "20260707180059.999999")),
        ("20260705-", "1000-", Instants("2026070510", None)),
        ("-20260705", "-1000", Instants(None, "20260705100059.999999")),
        ("20260705-", "-1000", None),
        ("20260705", "1000-1800", None),
        ("20260705-20260707", "", None),
    ],
)
def test_ranges_of_the_same_form_are_one_of_instants(date: str, time: str, expected: Match | None) -> None:
    matches = {path: parse_match(BY_PATH[path], [text]) for path, text in (("StudyDate", date), ("StudyTime", time))}

    assert combined(matches) == ({"StudyDate": expected} if expected else matches)


@pytest.mark.parametrize(
    ("path", "asked", "offset", "expected"),
    [
        ("StudyDate", "20260706", "+0700", [Instants("2026070600", "20260706235959.999999")]),
        ("StudyDate", "20260706", "+0000", [Instants("2026070517", "20260706165959.999999")]),
        ("StudyDate", "20260706-", "-0330", [Instants("202607051330", None)]),
        ("StudyTime", "0800-0930", "+0000", [Range("01", "023059.999999")]),
        ("StudyTime", "0600-0800", "+0000", [Range("23", None), Range(None, "010059.999999")]),
        ("AcquisitionDateTime", "20260706083000.25", "+0530", [Range("20260706070000.25", "20260706070000.250000")]),
        ("StudyDate", "20260000-20261231", "+0000", [Instants("2026000000", "20261231165959.999999")]),
    ],
)
def test_a_time_at_one_offset_is_another_at_another(
    path: str, asked: str, offset: str, expected: list[Range | Instants]
) -> None:
    """Asked for at +0700, stored at the offset."""
    (match,) = zoned({path: parse_match(BY_PATH[path], [asked])}, "+0700").values()
    assert isinstance(match, Zoned)

    assert in_zone(match, BY_PATH[path], offset) == expected


def test_a_date_of_birth_is_where_it_is() -> None:
    matches = {"PatientBirthDate": parse_match(BY_PATH["PatientBirthDate"], ["19850314"])}

    assert zoned(matches, "+0700") == matches


def test_a_date_that_is_cut_short_is_not_made_longer_by_its_time() -> None:
    query = Query(Level.STUDY, {"StudyDate": Instants("20240131", None)})

    assert not is_answer(query, {"StudyDate": "2024", "StudyTime": "12"})
    assert is_answer(query, {"StudyDate": "20240201", "StudyTime": "12"})
