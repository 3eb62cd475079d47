"""What readers draw and mark is kept by our API, comes back as it was sent, and is nobody else's to change."""

import random
from typing import Any
from uuid import uuid4

import pytest
from pydicom.dataset import Dataset

from pacs import accounts
from pacs.context import SYSTEM, Pacs
from tests.annotation import POINTS, make_annotation, make_plane_annotation, place_on
from tests.make import make_ct, make_uid
from tests.web.conftest import Caller
from tests.web.test_wado import store


@pytest.fixture
def ct(pacs: Pacs) -> Dataset:
    ds = make_ct(FrameOfReferenceUID=make_uid(1, 9))
    store(pacs, ds)
    return ds


@pytest.fixture
def reader(pacs: Pacs, client: Caller) -> Caller:
    """A radiologist's program."""
    client.headers["authorization"] = f"Bearer {accounts.create_token(pacs, SYSTEM, 'radiologist', name='bs.an')}"
    return client


@pytest.fixture
def colleague(pacs: Pacs, anonymous: Caller) -> Caller:
    """Another one's."""
    anonymous.headers["authorization"] = f"Bearer {accounts.create_token(pacs, SYSTEM, 'radiologist', name='bs.bình')}"
    return anonymous


def address(drawn: dict[str, Any]) -> str:
    return f"/api/studies/{drawn['place']['study_instance_uid']}/annotations/{drawn['id']}"


def all_of(caller: Caller, ds: Dataset) -> Any:
    return caller.get(f"/api/studies/{ds.StudyInstanceUID}/annotations").json()


@pytest.mark.parametrize("kind", POINTS)
def test_every_kind_comes_back_as_it_was_sent(reader: Caller, ct: Dataset, kind: str) -> None:
    drawn = make_annotation(ct, kind)

    answer = reader.put(address(drawn), json=drawn)

    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    (kept,) = all_of(reader, ct)["annotations"]
    assert {key: kept[key] for key in drawn} == drawn
    assert (kept["author"], kept["version"]) == ("bs.an", 1)


def test_numbers_come_back_to_the_last_bit(reader: Caller, ct: Dataset) -> None:
    chance = random.Random(5)
    points = [[chance.uniform(-1e6, 1e6), chance.random() * 10.0 ** chance.randint(-300, 5)] for _ in range(4000)]
    drawn = make_annotation(ct, "freehand", points=points)
    assert reader.put(address(drawn), json=drawn).status_code == 200
    (kept,) = all_of(reader, ct)["annotations"]
    assert kept["points"] == points


def test_what_is_drawn_on_a_plane_comes_back(reader: Caller, ct: Dataset) -> None:
    drawn = make_plane_annotation(ct)
    assert reader.put(address(drawn), json=drawn).status_code == 200
    (kept,) = all_of(reader, ct)["annotations"]
    assert (kept["place"], kept["points"]) == (drawn["place"], drawn["points"])


def test_sending_it_again_changes_nothing(reader: Caller, ct: Dataset) -> None:
    drawn = make_annotation(ct)
    first = reader.put(address(drawn), json=drawn)
    again = reader.put(address(drawn), json=drawn)
    assert (again.status_code, again.json()) == (200, first.json())


def test_a_change_that_was_not_made_from_the_newest_is_told_what_that_is(reader: Caller, ct: Dataset) -> None:
    drawn = make_annotation(ct)
    reader.put(address(drawn), json=drawn)
    here, there = drawn | {"points": [[1, 1], [2, 2]]}, drawn | {"points": [[3, 3], [4, 4]]}
    assert reader.put(address(drawn), json=here, headers={"if-match": '"1"'}).status_code == 200

    refused = reader.put(address(drawn), json=there, headers={"if-match": '"1"'})

    assert refused.status_code == 409
    assert (refused.json()["current"]["points"], refused.json()["current"]["version"]) == (here["points"], 2)
    assert reader.put(address(drawn), json=there).status_code == 409, "as if it were new"
    assert all_of(reader, ct)["annotations"][0]["points"] == here["points"]
    assert reader.put(address(drawn), json=there, headers={"if-match": '"2"'}).json()["version"] == 3


