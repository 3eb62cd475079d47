"""The peers as a door remembers them, from one change of them to the next: to ask the index costs most of admission."""

import os
from contextlib import suppress

from pacs.context import Pacs
from pacs.errors import OutOfResources
from pacs.peers import directory
from pacs.peers.directory import UNSETTLED, Peer


class Roster:
    """Whom we know, as it is at each question. Used by any number of threads.

    On PostgreSQL the index is asked each time, for other machines may change it without our hearing of it.
    """

    def __init__(self, pacs: Pacs) -> None:
        self._pacs = pacs
        self._remembered: tuple[bytes, dict[str, Peer]] = (UNSETTLED, {})
        if pacs.database.is_sqlite:
            # There may be no edition yet, or one that a killed process has left unsettled.
            with suppress(OutOfResources), directory.changing(pacs):
                pass

    def by_ae_title(self, ae_title: str) -> Peer | None:
        """The peer of this AE title, if we know one. Raises OutOfResources."""
        if not self._pacs.database.is_sqlite:
            return directory.by_ae_title(self._pacs, ae_title)
        edition = self._edition()  # before the peers are read: what changes meanwhile has another
        remembered, peers = self._remembered
        if edition == UNSETTLED or edition != remembered:
            peers = directory.everyone(self._pacs)
            self._remembered = edition, peers
        return peers.get(ae_title)

    def _edition(self) -> bytes:
        try:
            descriptor = os.open(directory.edition_path(self._pacs), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return UNSETTLED
        try:
            return os.read(descriptor, len(UNSETTLED)) or UNSETTLED
        finally:
            os.close(descriptor)
