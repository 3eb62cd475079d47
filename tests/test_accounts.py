"""Accounts: who may come in, for how long, and how guessing is slowed."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from pacs import accounts
from pacs.context import EVERYTHING, SYSTEM, Actor, Pacs
from pacs.errors import NotAllowed, NotAuthenticated, TooManyAttempts
from pacs.index.session import Database
from pacs.index.tables import account, audit, credential
from pacs.settings import Settings
from storage.memory import MemoryStore

PASSWORD = "đúng ngựa pin kẹp giấy"


@pytest.fixture
def jane(pacs: Pacs) -> Pacs:
    accounts.add_account(pacs, SYSTEM, "Jane", PASSWORD, "radiologist")
    return pacs


def test_a_password_opens_a_session_with_the_rights_of_the_role(jane: Pacs) -> None:
    secret = accounts.sign_in(jane, "jane", PASSWORD, "10.0.0.7")

    actor = accounts.actor_of_session(jane, secret, "10.0.0.7")

    assert (actor.kind, actor.name, actor.address) == ("person", "jane", "10.0.0.7")
    assert actor.permissions == {"store", "query", "retrieve", "commit", "workitems", "annotate"}


def test_a_password_may_be_typed_on_a_keyboard_that_composes_letters_otherwise(jane: Pacs) -> None:
    assert accounts.sign_in(jane, "JANE ", unicodedata.normalize("NFD", PASSWORD))


@pytest.mark.parametrize("name", ["jane", "nobody", "", "x" * 65])
def test_a_wrong_name_and_a_wrong_password_are_told_alike(jane: Pacs, name: str) -> None:
    with pytest.raises(NotAuthenticated, match=r"^the name or the password is wrong$"):
        accounts.sign_in(jane, name, "not the password")


@pytest.mark.parametrize("name", ["jane", "nobody"])
def test_guessing_is_slowed_alike_for_known_and_unknown_names(
    jane: Pacs, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "GUESSES", 2)
    for _ in range(2):
        with pytest.raises(NotAuthenticated):
            accounts.sign_in(jane, name, "not the password")

    with pytest.raises(TooManyAttempts):
        accounts.sign_in(jane, name, PASSWORD)


def test_guesses_are_forgotten_after_a_minute(jane: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "GUESSES", 1)
    with pytest.raises(NotAuthenticated):
        accounts.sign_in(jane, "jane", "not the password")

    grow_older(jane, accounts.GUESS_WINDOW)

    assert accounts.sign_in(jane, "jane", PASSWORD)


def test_guesses_side_by_side_all_count(jane: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "GUESSES", 2)

    def outcome(_: int) -> type[Exception]:
        with pytest.raises(NotAuthenticated) as caught:
            accounts.sign_in(jane, "jane", "not the password")
        return caught.type

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(outcome, range(6)))

    assert outcomes.count(NotAuthenticated) == 2
    assert outcomes.count(TooManyAttempts) == 4


@pytest.mark.parametrize(
    ("name", "password", "role", "word"),
    [
        ("jane", PASSWORD, "admin", "already"),
        ("", PASSWORD, "admin", "name"),
        ("x" * 65, PASSWORD, "admin", "name"),
        ("an\x07", PASSWORD, "admin", "name"),
        ("an", "elevenchars", "admin", "password"),
        ("an", PASSWORD, "surgeon", "role"),
    ],
)
def test_an_account_that_cannot_be_is_refused_in_words(
    jane: Pacs, name: str, password: str, role: str, word: str
) -> None:
    with pytest.raises(ValueError, match=word):
        accounts.add_account(jane, SYSTEM, name, password, role)


def test_only_who_administers_makes_accounts_and_tokens(pacs: Pacs) -> None:
    reader = Actor("person", "an", permissions=accounts.PERMISSIONS["radiologist"])

    with pytest.raises(NotAllowed):
        accounts.add_account(pacs, reader, "mallory", PASSWORD, "admin")
    with pytest.raises(NotAllowed):
        accounts.create_token(pacs, reader, "admin")


def test_each_database_tells_what_is_too_old(database_url: str, settings: Settings) -> None:
    with closing(Database(database_url)) as database:
        database.migrate()
        pacs = Pacs(settings, database, MemoryStore())
        short = accounts.create_token(pacs, SYSTEM, "modality", lasts=timedelta(hours=1))
        endless = accounts.create_token(pacs, SYSTEM, "auditor")
        session = accounts.sign_in_by_link(pacs, accounts.create_link(pacs))
        assert [accounts.actor_of_token(pacs, one).role for one in (short, endless)] == ["modality", "auditor"]
        assert accounts.actor_of_session(pacs, session).role == "admin"

        grow_older(pacs, timedelta(hours=1))

        assert accounts.actor_of_token(pacs, endless).role == "auditor"
        for of_secret, secret in ((accounts.actor_of_token, short), (accounts.actor_of_session, session)):
            with pytest.raises(NotAuthenticated):
                of_secret(pacs, secret)


def test_a_session_ends_when_it_is_idle(jane: Pacs) -> None:
    secret = accounts.sign_in(jane, "jane", PASSWORD)
    grow_older(jane, accounts.IDLE + timedelta(seconds=1))

    with pytest.raises(NotAuthenticated):
        accounts.actor_of_session(jane, secret)


def test_a_session_that_is_used_lives_on_but_not_for_ever(jane: Pacs) -> None:
    secret = accounts.sign_in(jane, "jane", PASSWORD)
    steps = accounts.SESSION // timedelta(minutes=20)
    for _ in range(steps - 1):
        grow_older(jane, timedelta(minutes=20))
        accounts.actor_of_session(jane, secret)

    grow_older(jane, timedelta(minutes=20))

    with pytest.raises(NotAuthenticated):
        accounts.actor_of_session(jane, secret)


def test_the_use_of_a_session_is_written_at_most_once_a_minute(jane: Pacs) -> None:
    secret = accounts.sign_in(jane, "jane", PASSWORD)
    grow_older(jane, accounts.TOUCH - timedelta(seconds=10))
    before = used_at(jane)

    accounts.actor_of_session(jane, secret)
    assert used_at(jane) == before

    grow_older(jane, timedelta(seconds=20))
    accounts.actor_of_session(jane, secret)
    assert used_at(jane) > before


def test_signing_out_kills_the_session_on_the_server(jane: Pacs) -> None:
    secret = accounts.sign_in(jane, "jane", PASSWORD)

    accounts.sign_out(jane, secret)

    with pytest.raises(NotAuthenticated):
        accounts.actor_of_session(jane, secret)


def test_the_link_of_the_first_start_works_once(pacs: Pacs) -> None:
    link = accounts.create_link(pacs)

    secret = accounts.sign_in_by_link(pacs, link)

    assert accounts.actor_of_session(pacs, secret).permissions == EVERYTHING
    with pytest.raises(NotAuthenticated):
        accounts.sign_in_by_link(pacs, link)


def test_a_link_dies_of_age_and_of_a_newer_one(pacs: Pacs) -> None:
    first = accounts.create_link(pacs)
    second = accounts.create_link(pacs)
    with pytest.raises(NotAuthenticated):
        accounts.sign_in_by_link(pacs, first)

    grow_older(pacs, accounts.LINK)

    with pytest.raises(NotAuthenticated):
        accounts.sign_in_by_link(pacs, second)


def test_a_token_has_its_role_and_its_end(pacs: Pacs) -> None:
    token = accounts.create_token(pacs, SYSTEM, "modality", name="ct-1", lasts=timedelta(days=30))
    actor = accounts.actor_of_token(pacs, token)
    assert (actor.name, actor.permissions) == ("ct-1", {"store", "query", "commit", "workitems"})

    grow_older(pacs, timedelta(days=30))

    with pytest.raises(NotAuthenticated):
        accounts.actor_of_token(pacs, token)


def test_a_secret_is_good_for_its_own_kind_only(jane: Pacs) -> None:
    session = accounts.sign_in(jane, "jane", PASSWORD)
    token = accounts.create_token(jane, SYSTEM, "admin")
    link = accounts.create_link(jane)

    for secret in (session, link):
        with pytest.raises(NotAuthenticated):
            accounts.actor_of_token(jane, secret)
    for secret in (token, link):
        with pytest.raises(NotAuthenticated):
            accounts.actor_of_session(jane, secret)
    with pytest.raises(NotAuthenticated):
        accounts.sign_in_by_link(jane, token)


def test_no_secret_is_kept(jane: Pacs) -> None:
    secrets = [
        PASSWORD,
        accounts.sign_in(jane, "jane", PASSWORD),
        accounts.create_token(jane, SYSTEM, "admin"),
        accounts.create_link(jane),
    ]

    with jane.database.read() as connection:
        kept = repr([connection.execute(select(table)).all() for table in (account, credential, audit)])

    assert not [secret for secret in secrets if secret in kept]
    assert "$argon2id$v=19$m=65536,t=3,p=1$" in kept


def test_a_hash_of_an_older_strength_is_made_anew_at_the_next_sign_in(
    jane: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with jane.database.write() as connection:
        weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        connection.execute(update(account).values(password_hash=weak))

    accounts.sign_in(jane, "jane", PASSWORD)

    with jane.database.read() as connection:
        assert "m=65536,t=3" in connection.execute(select(account.c.password_hash)).scalar_one()


def test_what_happens_at_the_door_is_audited_without_what_was_typed(jane: Pacs) -> None:
    secret = accounts.sign_in(jane, "jane", PASSWORD)
    accounts.sign_out(jane, secret)
    for name in ("jane", "my password by mistake"):
        with pytest.raises(NotAuthenticated):
            accounts.sign_in(jane, name, "not the password")

    with jane.database.read() as connection:
        acts = [tuple(row) for row in connection.execute(select(audit.c.action, audit.c.actor).order_by(audit.c.pk))]

    assert acts == [
        ("account-added", "pacs"),
        ("signed-in", "jane"),
        ("signed-out", "jane"),
        ("sign-in-failed", "jane"),
        ("sign-in-failed", "unknown"),
    ]


def grow_older(pacs: Pacs, by: timedelta) -> None:
    """As if so much time had passed for every credential."""
    with pacs.database.write() as connection:
        for row in connection.execute(select(credential)).all():
            moved = {name: getattr(row, name) and getattr(row, name) - by for name in ("expires_at", "used_at")}
            connection.execute(update(credential).where(credential.c.pk == row.pk).values(moved))


def used_at(pacs: Pacs) -> datetime:
    with pacs.database.read() as connection:
        used: datetime = connection.execute(
            select(credential.c.used_at).where(credential.c.kind == "session")
        ).scalar_one()
    return used
