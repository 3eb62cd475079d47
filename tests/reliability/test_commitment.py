"""What a modality was promised, and what it wants to be told, comes after a kill of everything."""

from pathlib import Path

from sqlalchemy import select, update

from pacs.context import Pacs
from pacs.index.tables import bookmark, peer
from pacs.wiring import close_pacs, open_pacs
from tests.dimse.conftest import Door, store_all, wait_for
from tests.make import make_ct, make_uid
from tests.modality import Modality, reference_of
from tests.server import serving, start, stop


def test_a_kill_between_the_request_and_the_report_loses_neither_it_nor_the_news(tmp_path: Path) -> None:
    data, modality, ds, uid = tmp_path / "data", Modality("CT1"), make_ct(), make_uid()
    server = start(data, workers="1", quiet="1")
    pacs = open_pacs(server.settings)
    try:
        with modality.listening(pacs) as port:
            pass  # from now on it is registered, and away
        with pacs.database.write() as connection:
            connection.execute(update(peer).values(notified=True))
        wait_for(lambda: has_begun_to_read(pacs))
        assert store_all(Door(pacs, server.dicom_port), ds) == [0]
        assert modality.ask(server.dicom_port, uid, [reference_of(ds)], stay=False) == 0
        server.process.kill()
    finally:
        server.process.kill()
        stop(server)

    with modality.listening(pacs, port), serving(data, workers="1", quiet="1"):
        wait_for(lambda: bool(modality.reports and modality.told))
    close_pacs(pacs)

    assert [(event_type, report.TransactionUID) for event_type, report, _ in modality.reports] == [(1, uid)]
    assert [attributes.StudyInstanceUID for attributes in modality.told] == [ds.StudyInstanceUID]


def has_begun_to_read(pacs: Pacs) -> bool:
    """The worker looks for what is to be told."""
    with pacs.database.read() as connection:
        found = connection.scalar(select(bookmark.c.instance_pk).where(bookmark.c.name == "notification"))
    return found == 0
