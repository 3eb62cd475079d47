"""What every verb is handed: the Pacs it works on, and the Actor who asks."""

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from pacs.errors import NotAllowed
from pacs.index.session import Database
from pacs.sandbox import Sandbox
from pacs.settings import Settings
from storage import MustWait, ObjectStore

Permission = Literal["store", "query", "retrieve", "commit", "workitems", "annotate", "administer"]
EVERYTHING: frozenset[Permission] = frozenset(get_args(Permission))


@dataclass(frozen=True, slots=True)
class Pacs:
    """One installation: its settings, its index and its objects. Made by `wiring` in each process."""

    settings: Settings
    database: Database
    objects: ObjectStore
    may_wait: bool = True
    sandbox: Sandbox = field(default_factory=Sandbox)
    """Where frames are decoded. It starts when it is first needed."""

    def hurried(self) -> "Pacs":
        """The same installation for who must not wait: what it has not at hand raises MustWait."""
        return replace(self, database=self.database.hurried(), objects=self.objects.hurried(), may_wait=False)

    def take_time(self) -> None:
        """Before work that holds up who must not wait. Raises MustWait."""
        if not self.may_wait:
            raise MustWait


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a person, a peer, a link, or ourselves."""

    kind: Literal["person", "peer", "link", "system"]
    name: str
    """Login, AE title, link id, or the command."""
    address: str = ""
    permissions: frozenset[Permission] = field(default_factory=frozenset)
    studies: frozenset[str] | None = None
    """The Study Instance UIDs he may know of; None: all."""
    role: str = ""
    """What he is to us: a role of `accounts`; "" for a peer and for ourselves."""

    def require(self, permission: Permission) -> None:
        """Raises NotAllowed when the actor lacks the permission."""
        if permission not in self.permissions:
            raise NotAllowed(f"{self.kind} {self.name} has no right to {permission}")


SYSTEM = Actor("system", "pacs", permissions=EVERYTHING)
