"""C-FIND and QIDO-RS over 20,000 studies, the same invented ones in our index and in Orthanc's; and over a million."""

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import httpx
from pydicom.dataset import Dataset
from sqlalchemy import Row, func, select

from pacs.dicom.person_name import folded
from pacs.index.session import Database
from pacs.index.tables import instance, name_form, patient, series, study
from scripts.bench.dicom_client import EXPLICIT, IMPLICIT, STUDY_ROOT_FIND, Peer, identifier
from scripts.bench.fill_index import FAMILY_NAMES, GIVEN_NAMES, MIDDLE_NAMES, ROOT_UID, fill, settle
from scripts.bench.measure import Comparison, Goal, Scale, alternate, timed_ms
from scripts.bench.servers import Running, filmless, fresh_folder, has_orthanc, orthanc
from scripts.bench.web_client import Client
from tests.make import data_set_bytes, make_ct
from tests.postgresql import BINARIES, PostgresServer
from tests.server import serving

STUDIES, MILLION = 20_000, 1_000_000
SENDERS = 4
EXACT, WIDE, ALL = 30, 8, 2
"""How often a kind of question is asked in a round."""
DICOM_JSON = "application/dicom+json"
WANTED_ANSWERS = 500
WILDCARD = "name wildcard"

STUDY_LIST = (
    *((0x0008, 0x0020), (0x0008, 0x0030), (0x0008, 0x0050), (0x0008, 0x0061), (0x0008, 0x0090), (0x0008, 0x1030)),
    *((0x0010, 0x0010), (0x0010, 0x0020), (0x0010, 0x0030), (0x0010, 0x0040), (0x0020, 0x000D), (0x0020, 0x0010)),
    *((0x0020, 0x1206), (0x0020, 0x1208)),
)
"""What a workstation's study list asks for."""
STUDY_UID, PATIENT_ID, ACCESSION, PATIENT_NAME = (0x0020, 0x000D), (0x0010, 0x0020), (0x0008, 0x0050), (0x0010, 0x0010)
KEYWORDS = {STUDY_UID: "StudyInstanceUID", PATIENT_ID: "PatientID", ACCESSION: "AccessionNumber"}


@dataclass(frozen=True, slots=True)
class Known:
    """What to ask for."""

    values: dict[tuple[int, int], list[str]]
    """Of each exact key."""
    name: str
    """A name wildcard with about 500 answers, in letters that both sides compare alike."""
    studies: int
    """How many there are."""


def ask(scale: Scale) -> Iterator[Comparison]:
    """Exact keys, a name wildcard, the first hundred and all, one client."""
    count = scale.of(STUDIES, 200)
    with ExitStack() as stack:
        folder = fresh_folder(scale.folder)
        database = _filled_index(folder / "ours", count)
        servers = {"ours": stack.enter_context(filmless(folder / "ours"))}
        if has_orthanc():
            kept = scale.folder / f"orthanc-{count}"
            _fill_orthanc(kept, database)
            servers["Orthanc"] = stack.enter_context(orthanc(kept))
        known = _known(database)
        database.close()
        found = alternate({name: partial(_round, server, known, scale) for name, server in servers.items()}, scale)
    _check_answers(found)
    sixth, tenth, twelfth, third = (Goal("at most", 1 / parts) for parts in (6, 10, 12, 3))
    ours, theirs = found["ours"], found.get("Orthanc", {})
    for work, unit, goal in (
        *((f"QIDO-RS {keyword}", "ms", tenth) for keyword in KEYWORDS.values()),
        ("QIDO-RS name wildcard", "ms", tenth),
        ("QIDO-RS limit 100", "ms", sixth),
        *((f"C-FIND {keyword}", "ms", twelfth) for keyword in KEYWORDS.values()),
        ("C-FIND all answers", "answers/s", Goal("at least", 1)),
        ("C-FIND name wildcard", "ms", third),
    ):
        facts = {"answers": ours[f"answers {work}"][0]}
        yield Comparison(
            "ask", f"{work}, {count:,} studies", unit, goal, ours[work], "Orthanc", theirs.get(work, ()), facts
        )