def test_two_readers_at_once_lose_nothing_and_touch_nothing_of_each_other(
    reader: Caller, colleague: Caller, ct: Dataset
) -> None:
    mine, theirs = make_annotation(ct), make_annotation(ct, "angle")
    reader.put(address(mine), json=mine)
    colleague.put(address(theirs), json=theirs)
    assert [(one["id"], one["author"]) for one in all_of(reader, ct)["annotations"]] == [
        (mine["id"], "bs.an"),
        (theirs["id"], "bs.bình"),
    ]
    changed = mine | {"text": "không phải của tôi"}
    assert colleague.put(address(mine), json=changed, headers={"if-match": '"1"'}).status_code == 403
    assert colleague.delete(address(mine)).status_code == 403
    assert len(all_of(reader, ct)["annotations"]) == 2


def test_one_that_was_removed_comes_back_when_it_is_kept_again(reader: Caller, ct: Dataset) -> None:
    drawn = make_annotation(ct)
    reader.put(address(drawn), json=drawn)
    assert reader.delete(address(drawn), headers={"if-match": '"7"'}).status_code == 409

    removed = reader.delete(address(drawn), headers={"if-match": '"1"'})

    assert (removed.status_code, removed.headers["etag"]) == (204, '"2"')
    assert reader.delete(address(drawn)).headers["etag"] == '"2"', "again"
    assert all_of(reader, ct)["annotations"] == []
    refused = reader.put(address(drawn), json=drawn, headers={"if-match": '"1"'})
    assert (refused.status_code, refused.json()["removed"]) == (409, True), "made before it was removed"
    assert reader.put(address(drawn), json=drawn, headers={"if-match": '"2"'}).json()["version"] == 3
    assert len(all_of(reader, ct)["annotations"]) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"points": [[1, 1]]}, "length has 2 to 2 points, and not 1"),
        ({"points": [[1, 1, 1], [2, 2, 2]]}, "a point on a frame has 2 coordinates"),
        ({"points": [[1, 1], [2, 1e7]]}, "less than or equal to 1000000"),
        ({"kind": "circle"}, "kind"),
        ({"text": "x" * 1001}, "at most 1000 characters"),
        ({"text": "\x1b[0m"}, "no other control characters"),
        ({"colour": "red"}, "colour"),
        ({"id": str(uuid4())}, "another id"),
        ({"results": [{"quantity": "length", "value": 1}]}, "unit"),
    ],
)
def test_what_cannot_be_is_refused_by_name(reader: Caller, ct: Dataset, change: dict[str, Any], said: str) -> None:
    drawn = make_annotation(ct)
    refused = reader.put(address(drawn), json=drawn | change)
    assert refused.status_code == 400
    assert said in refused.json()["detail"]


def test_numbers_that_are_none_are_refused(reader: Caller, ct: Dataset) -> None:
    drawn = make_annotation(ct, points=[[1, 1], [2, float("nan")]])
    assert reader.put(address(drawn), data=repr(drawn).replace("'", '"').replace("nan", "NaN")).status_code == 400


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"frame_number": 2}, 400),
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.4"}, 400),
        ({"sop_instance_uid": "1.2.3"}, 404),
        ({"series_instance_uid": "1.2.3"}, 404),
    ],
)
def test_a_drawing_on_what_is_not_there_is_refused(
    reader: Caller, ct: Dataset, change: dict[str, Any], status: int
) -> None:
    drawn = make_annotation(ct)
    drawn["place"] |= change
    assert reader.put(address(drawn), json=drawn).status_code == status
    plane = make_plane_annotation(ct)
    plane["place"]["frame_of_reference_uid"] = "1.2.3"
    assert "frame of reference" in reader.put(address(plane), json=plane).json()["detail"]


