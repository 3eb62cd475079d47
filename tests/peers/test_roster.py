"""The peers as a door remembers them: what others change counts from the next question on."""

from dataclasses import replace

import pytest
from sqlalchemy import delete, event

from pacs.context import SYSTEM, Pacs
from pacs.errors import NotFound
from pacs.index.session import Database
from pacs.index.tables import peer
from pacs.peers import directory
from pacs.peers.roster import Roster


@pytest.fixture
def roster(pacs: Pacs) -> Roster:
    directory.add(pacs, SYSTEM, "CT", "10.0.0.5", 104, may=["store"])
    return Roster(pacs)


def test_what_another_process_changes_counts_at_the_next_question(pacs: Pacs, roster: Roster) -> None:
    other = replace(pacs, database=Database(pacs.settings.database))
    assert [roster.by_ae_title("CT"), roster.by_ae_title("MR")] == [directory.by_ae_title(pacs, "CT"), None]

    directory.change(other, SYSTEM, "CT", {"may": ["query"]})
    changed = roster.by_ae_title("CT")
    directory.add(other, SYSTEM, "MR", "10.0.0.6", 104)
    added = roster.by_ae_title("MR")
    directory.remove(other, SYSTEM, "CT")

    assert changed is not None
    assert changed.may == {"query"}
    assert added is not None
    assert roster.by_ae_title("CT") is None
    other.database.close()


def test_the_index_is_asked_once_for_as_long_as_nobody_changes_a_peer(pacs: Pacs, roster: Roster) -> None:
    asked = []
    event.listen(pacs.database._engine, "before_cursor_execute", lambda *execution: asked.append(execution[2]))

    for _ in range(10):
        roster.by_ae_title("CT")

    assert sum("SELECT" in statement for statement in asked) == 1


def test_who_is_killed_before_he_tells_of_a_change_leaves_nothing_that_is_remembered(
    pacs: Pacs, roster: Roster
) -> None:
    with directory.changing(pacs):
        unsettled = directory.edition_path(pacs).read_bytes()
    assert roster.by_ae_title("CT") is not None

    directory.edition_path(pacs).write_bytes(unsettled)
    with pacs.database.write() as connection:
        connection.execute(delete(peer))

    assert roster.by_ae_title("CT") is None


def test_who_fails_to_change_a_peer_leaves_the_others_remembered(pacs: Pacs, roster: Roster) -> None:
    with pytest.raises(NotFound):
        directory.remove(pacs, SYSTEM, "MR")

    assert directory.edition_path(pacs).read_bytes() != directory.UNSETTLED
    assert roster.by_ae_title("CT") is not None