def ask_million(scale: Scale) -> Iterator[Comparison]:
    """A million studies beside our own time on 20,000, on each database and at both doors.

    The indexes stay between runs.
    """
    counts = scale.of(STUDIES, 200), scale.of(MILLION, 1000)
    kinds = ("SQLite", "PostgreSQL") if (BINARIES / "postgres").exists() else ("SQLite",)
    for kind in kinds:
        with ExitStack() as stack:
            url_of = _urls(scale, kind, stack)
            few, many = (stack.enter_context(_kept(scale, url_of(count), count)) for count in counts)
            found = alternate({"few": partial(_asks, *few, scale), "many": partial(_asks, *many, scale)}, scale)
        exact = (*KEYWORDS.values(), WILDCARD)
        for work in (*(f"{door} {work}" for door in ("C-FIND", "QIDO-RS") for work in exact), *_pages(1)):
            facts = {"answers": found["many"][f"answers {work}"][0]}
            yield Comparison(
                "ask-million",
                f"{work}, {counts[1]:,} studies on {kind}",
                "ms",
                Goal("at most", 2),
                found["many"][work],
                f"ours, {counts[0]:,}",
                found["few"][work],
                facts,
            )


def _urls(scale: Scale, kind: str, stack: ExitStack) -> Callable[[int], str]:
    """Where the index of so many studies is."""
    if kind == "SQLite":
        return lambda count: f"sqlite:///{scale.folder / f'index-{count}' / 'index.sqlite'}"
    folder = scale.folder / "postgresql"
    if scale.is_small:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="postgresql-", dir="/tmp")))
    folder.mkdir(exist_ok=True)
    server = PostgresServer(folder)
    stack.callback(server.stop)
    return lambda count: server.url(f"studies_{count}")


@contextmanager
def _kept(scale: Scale, url: str, count: int) -> Iterator[tuple[Running, Known]]:
    """Ours on an index that is filled unless a run before did."""
    database = Database(url)
    database.migrate()
    with database.read() as connection:
        first = (connection.scalar(select(func.max(study.c.pk))) or 0) + 1
    if first <= count:
        fill(database, count, first=first)
        settle(database)
    chance = random.Random(3)
    numbers = [chance.randrange(1, count + 1) for _ in range(200)]
    patients = [number for number in numbers if number % 5]  # every fifth study is of the patient before
    values = {
        STUDY_UID: [f"{ROOT_UID}.1.{number}" for number in numbers],
        PATIENT_ID: [f"{number:012d}" for number in patients],
        ACCESSION: [f"ACC{number:010d}" for number in numbers],
    }
    known = Known(values, _wildcard(database), count)
    database.close()
    with serving(fresh_folder(scale.folder), "dicom", "web", database=url) as server:
        headers = {"Authorization": f"Bearer {server.token()}"}
        yield Running(server.process.pid, "PACS", server.dicom_port, server.http_port, headers), known


def _wildcard(database: Database) -> str:
    """A beginning of names that has about as many answers as wanted."""
    names = [
        *FAMILY_NAMES,
        *(f"{family}^{middle}" for family in FAMILY_NAMES for middle in MIDDLE_NAMES),
        *(f"NGUYỄN^{middle} {given}" for middle in MIDDLE_NAMES for given in GIVEN_NAMES),
    ]
    form, patients = name_form.c.form, WANTED_ANSWERS * 4 // 5
    counts = {}
    with database.read() as connection:
        for name in names:
            begins = form >= folded(name), form < folded(name) + "\uffff", name_form.c.whole
            some = select(form).where(*begins).limit(2 * patients).subquery()
            counts[name] = connection.scalar(select(func.count()).select_from(some)) or 0
    return min(names, key=lambda name: abs(counts[name] - patients)) + "*"


def _asks(server: Running, known: Known, scale: Scale) -> dict[str, float]:
    return _finds(server, known, scale) | _searches(server, known, scale)


def _finds(server: Running, known: Known, scale: Scale) -> dict[str, float]:
    chance = random.Random(2)
    numbers: dict[str, float] = {}
    with Peer(server, [(STUDY_ROOT_FIND, IMPLICIT)]) as peer:

        def find(keys: Callable[[], dict[tuple[int, int], str]]) -> int:
            return peer.find(identifier({**dict.fromkeys(STUDY_LIST, ""), **keys()}))

        def one_key(tag: tuple[int, int]) -> dict[tuple[int, int], str]:
            return {tag: chance.choice(known.values[tag])}

        questions: list[tuple[str, Callable[[], dict[tuple[int, int], str]], int]] = [
            (f"C-FIND {keyword}", partial(one_key, tag), scale.of(EXACT, 2)) for tag, keyword in KEYWORDS.items()
        ]
        questions.append((f"C-FIND {WILDCARD}", lambda: {PATIENT_NAME: known.name}, scale.of(WIDE, 1)))
        for work, keys, count in questions:
            numbers[f"answers {work}"] = find(keys)
            numbers[work] = median(timed_ms(partial(find, keys)) for _ in range(count))
    return numbers


