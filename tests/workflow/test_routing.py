"""What arrives is sent on by the rules there are, and what is sent gets there."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from sqlalchemy import update

from pacs import jobs
from pacs.archive.ingest import ingest
from pacs.context import SYSTEM, Actor, Pacs
from pacs.errors import InvalidQuery, NotAllowed, NotFound, UnknownDestination
from pacs.index.session import Database
from pacs.index.tables import delivery, instance
from pacs.peers import directory
from pacs.settings import Settings
from pacs.workflow import deliveries, routing, sending
from pacs.workflow.deliveries import Delivery
from pacs.workflow.routing import Arrival, Rule, matcher
from storage import open_store
from tests.make import make_ct, make_uid, part10
from tests.workflow import receivers

CT1 = Actor("peer", "CT1", permissions=SYSTEM.permissions)
EVERYTHING = Rule()


@pytest.fixture
def pacs(tmp_path: Any, database_url: str) -> Iterator[Pacs]:
    """Files, and each kind of database."""
    settings = Settings(data=tmp_path / "data", database=database_url, delivery_days=1)
    settings.data.mkdir()
    database = Database(settings.database)
    database.migrate()
    objects = open_store(settings.objects, spool=settings.data / "spool")
    yield Pacs(settings, database, objects)
    objects.close()
    database.close()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "SETTLE", timedelta())
    monkeypatch.setattr(sending, "PROGRESS_EVERY_S", 0.0)
    monkeypatch.setattr(sending, "CONFIRMED_PER_S", 1_000_000)


def take_in(pacs: Pacs, *, actor: Actor = CT1, **attributes: Any) -> Dataset:
    ds = make_ct(**attributes)
    ingest(pacs, actor, part10(ds))
    return ds


def read(pacs: Pacs) -> None:
    """What the worker does for the reader."""
    while routing.due(pacs):
        routing.read_arrivals(pacs, "arrived")


def send_due(pacs: Pacs) -> None:
    """What the worker does for what is due now, one after the other."""
    for key in deliveries.due(pacs):
        sending.run(pacs, key)


def queue(pacs: Pacs) -> list[Delivery]:
    """Oldest first."""
    return deliveries.queue(pacs, SYSTEM).rows[::-1]


def make_due(pacs: Pacs) -> None:
    """The clock moves on."""
    with pacs.database.write() as connection:
        connection.execute(update(delivery).values(next_at=datetime.now(UTC) - timedelta(seconds=1)))


def known(pacs: Pacs, port: int, name: str = "PEER") -> None:
    directory.add(pacs, SYSTEM, name, "127.0.0.1", port)


@contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


def arrival(**values: Any) -> Arrival:
    usual = {
        "pk": 1,
        "series_pk": 1,
        "sop_instance_uid": "1.2",
        "source": "CT1",
        "received_at": datetime(2026, 11, 24, 12, 0).astimezone(),  # a Tuesday
        "study_instance_uid": "1.2",
        "series_instance_uid": "1.2",
        "modality": "CT",
        "body_part_examined": "CHEST",
        "station_name": "ROOM 3",
        "series_description": "Thin 1.0 LUNG_axial",
        "study_description": "CT NGỰC",
        "is_current": True,
    }
    return Arrival(**usual | values)


def at(hour: int, minute: int = 0, day: int = 24) -> dict[str, datetime]:
    return {"received_at": datetime(2026, 11, day, hour, minute).astimezone()}


@pytest.mark.parametrize(
    ("rule", "values", "taken"),
    [
        ({}, {}, True),
        ({}, {"is_current": False}, False),
        ({"sources": ["CT2", "ct1"]}, {}, True),
        ({"sources": ["CT2"]}, {}, False),
        ({"modalities": ["MR", "ct"]}, {}, True),
        ({"modalities": ["MR"]}, {}, False),
        ({"modalities": ["CT"], "body_parts": ["HEAD"]}, {}, False),
        ({"modalities": ["CT"], "body_parts": ["CHEST", "HEAD"]}, {}, True),
        ({"station_names": ["Room 3"]}, {}, True),
        ({"station_names": ["ROOM"]}, {}, False),
        ({"description": "thin*"}, {}, True),
        ({"description": "*lung*"}, {}, True),
        ({"description": "thin"}, {}, False),
        ({"description": "CT NGUC"}, {}, True),
        ({"description": "ct ng?c"}, {}, True),
        ({"description": "*1.0*"}, {"series_description": "Thin 130"}, False),
        ({"hours": "08:00-17:00"}, at(12), True),
        ({"hours": "08:00-17:00"}, at(8), True),
        ({"hours": "08:00-17:00"}, at(17), False),
        ({"hours": "18:00-07:00"}, at(23, 59), True),
        ({"hours": "18:00-07:00"}, at(6, 59), True),
        ({"hours": "18:00-07:00"}, at(7), False),
        ({"weekdays": [2]}, at(0, 30), True),
        ({"weekdays": [6, 7]}, at(12, day=28), True),
        ({"weekdays": [6, 7]}, at(12), False),
    ],
)
def test_a_rule_takes_what_it_says(rule: dict[str, Any], values: dict[str, Any], taken: bool) -> None:
    assert matcher(Rule(**rule))(arrival(**values)) is taken


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"hours": "25:00-07:00"}, "hours"),
        ({"hours": "evening"}, "hours"),
        ({"weekdays": [0]}, "weekdays"),
        ({"modalities": [""]}, "modalities"),
        ({"modality": ["CT"]}, "modality"),
    ],
)
def test_what_is_no_rule_is_refused_by_the_name_of_its_field(rule: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        Rule(**rule)


def test_what_arrives_is_sent_to_the_peer_of_its_route(pacs: Pacs) -> None:
    with receivers.peer() as received:
        known(pacs, received.port)
        routing.add_route(pacs, SYSTEM, "ct", Rule(modalities=("CT",)), "PEER", priority=3)
        wanted = take_in(pacs)
        take_in(pacs, Modality="MR", SeriesInstanceUID=make_uid())
        read(pacs)
        send_due(pacs)

        assert received.uids == [wanted.SOPInstanceUID]
        assert received.data_sets[wanted.SOPInstanceUID].PixelData == wanted.PixelData
    (row,) = queue(pacs)
    assert (row.state, row.route, row.sent, row.number, row.attempts, row.why) == ("delivered", "ct", 1, 1, 1, "")
    assert (row.patient_name, row.modality, row.priority) == (wanted.PatientName, "CT", 3)
    assert not deliveries.due(pacs)


def test_a_route_takes_what_comes_after_it_and_not_from_its_destination(pacs: Pacs) -> None:
    known(pacs, 104)
    take_in(pacs)
    routing.add_route(pacs, SYSTEM, "first", EVERYTHING, "PEER")
    take_in(pacs, actor=Actor("peer", "PEER", permissions=SYSTEM.permissions))
    routing.add_route(pacs, SYSTEM, "second", EVERYTHING, "PEER", enabled=False)
    wanted = take_in(pacs, SeriesInstanceUID=make_uid())
    read(pacs)

    (row,) = queue(pacs)
    assert (row.route, row.series_instance_uid) == ("first", wanted.SeriesInstanceUID)


def test_what_came_before_a_route_is_not_for_it_though_others_still_have_to_take_it(pacs: Pacs) -> None:
    known(pacs, 104)
    routing.add_route(pacs, SYSTEM, "first", EVERYTHING, "PEER")
    take_in(pacs)
    routing.add_route(pacs, SYSTEM, "second", EVERYTHING, "PEER")
    read(pacs)

    assert [row.route for row in queue(pacs)] == ["first"]


def test_what_comes_while_the_only_route_is_off_is_not_for_it(pacs: Pacs) -> None:
    known(pacs, 104)
    pk = routing.add_route(pacs, SYSTEM, "first", EVERYTHING, "PEER")
    routing.change_route(pacs, SYSTEM, pk, "first", EVERYTHING, "PEER", enabled=False)
    take_in(pacs)
    routing.change_route(pacs, SYSTEM, pk, "first", EVERYTHING, "PEER")
    wanted = take_in(pacs, SeriesInstanceUID=make_uid())
    read(pacs)

    assert [row.series_instance_uid for row in queue(pacs)] == [wanted.SeriesInstanceUID]


def test_a_series_that_waits_is_extended_and_one_that_is_sent_as_well(pacs: Pacs) -> None:
    series = make_uid()
    later: list[Dataset] = []

    def take_in_one_more(uid: str) -> int:
        if not later:
            later.append(take_in(pacs, SeriesInstanceUID=series))
            read(pacs)
        return 0

    with receivers.peer(answer=take_in_one_more) as received:
        known(pacs, received.port)
        routing.add_route(pacs, SYSTEM, "all", EVERYTHING, "PEER")
        sent = [take_in(pacs, SeriesInstanceUID=series, InstanceNumber=1).SOPInstanceUID]
        read(pacs)
        sent.append(take_in(pacs, SeriesInstanceUID=series, InstanceNumber=2).SOPInstanceUID)
        read(pacs)
        send_due(pacs)
        send_due(pacs)

        assert received.uids == [*sent, later[0].SOPInstanceUID]
    (row,) = queue(pacs)
    assert (row.state, row.sent, row.number) == ("delivered", 3, 3)


def test_a_refused_instance_holds_up_no_other_and_is_tried_again(pacs: Pacs) -> None:
    ill: set[str] = set()
    with receivers.peer(answer=lambda uid: 0xA700 if uid in ill else 0) as received:
        known(pacs, received.port)
        sent = [take_in(pacs, InstanceNumber=number) for number in range(5)]
        ill.add(sent[1].SOPInstanceUID)
        deliveries.send(pacs, SYSTEM, sent[0].StudyInstanceUID, "PEER")
        send_due(pacs)

        (row,) = queue(pacs)
        assert (row.state, row.sent, row.attempts) == ("waiting", 4, 1)
        assert row.why == "1 of 5: the peer answers A700"
        assert row.next_at > datetime.now(UTC)
        ill.clear()
        make_due(pacs)
        send_due(pacs)

        assert received.times() == {ds.SOPInstanceUID: 1 for ds in sent}
    (row,) = queue(pacs)
    assert (row.state, row.sent, row.attempts) == ("delivered", 5, 2)


def test_a_destination_that_is_down_is_asked_once_and_then_gets_everything(pacs: Pacs) -> None:
    with closed_port() as port:
        known(pacs, port)
        for number in range(3):
            take_in(pacs, SeriesInstanceUID=make_uid(), SeriesNumber=number)
        deliveries.send(pacs, SYSTEM, make_uid(1), "PEER")
        first = deliveries.due(pacs)[0]
        sending.run(pacs, first)

        assert not deliveries.due(pacs)
        assert [row.attempts for row in queue(pacs)] == [1, 0, 0]
        assert all("nothing listens on this port" in row.why for row in queue(pacs))
    with receivers.peer(port=port) as received:
        with pacs.database.write() as connection:
            now = datetime.now(UTC)
            connection.execute(update(delivery).where(delivery.c.pk == int(first)).values(next_at=now))
        send_due(pacs)
        send_due(pacs)

        assert len(received.uids) == 3
    assert {row.state for row in queue(pacs)} == {"delivered"}


def test_what_fails_for_days_is_failed_until_somebody_tries_again(pacs: Pacs) -> None:
    with closed_port() as port:
        known(pacs, port)
        ds = take_in(pacs)
        deliveries.send(pacs, SYSTEM, ds.StudyInstanceUID, "PEER")
        attempts = 0
        while deliveries.due(pacs):
            send_due(pacs)
            attempts += 1
            assert queue(pacs)[0].attempts == attempts
            if queue(pacs)[0].state == "waiting":
                make_due(pacs)
    (row,) = queue(pacs)
    assert (row.state, attempts) == ("failed", 5 + 24)
    assert row.ended_at
    with receivers.peer(port=port) as received:
        deliveries.again(pacs, SYSTEM, row.pk)
        send_due(pacs)

        assert received.uids == [ds.SOPInstanceUID]
    assert queue(pacs)[0].state == "delivered"


def test_priority_goes_first_and_no_destination_waits_for_another(pacs: Pacs) -> None:
    for name in ("A", "B"):
        known(pacs, 104, name)
    for number in range(3):
        take_in(pacs, StudyInstanceUID=make_uid(1, number), SeriesInstanceUID=make_uid(1, number, 1))

    def order(study: int, destination: str, priority: int = 0) -> None:
        deliveries.send(pacs, SYSTEM, make_uid(1, study), destination, priority=priority)

    order(0, "A")
    order(1, "A")
    order(2, "A")
    order(0, "B")
    order(1, "B", 5)
    deliveries.prioritise(pacs, SYSTEM, queue(pacs)[2].pk, 9)
    rows = {str(row.pk): f"{row.destination}{row.priority}" for row in queue(pacs)}

    assert [rows[key] for key in deliveries.due(pacs)] == ["A9", "B5", "A0", "B0", "A0"]
    shown = deliveries.queue(pacs, SYSTEM, ["waiting"]).rows
    assert [row.priority for row in shown] == [9, 5, 0, 0, 0]


@pytest.mark.parametrize("act", ["pause", "cancel"])
def test_what_is_being_sent_is_held_and_goes_on_where_it_was(pacs: Pacs, act: str) -> None:
    def hold(uid: str) -> int:
        row = queue(pacs)[0]
        if row.sent == 1:
            {"pause": deliveries.pause, "cancel": deliveries.cancel}[act](pacs, SYSTEM, row.pk)
        return 0

    with receivers.peer(answer=hold) as received:
        known(pacs, received.port)
        sent = [take_in(pacs, InstanceNumber=number).SOPInstanceUID for number in range(4)]
        deliveries.send(pacs, SYSTEM, make_uid(1), "PEER")
        send_due(pacs)

        (row,) = queue(pacs)
        assert (row.state, row.sent) == ({"pause": "paused", "cancel": "cancelled"}[act], 2)
        make_due(pacs)
        assert not deliveries.due(pacs)
        {"pause": deliveries.resume, "cancel": deliveries.again}[act](pacs, SYSTEM, row.pk)
        send_due(pacs)

        assert received.uids == sent
    assert queue(pacs)[0].state == "delivered"


def test_what_was_delivered_is_sent_again_when_asked(pacs: Pacs) -> None:
    with receivers.peer() as received:
        known(pacs, received.port)
        ds = take_in(pacs)
        deliveries.send(pacs, SYSTEM, ds.StudyInstanceUID, "PEER")
        send_due(pacs)
        deliveries.again(pacs, SYSTEM, queue(pacs)[0].pk)
        send_due(pacs)

        assert received.times() == {ds.SOPInstanceUID: 2}
    (row,) = queue(pacs)
    assert (row.state, row.sent, row.number) == ("delivered", 1, 1)


def test_a_worker_that_stops_leaves_the_rest_for_the_next(pacs: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    with receivers.peer() as received:
        known(pacs, received.port)
        sent = [take_in(pacs, InstanceNumber=number).SOPInstanceUID for number in range(3)]
        deliveries.send(pacs, SYSTEM, make_uid(1), "PEER")
        with monkeypatch.context() as stopping:
            stopping.setattr(sending, "is_stopping", lambda: len(received.uids) == 2)
            send_due(pacs)
        assert (queue(pacs)[0].state, queue(pacs)[0].sent) == ("waiting", 2)
        send_due(pacs)

        assert received.uids == sent


def test_a_worker_that_died_is_told_and_not_followed_at_once_for_ever(pacs: Pacs) -> None:
    known(pacs, 104)
    ds = take_in(pacs)
    deliveries.send(pacs, SYSTEM, ds.StudyInstanceUID, "PEER")
    (key,) = deliveries.due(pacs)

    assert deliveries.begin(pacs, int(key))
    assert deliveries.due(pacs) == [key]
    assert deliveries.begin(pacs, int(key))
    assert not deliveries.due(pacs)
    assert deliveries.begin(pacs, int(key)) is None
    (row,) = queue(pacs)
    assert (row.attempts, row.why) == (2, "the worker ended while it was being sent")


def test_a_peer_that_takes_less_gets_it_uncompressed(pacs: Pacs) -> None:
    with receivers.peer(transfer_syntaxes=(ImplicitVRLittleEndian,)) as received:
        known(pacs, received.port)
        ds = take_in(pacs)
        deliveries.send(pacs, SYSTEM, ds.StudyInstanceUID, "PEER")
        send_due(pacs)

        assert received.data_sets[ds.SOPInstanceUID].PixelData == ds.PixelData


def test_damage_here_holds_up_no_other_instance(pacs: Pacs) -> None:
    with receivers.peer() as received:
        known(pacs, received.port)
        large = {"rows": 1500, "columns": 1500}  # half of it has gone when the damage is met
        sent = [take_in(pacs, InstanceNumber=number, **(large if number == 1 else {})) for number in range(3)]
        damage(pacs, sent[1].SOPInstanceUID)
        deliveries.send(pacs, SYSTEM, make_uid(1), "PEER")
        send_due(pacs)

        assert received.uids == [sent[0].SOPInstanceUID, sent[2].SOPInstanceUID]
        assert received.data_sets[sent[2].SOPInstanceUID].PixelData == sent[2].PixelData
    (row,) = queue(pacs)
    assert (row.state, row.sent) == ("waiting", 2)
    assert "missing or damaged" in row.why


def damage(pacs: Pacs, sop_instance_uid: str) -> None:
    with pacs.database.read() as connection:
        key = connection.scalar(
            instance.select()
            .with_only_columns(instance.c.object_key)
            .where(instance.c.sop_instance_uid == sop_instance_uid)
        )
    (path,) = (pacs.settings.data / "objects").rglob(f"*{key[4:]}*")
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_a_dicomweb_service_gets_several_in_one_request(pacs: Pacs) -> None:
    requests: list[int] = []

    def take(uids: list[str]) -> tuple[int, dict[str, int]]:
        requests.append(len(uids))
        return 200, {}

    with receivers.service(take) as received:
        base = f"http://127.0.0.1:{received.port}/dicom-web"
        routing.add_route(pacs, SYSTEM, "cloud", EVERYTHING, base + "/", token="secret")
        sent = [take_in(pacs, InstanceNumber=number) for number in range(25)]
        read(pacs)
        send_due(pacs)

        assert requests == [20, 5]
        assert received.uids == [ds.SOPInstanceUID for ds in sent]
        assert received.data_sets[sent[3].SOPInstanceUID].PixelData == sent[3].PixelData
        assert received.tokens == {"Bearer secret"}
    (row,) = queue(pacs)
    assert (row.state, row.destination) == ("delivered", base)
    assert "secret" not in repr(deliveries.queue(pacs, SYSTEM)) + repr(routing.all_routes(pacs, SYSTEM))


def test_what_a_service_refuses_is_tried_again_with_its_reason(pacs: Pacs) -> None:
    ill: set[str] = set()
    with receivers.service(
        lambda uids: (202, dict.fromkeys(ill & set(uids), 0x0122)) if ill & set(uids) else (200, {})
    ) as received:
        sent = [take_in(pacs, InstanceNumber=number) for number in range(3)]
        ill.add(sent[0].SOPInstanceUID)
        deliveries.send(pacs, SYSTEM, make_uid(1), f"http://127.0.0.1:{received.port}")
        send_due(pacs)

        (row,) = queue(pacs)
        assert (row.state, row.sent) == ("waiting", 2)
        assert row.why == "1 of 3: the service refuses it: it does not take the SOP class (0122)"
        ill.clear()
        make_due(pacs)
        send_due(pacs)

        assert received.times() == {ds.SOPInstanceUID: 1 for ds in sent}


def test_a_request_that_is_refused_as_a_whole_is_sent_in_parts(pacs: Pacs) -> None:
    bad: set[str] = set()
    with receivers.service(lambda uids: (400 if bad & set(uids) else 200, {})) as received:
        sent = [take_in(pacs, InstanceNumber=number) for number in range(3)]
        bad.add(sent[1].SOPInstanceUID)
        deliveries.send(pacs, SYSTEM, make_uid(1), f"http://127.0.0.1:{received.port}")
        send_due(pacs)

        assert received.uids == [sent[0].SOPInstanceUID, sent[2].SOPInstanceUID]
    assert "refuses the request (400)" in queue(pacs)[0].why


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "check the token"), (404, "check the address"), (307, "sends us elsewhere"), (503, "is in trouble")],
)
def test_a_service_that_does_not_take_us_is_explained(pacs: Pacs, status: int, words: str) -> None:
    with receivers.service(lambda uids: (status, {})) as received:
        take_in(pacs)
        deliveries.send(pacs, SYSTEM, make_uid(1), f"http://127.0.0.1:{received.port}", token="secret")
        send_due(pacs)

    (row,) = queue(pacs)
    assert row.state == "waiting"
    assert words in row.why
    assert "secret" not in row.why


def test_a_service_that_is_not_there_is_explained(pacs: Pacs) -> None:
    with closed_port() as port:
        take_in(pacs)
        deliveries.send(pacs, SYSTEM, make_uid(1), f"http://127.0.0.1:{port}/dicom-web")
        send_due(pacs)

    assert "cannot be connected to" in queue(pacs)[0].why


def test_a_dry_run_tells_what_would_have_been_sent(pacs: Pacs) -> None:
    for number in range(3):
        take_in(pacs, SeriesInstanceUID=make_uid(8, 1), InstanceNumber=number)
    newest = take_in(pacs, SeriesInstanceUID=make_uid(8, 2))
    take_in(pacs, SeriesInstanceUID=make_uid(8, 3), Modality="MR")
    old = take_in(pacs, SeriesInstanceUID=make_uid(8, 4))
    with pacs.database.write() as connection:
        of_old = instance.c.sop_instance_uid == old.SOPInstanceUID
        connection.execute(update(instance).where(of_old).values(received_at=datetime.now(UTC) - timedelta(days=8)))

    found = routing.dry_run(pacs, SYSTEM, Rule(modalities=("CT",), sources=("CT1",)), days=30)

    assert (found.series, found.instances) == (3, 5)
    assert [example.instances for example in found.examples] == [1, 1, 3]
    assert found.examples[1].patient_name == newest.PatientName
    assert routing.dry_run(pacs, SYSTEM, Rule(modalities=("US",))).series == 0
    assert not queue(pacs)


def test_a_dry_run_looks_only_at_the_last_days(pacs: Pacs) -> None:
    for number in range(6):
        take_in(pacs, InstanceNumber=number)
    with pacs.database.write() as connection:
        for pk in range(1, 7):
            ago = timedelta(days=10 - pk)  # 9, 8, 7, 6, 5 and 4 days
            connection.execute(update(instance).where(instance.c.pk == pk).values(received_at=datetime.now(UTC) - ago))

    assert [routing.dry_run(pacs, SYSTEM, EVERYTHING, days=days).instances for days in (1, 4, 5, 7, 30)] == [
        0,
        0,
        1,
        3,
        6,
    ]


def test_routes_are_changed_and_forgotten(pacs: Pacs) -> None:
    known(pacs, 104)
    pk = routing.add_route(pacs, SYSTEM, "ct", EVERYTHING, "PEER")
    other = routing.add_route(pacs, SYSTEM, "mr", EVERYTHING, "PEER")
    take_in(pacs)
    read(pacs)

    routing.change_route(pacs, SYSTEM, pk, "night", Rule(hours="18:00-07:00"), "https://x/y", priority=2, enabled=False)
    with pytest.raises(InvalidQuery, match="name: there is a route called mr already"):
        routing.change_route(pacs, SYSTEM, pk, "mr", EVERYTHING, "PEER")
    routing.remove_route(pacs, SYSTEM, other)

    (route,) = routing.all_routes(pacs, SYSTEM)
    assert (route.name, route.destination, route.priority, route.enabled) == ("night", "https://x/y", 2, False)
    assert route.rule == Rule(hours="18:00-07:00")
    assert [row.route for row in queue(pacs)] == ["night", None]
    with pytest.raises(NotFound):
        routing.remove_route(pacs, SYSTEM, other)


def test_a_destination_must_be_one(pacs: Pacs) -> None:
    take_in(pacs)
    with pytest.raises(UnknownDestination, match="no peer is called NOBODY"):
        routing.add_route(pacs, SYSTEM, "x", EVERYTHING, "NOBODY")
    with pytest.raises(ValueError, match="destination: "):
        routing.add_route(pacs, SYSTEM, "x", EVERYTHING, "ftp://somewhere")
    with pytest.raises(UnknownDestination):
        deliveries.send(pacs, SYSTEM, make_uid(1), "NOBODY")


def test_only_an_administrator_routes(pacs: Pacs) -> None:
    visitor = Actor("person", "visitor", permissions=frozenset(("query", "retrieve", "store")))
    for act in (
        lambda: routing.all_routes(pacs, visitor),
        lambda: routing.add_route(pacs, visitor, "x", EVERYTHING, "PEER"),
        lambda: routing.change_route(pacs, visitor, 1, "x", EVERYTHING, "PEER"),
        lambda: routing.remove_route(pacs, visitor, 1),
        lambda: routing.dry_run(pacs, visitor, EVERYTHING),
        lambda: deliveries.queue(pacs, visitor),
        lambda: deliveries.send(pacs, visitor, "1.2", "PEER"),
        lambda: deliveries.pause(pacs, visitor, 1),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_the_jobs_are_those_of_the_worker() -> None:
    from pacs.wiring import JOBS

    assert {routing.JOB, sending.JOB} <= set(JOBS)
    assert isinstance(routing.JOB, jobs.Job)
