"""The conformance statement and the running server say the same."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation

from pacs.upper_layer.association import associate, request_of
from pacs.upper_layer.pdu import MOST_CONTEXTS
from tests.dimse.conftest import EXPLICIT, IMPLICIT, STUDY_ROOT_FIND, Door, associated, identifier, opened, store_all
from tests.make import make_ct
from tests.server import run_pacs, serving

CT = "1.2.840.10008.5.1.4.1.1.2"
UID_CELL = re.compile(r"\| (\d+(?:\.\d+)+) \|")
LEVELS = ("STUDY", "SERIES", "IMAGE")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with opened(tmp_path_factory.mktemp("conformance")) as one:
        yield one


@pytest.fixture(scope="module")
def sections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The text of each section of what `pacs conformance` prints, by its heading."""
    done = run_pacs({"PATH": "", "PACS_DATA": str(tmp_path_factory.mktemp("printed"))}, "conformance")
    assert done.returncode == 0, done.stderr
    parts = re.split(r"^#+ (?:[\d.]+ )?(.+)$", done.stdout, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def accepted(door: Door, syntaxes: list[tuple[str, list[str]]]) -> set[tuple[str, str]]:
    """The pairs of abstract and transfer syntax that the server takes of those proposed."""
    taken = set()
    for start in range(0, len(syntaxes), MOST_CONTEXTS):
        request = request_of("TEST", "PACS", syntaxes[start : start + MOST_CONTEXTS])
        with associate(("127.0.0.1", door.port), request) as association:
            taken |= {(one.abstract_syntax, one.transfer_syntax) for one in association.contexts.values()}
            association.release()
    return taken


def test_every_sop_class_that_is_listed_is_accepted_and_no_other(door: Door, sections: dict[str, str]) -> None:
    listed = set(UID_CELL.findall(sections["Service classes as provider"] + sections["SOP classes"]))
    classes = [uid for uid, (_, kind, *_) in UID_dictionary.items() if kind in ("SOP Class", "Meta SOP Class")]

    taken = {uid for uid, _ in accepted(door, [(uid, [EXPLICIT, IMPLICIT]) for uid in classes])}

    assert taken == listed


def test_every_transfer_syntax_that_is_listed_is_accepted_and_no_other(door: Door, sections: dict[str, str]) -> None:
    listed = set(UID_CELL.findall(sections["Transfer syntaxes"]))
    known = [uid for uid, (_, kind, *_) in UID_dictionary.items() if kind == "Transfer Syntax"]

    assert {uid for _, uid in accepted(door, [(CT, [uid]) for uid in known])} == listed


@pytest.mark.parametrize("level", LEVELS)
def test_every_key_that_is_listed_is_supported(door: Door, sections: dict[str, str], level: str) -> None:
    instance = make_ct()
    assert store_all(door, instance) == [0x0000]
    above = LEVELS[: LEVELS.index(level) + 1]
    keys = [key for one in above for key in re.findall(r"^\| (\w+) \| \(", sections[f"Keys of the {one} level"], re.M)]
    unique = {"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"} & set(keys)
    question = identifier(QueryRetrieveLevel=level, **dict.fromkeys(set(keys) - unique))
    for keyword in unique:
        setattr(question, keyword, instance[keyword].value)

    assert statuses(door, question) == [0xFF00, 0x0000]


def test_the_web_door_tells_the_same_and_has_what_is_listed(tmp_path: Path, sections: dict[str, str]) -> None:
    """What each resource gives and takes is asked for in `web/test_capabilities`, from the same list."""
    with serving(tmp_path) as server:
        headers = {"Authorization": f"Bearer {server.token()}"}
        told = requests.get(f"{server.url}/dicom-web/conformance", headers=headers, timeout=20)
        listed = requests.options(
            f"{server.url}/dicom-web", headers={**headers, "Accept": "application/json"}, timeout=20
        )

    assert all(sections[name].strip() in told.text for name in ("Resources", "Media types of answers", "Parameters"))
    methods = [
        (one["name"], resource["path"]) for resource in listed.json()["resources"] for one in resource["methods"]
    ]
    assert methods == re.findall(r"^\| ([A-Z]+) \| (/\S*) \|", sections["Resources"], re.M)


def test_a_key_that_is_not_listed_is_answered_as_unsupported(door: Door, sections: dict[str, str]) -> None:
    instance = make_ct()
    assert store_all(door, instance) == [0x0000]
    question = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=instance.StudyInstanceUID, PixelSpacing=None)

    assert "PixelSpacing" not in "".join(sections.values())
    assert statuses(door, question) == [0xFF01, 0x0000]


def test_extended_negotiation_is_answered_as_it_is_listed(door: Door, sections: dict[str, str]) -> None:
    listed = re.findall(r"^\| \d \| .+ \| (yes|no) \|$", sections["Extended negotiation of C-FIND"], re.M)
    item = SOPClassExtendedNegotiation()
    item.sop_class_uid = STUDY_ROOT_FIND
    item.service_class_application_information = b"\1" * 7

    with associated(door, [(STUDY_ROOT_FIND, [EXPLICIT])], extended=[item]) as association:
        answered = association.acceptor.sop_class_extended[UID(STUDY_ROOT_FIND)]

    assert [{1: "yes", 0: "no"}[byte] for byte in answered] == listed


def statuses(door: Door, question: Dataset) -> list[int]:
    with associated(door, [(STUDY_ROOT_FIND, [EXPLICIT])]) as association:
        return [status.Status for status, _ in association.send_c_find(question, STUDY_ROOT_FIND)]