def _pages(studies: int) -> dict[str, str]:
    """Searches that are told by their work: their parameters, where there are so many studies."""
    return {
        "QIDO-RS limit 100": "studies?limit=100",
        "QIDO-RS limit 100 near the end": f"studies?limit=100&offset={studies * 9 // 10}",
        "QIDO-RS limit 100 of a year": "studies?limit=100&StudyDate=20200101-20201231",
        "QIDO-RS limit 100 from the middle of a year": (
            f"studies?limit=100&StudyDate=20200101-20201231&offset={studies * 5 // 100}"
        ),
        "QIDO-RS limit 100 of instances of a modality": "instances?limit=100&Modality=MR",
    }


def _searches(server: Running, known: Known, scale: Scale) -> dict[str, float]:
    """QIDO-RS. What is near an end is reached once by its offset, and then by the cursor that this page links to."""
    chance = random.Random(2)
    numbers: dict[str, float] = {}
    exact, wide = scale.of(EXACT, 2), scale.of(WIDE, 1)
    with Client(server) as client:

        def ask(work: str, address: Callable[[], str], count: int) -> None:
            def answers() -> int:
                return len(json.loads(client.get(f"/dicom-web/{address()}", DICOM_JSON)))

            numbers[f"answers {work}"] = answers()
            numbers[work] = median(timed_ms(answers) for _ in range(count))

        def one_key(tag: tuple[int, int], keyword: str) -> str:
            return f"studies?{keyword}={chance.choice(known.values[tag])}"

        for tag, keyword in KEYWORDS.items():
            ask(f"QIDO-RS {keyword}", partial(one_key, tag, keyword), exact)
        ask(f"QIDO-RS {WILDCARD}", lambda: f"studies?PatientName={quote(known.name, safe='*')}", wide)
        for work, address in _pages(known.studies).items():
            its = _next_page(server, address) if "offset" in address else address
            ask(work, partial(str, its), exact)
    return numbers


def _next_page(server: Running, address: str) -> str:
    """The address that a page links to, under the service's; its own where it is the last."""
    url = f"http://127.0.0.1:{server.http_port}/dicom-web/{address}"
    answer = httpx.get(url, headers=dict(server.headers or {}), timeout=120)
    link = answer.links.get("next")
    return link["url"].partition("/dicom-web/")[2] if link else address


def _round(server: Running, known: Known, scale: Scale) -> dict[str, float]:
    chance = random.Random(2)
    numbers: dict[str, float] = {}

    def measure(work: str, question: Callable[[], int], count: int) -> None:
        numbers[f"answers {work}"] = question()  # the first one of a kind warms up
        numbers[work] = median(timed_ms(question) for _ in range(count))

    exact, wide = scale.of(EXACT, 2), scale.of(WIDE, 1)
    with Client(server) as client:

        def qido(parameters: Callable[[], str]) -> int:
            return len(json.loads(client.get(f"/dicom-web/studies?{parameters()}", DICOM_JSON)))

        def exactly(tag: tuple[int, int]) -> str:
            return f"{KEYWORDS[tag]}={chance.choice(known.values[tag])}"

        for tag, keyword in KEYWORDS.items():
            measure(f"QIDO-RS {keyword}", partial(qido, partial(exactly, tag)), exact)
        measure("QIDO-RS name wildcard", partial(qido, lambda: f"PatientName={quote(known.name, safe='*')}"), wide)
        measure("QIDO-RS limit 100", partial(qido, lambda: "limit=100"), wide)
    with Peer(server, [(STUDY_ROOT_FIND, IMPLICIT)]) as peer:

        def find(keys: Callable[[], dict[tuple[int, int], str]]) -> int:
            return peer.find(identifier({**dict.fromkeys(STUDY_LIST, ""), **keys()}))

        def one_key(tag: tuple[int, int]) -> dict[tuple[int, int], str]:
            return {tag: chance.choice(known.values[tag])}

        for tag, keyword in KEYWORDS.items():
            measure(f"C-FIND {keyword}", partial(find, partial(one_key, tag)), exact)
        measure("C-FIND name wildcard", partial(find, lambda: {PATIENT_NAME: known.name}), wide)
        measure("C-FIND all answers", partial(find, dict), scale.of(ALL, 1))
    numbers["C-FIND all answers"] = 1000 * numbers["answers C-FIND all answers"] / numbers["C-FIND all answers"]
    return numbers


