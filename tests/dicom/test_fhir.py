"""What DICOM says, as FHIR says it: names, times, and searches as questions."""

from typing import Any

import pytest

from pacs.dicom.fhir import human_names, issuer_of_system, moment, readable_name, system_of_issuer
from pacs.dicom.fhir_search import MOST_AT_ONCE, search_of
from pacs.dicom.query import Empty, Instants, Match, Range, Single, Zoned

REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
NAMES: list[tuple[str, list[dict[str, Any]]]] = [
    ("", []),
    ("^^", []),
    (
        "NGUYỄN^THỊ ÁNH^ĐÀO^BS^PGS^TS",
        [
            {
                "use": "official",
                "text": "BS NGUYỄN THỊ ÁNH ĐÀO PGS TS",
                "family": "NGUYỄN",
                "given": ["THỊ ÁNH", "ĐÀO"],
                "prefix": ["BS"],
                "suffix": ["PGS TS"],
            }
        ],
    ),
    (
        "Yamada^Tarou=山田^太郎=",
        [
            {
                "use": "official",
                "extension": [{"url": REPRESENTATION, "valueCode": "ABC"}],
                "text": "Yamada Tarou",
                "family": "Yamada",
                "given": ["Tarou"],
            },
            {
                "extension": [{"url": REPRESENTATION, "valueCode": "IDE"}],
                "text": "山田 太郎",
                "family": "山田",
                "given": ["太郎"],
            },
        ],
    ),
    ("A\x1bB", [{"use": "official", "text": "A B", "family": "A B"}]),
]


@pytest.mark.parametrize(("value", "names"), NAMES, ids=lambda one: one[:12] if isinstance(one, str) else "")
def test_a_name_has_its_parts_in_each_of_its_groups(value: str, names: list[dict[str, Any]]) -> None:
    assert human_names(value) == names
    assert readable_name(value) == (names[0]["text"] if names else "")


MOMENTS = [
    ("20261124", "080910.25", "+0700", "2026-11-24T08:09:10.25+07:00"),
    ("20261124", "0809", "-0330", "2026-11-24T08:09:00-03:30"),
    ("20261124", "08", "+0000", "2026-11-24T08:00:00+00:00"),
    ("20261124", "", "+0700", "2026-11-24"),
    ("20261124", "235960", "+0700", "2026-11-24"),
    ("20261124", "08:09:10", "+0700", "2026-11-24"),
    ("20261301", "080910", "+0700", ""),
    ("2026", "080910", "+0700", ""),
    ("", "080910", "+0700", ""),
]


@pytest.mark.parametrize(("day", "time", "offset", "expected"), MOMENTS)
def test_a_time_has_its_offset_or_is_left_out(day: str, time: str, offset: str, expected: str) -> None:
    values = {"StudyDate": day, "StudyTime": time, "TimezoneOffsetFromUTC": offset}

    assert moment(values, "StudyDate", "StudyTime") == expected


def test_a_time_without_an_offset_is_that_of_this_machine() -> None:
    found = moment({"StudyDate": "20261124", "StudyTime": "0809"}, "StudyDate", "StudyTime")

    assert found.startswith("2026-11-24T08:09:00") and found[-3] == ":"


@pytest.mark.parametrize("issuer", ["", "1.2.840.113", "http://hospital.example/mrn"])
def test_an_issuer_is_a_system_and_the_other_way_round(issuer: str) -> None:
    assert issuer_of_system(system_of_issuer(issuer)) == issuer
    assert system_of_issuer("HOSPITAL A") == "", "words are no URI"


STARTED: list[tuple[list[str], Match]] = [
    (["2026-11-24"], Range("20261124", "20261124")),
    (["2026-02"], Range("20260201", "20260228")),
    (["gt2026-12"], Range("20270101", None)),
    (["lt2026"], Range(None, "20251231")),
    (["ge2026-11-01", "le2026-11"], Range("20261101", "20261130")),
    (["ge2026-11-24T08:00:00Z"], Zoned(Instants("2026112408", None), "+0000")),
    (["2026-11-24T08:09 07:00"], Zoned(Instants("202611240809", "20261124080959.999999"), "+0700")),
    (["lt2026-11-24T00:00:00"], Instants(None, "20261123235959.999999")),
    (["ge2026-11-24", "lt2026-11-24T08:00-03:30"], Zoned(Instants("2026112400", "20261124075959.999999"), "-0330")),
]


@pytest.mark.parametrize(("values", "expected"), STARTED, ids=str)
def test_a_date_means_all_of_its_last_unit(values: list[str], expected: Match) -> None:
    search = search_of("ImagingStudy", [("started", value) for value in values])

    assert search.matches == {"StudyDate": expected}


def test_a_search_is_told_apart_from_its_form() -> None:
    given = [("patient", "Patient/a,http://x/fhir/Patient/b"), ("_count", "100000"), ("_sort", "-started")]
    search = search_of("ImagingStudy", [*given, ("_pretty", "true"), ("_lastUpdated", "2026"), ("_sort", "status")])

    assert (search.patients, search.matches, search.newest_first) == (["a", "b"], {}, True)
    assert (search.count, search.passed_over) == (MOST_AT_ONCE, ["_lastUpdated", "_sort"])
    by_issuer = search_of("Patient", [("identifier", "urn:oid:1.2|7")]).matches
    assert by_issuer == {"PatientID": Single("7"), "IssuerOfPatientID": Single("1.2")}
    assert search_of("Patient", [("gender", "unknown")]).matches == {"PatientSex": Empty()}
