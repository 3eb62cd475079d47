"""Names of patients for addresses: random, so that they tell nothing, and kept, so that they stay.

One is made when it is first told to somebody. A patient without an id gets none: he is a patient of one study only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import Connection, insert, select

from pacs.archive.identity import identity_of
from pacs.context import Pacs
from pacs.index.tables import pseudonym


@dataclass(frozen=True, slots=True)
class Person:
    """A patient by his id, which is not empty, and its issuer."""

    patient_id: str
    issuer_of_patient_id: str = ""

    @property
    def identity(self) -> str:
        return identity_of(self.patient_id, self.issuer_of_patient_id, "")


def pseudonyms_of(pacs: Pacs, people: Iterable[Person]) -> Mapping[Person, str]:
    """The pseudonym of each of them. Raises OutOfResources when new ones cannot be kept."""
    people = list(people)
    by_identity = {one.identity: one for one in people}
    with pacs.database.read() as connection:
        known = _known(connection, by_identity)
    if missing := by_identity.keys() - known.keys():
        with pacs.database.write() as connection:
            known |= _known(connection, missing)
            added = [_row(by_identity[identity]) for identity in sorted(missing - known.keys())]
            if added:
                connection.execute(insert(pseudonym), added)
        known |= {row["identity"]: row["id"] for row in added}
    return {one: known[one.identity] for one in people}


def person_of(pacs: Pacs, name: str) -> Person | None:
    """Who is called so; None: nobody."""
    statement = select(pseudonym.c.patient_id, pseudonym.c.issuer_of_patient_id).where(pseudonym.c.id == name)
    with pacs.database.read() as connection:
        row = connection.execute(statement).one_or_none()
    return None if row is None else Person(*row)


def _known(connection: Connection, identities: Iterable[str]) -> dict[str, str]:
    statement = select(pseudonym.c.identity, pseudonym.c.id).where(pseudonym.c.identity.in_(list(identities)))
    return {row.identity: row.id for row in connection.execute(statement)}


def _row(person: Person) -> dict[str, str]:
    return {
        "id": str(uuid4()),
        "identity": person.identity,
        "patient_id": person.patient_id,
        "issuer_of_patient_id": person.issuer_of_patient_id,
    }