def _check_answers(found: dict[str, dict[str, tuple[float, ...]]]) -> None:
    """Times of different answers cannot be compared. Raises RuntimeError."""
    for side, numbers in found.items():
        for work, counts in numbers.items():
            if work.startswith("answers ") and "exact" not in work and set(counts) != set(found["ours"][work]):
                raise RuntimeError(f"{work.removeprefix('answers ')}: {side} {counts}, ours {found['ours'][work]}")


def _filled_index(folder: Path, count: int) -> Database:
    folder.mkdir(parents=True)
    database = Database(f"sqlite:///{folder / 'index.sqlite'}")
    database.migrate()
    fill(database, count)
    return database


def _known(database: Database) -> Known:
    columns = study.c.study_instance_uid, patient.c.patient_id, study.c.accession_number, patient.c.patient_name
    with database.read() as connection:
        rows = connection.execute(select(*columns).select_from(study.join(patient))).all()
    uids, patient_ids, accessions, names = zip(*rows, strict=True)
    # A beginning whose letters every server compares alike, however it takes accents.
    counts = {
        prefix: count
        for prefix, count in Counter(name[:length] for name in names for length in range(1, 8)).items()
        if prefix.isascii() and count == sum(folded(name).startswith(folded(prefix)) for name in names)
    }

    def distance(prefix: str) -> int:
        return abs(counts[prefix] - WANTED_ANSWERS)

    values = {STUDY_UID: list(uids), PATIENT_ID: sorted(set(patient_ids)), ACCESSION: list(accessions)}
    return Known(values, min(sorted(counts), key=distance) + "*", len(rows))


def _fill_orthanc(folder: Path, database: Database) -> None:
    """Store the studies of our index, one small instance a series, unless a run before did. Takes a minute or two."""
    done = folder / "filled"
    if done.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    with database.read() as connection:
        rows = connection.execute(_SELECT_INSTANCES).all()
    with orthanc(folder, SyncStorageArea=False, StoreMD5ForAttachments=False) as server:
        shares = [rows[sender::SENDERS] for sender in range(SENDERS)]
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(partial(_send_all, server), shares))
    done.touch()


def _send_all(server: Running, rows: Sequence[Row[Any]]) -> None:
    classes = sorted({row.sop_class_uid for row in rows})
    with Peer(server, [(uid, EXPLICIT) for uid in classes]) as peer:
        for row in rows:
            peer.store(row.sop_class_uid, row.sop_instance_uid, [data_set_bytes(_data_set(row))])


def _data_set(row: Row[Any]) -> Dataset:
    return make_ct(
        SOPClassUID=row.sop_class_uid,
        SOPInstanceUID=row.sop_instance_uid,
        StudyInstanceUID=row.study_instance_uid,
        SeriesInstanceUID=row.series_instance_uid,
        PatientName=row.patient_name,
        PatientID=row.patient_id,
        PatientBirthDate=row.patient_birth_date,
        PatientSex=row.patient_sex,
        StudyDate=row.study_date,
        StudyTime=row.study_time,
        StudyID=row.study_id,
        StudyDescription=row.study_description,
        AccessionNumber=row.accession_number,
        ReferringPhysicianName=row.referring_physician_name,
        Modality=row.modality,
        SeriesNumber=row.series_number,
        SeriesDescription=row.series_description,
        InstanceNumber=row.instance_number,
    )


_SELECT_INSTANCES = select(
    instance.c.sop_class_uid,
    instance.c.sop_instance_uid,
    instance.c.instance_number,
    series.c.series_instance_uid,
    series.c.modality,
    series.c.series_number,
    series.c.series_description,
    study.c.study_instance_uid,
    study.c.study_date,
    study.c.study_time,
    study.c.study_id,
    study.c.study_description,
    study.c.accession_number,
    study.c.referring_physician_name,
    patient.c.patient_name,
    patient.c.patient_id,
    patient.c.patient_birth_date,
    patient.c.patient_sex,
).select_from(patient.join(study).join(series).join(instance))