def test_who_may_only_look_draws_nothing(pacs: Pacs, reader: Caller, colleague: Caller, ct: Dataset) -> None:
    drawn = make_annotation(ct)
    reader.put(address(drawn), json=drawn)
    del colleague.headers["authorization"]
    assert colleague.get(f"/api/studies/{ct.StudyInstanceUID}/annotations").status_code == 401
    colleague.headers["authorization"] = f"Bearer {accounts.create_token(pacs, SYSTEM, 'referrer')}"
    assert len(all_of(colleague, ct)["annotations"]) == 1
    assert colleague.put(address(drawn), json=drawn).status_code == 403
    assert colleague.delete(address(drawn)).status_code == 403
    image = f"/api/studies/{ct.StudyInstanceUID}/key-images/{uuid4()}"
    assert colleague.put(image, json=starred(ct)).status_code == 403
    assert colleague.get("/api/studies/1.2.3/annotations").status_code == 404


def starred(ds: Dataset) -> dict[str, Any]:
    place = place_on(ds)
    del place["study_instance_uid"]
    return place


def test_each_reader_has_his_own_star_on_an_image(reader: Caller, colleague: Caller, ct: Dataset) -> None:
    mine = f"/api/studies/{ct.StudyInstanceUID}/key-images/{uuid4()}"
    assert reader.put(mine, json=starred(ct)).status_code == 200
    elsewhere = f"/api/studies/{ct.StudyInstanceUID}/key-images/{uuid4()}"
    assert mine.endswith(reader.put(elsewhere, json=starred(ct)).json()["id"]), "one star of mine an image"
    assert colleague.put(elsewhere, json=starred(ct)).status_code == 200
    assert [one["author"] for one in all_of(reader, ct)["key_images"]] == ["bs.an", "bs.bình"]
    assert reader.delete(elsewhere).status_code == 403
    assert reader.delete(mine).status_code == 204
    assert [one["author"] for one in all_of(reader, ct)["key_images"]] == ["bs.bình"]
    assert reader.put(mine, json=starred(ct) | {"frame_number": 2}).status_code == 400
    assert reader.put(mine, json=starred(ct) | {"frame_number": 0}).status_code == 400
    nowhere = mine.replace(ct.StudyInstanceUID, "no-study")
    assert reader.put(nowhere, json=starred(ct)).status_code == 400


def test_who_knows_them_already_is_sent_nothing(reader: Caller, ct: Dataset) -> None:
    study = f"/api/studies/{ct.StudyInstanceUID}/annotations"
    etag = reader.get(study).headers["etag"]
    assert reader.get(study, headers={"if-none-match": etag}).status_code == 304
    drawn = make_annotation(ct)
    reader.put(address(drawn), json=drawn)
    assert reader.get(study, headers={"if-none-match": etag}).status_code == 200


def test_what_was_drawn_and_marked_is_published(reader: Caller, colleague: Caller, ct: Dataset) -> None:
    study = f"/api/studies/{ct.StudyInstanceUID}"
    assert reader.post(f"{study}/annotations/publish", json={}).status_code == 400, "there is nothing yet"
    drawn = make_annotation(ct)
    reader.put(address(drawn), json=drawn)
    reader.put(f"{study}/key-images/{uuid4()}", json=starred(ct))
    how = {
        "language": "vi",
        "title": "for-referring-provider",
        "windows": [{"series_instance_uid": ct.SeriesInstanceUID, "center": 40, "width": 400}],
    }

    made = reader.post(f"{study}/annotations/publish", json=how)

    assert (made.status_code, [one["kind"] for one in made.json()]) == (200, ["sr", "gsps", "kos"])
    assert all_of(colleague, ct)["publications"] == made.json()
    assert made.json()[0]["annotations"] == {drawn["id"]: 1}
    found = reader.get(f"/dicom-web/studies/{ct.StudyInstanceUID}/series").json()
    assert sorted(one["00080060"]["Value"][0] for one in found) == ["CT", "KO", "PR", "SR"]
    assert reader.post(f"{study}/annotations/publish", json={"language": "tlh"}).status_code == 400
    bad = how | {"windows": [{"series_instance_uid": ct.SeriesInstanceUID, "center": 40, "width": 0}]}
    assert reader.post(f"{study}/annotations/publish", json=bad).status_code == 400
