"""Users, tokens and sessions on either store, and the last admin, who stays."""

from __future__ import annotations

import argon2
import pytest

from contract.errors import ConfigError
from fleet.people import sessions, tokens, users
from fleet.people.actor import Role
from fleet.people.passwords import Passwords
from fleet.people.secret import digest_of_secret
from fleet.refusals import ConflictError, NotFoundError
from fleet.store import Store

CHEAP = Passwords(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
WORDS = "correct horse battery"


def add(store: Store, name: str, role: Role) -> None:
    with store.writing() as connection:
        users.add(connection, name, role, WORDS, passwords=CHEAP, now_s=100.0)


def test_people_come_change_and_stay_known(either_store: Store) -> None:
    add(either_store, "anna", "admin")
    add(either_store, "otto@farm.example", "viewer")
    with either_store.writing() as connection:
        users.set_role(connection, "otto@farm.example", "operator")
        users.set_disabled(connection, "otto@farm.example", True)
        rows = users.everybody(connection)
    assert [(row.name, row.role, row.disabled, row.must_change) for row in rows] == [
        ("anna", "admin", False, True),
        ("otto@farm.example", "operator", True, True),
    ]
    assert "password" not in rows[0]._mapping


def test_the_last_admin_who_can_log_in_is_not_taken_away(either_store: Store) -> None:
    add(either_store, "anna", "admin")
    add(either_store, "berta", "admin")
    with either_store.writing() as connection:
        users.set_disabled(connection, "berta", True)
        with pytest.raises(ConflictError, match="the only admin"):
            users.set_disabled(connection, "anna", True)
        with pytest.raises(ConflictError, match="the only admin"):
            users.set_role(connection, "anna", "operator")
        users.set_disabled(connection, "berta", False)
        users.set_role(connection, "anna", "operator")


@pytest.mark.parametrize("name", ["", "Anna", "a b", "local", "server", "../x", "-x", "a" * 64, "a\n", "é"])
def test_a_name_that_would_be_misread_is_refused(store: Store, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a user's name"):
        add(store, name, "viewer")


def test_a_name_is_given_once(store: Store) -> None:
    add(store, "anna", "admin")
    with pytest.raises(ConflictError, match="already"):
        add(store, "anna", "viewer")
    with store.reading() as connection, pytest.raises(NotFoundError):
        users.known(connection, "nobody")


def test_a_token_counts_until_it_expires_or_is_revoked(either_store: Store) -> None:
    with either_store.writing() as connection:
        number, secret = tokens.make(connection, "ci", "rollout", owner=None, lives_s=50.0, now_s=100.0)
        assert secret.startswith("eft_")
        assert len(secret) == 47
        found = tokens.find(connection, secret, now_s=149.0)
        assert found is not None
        assert (tokens.actor_for(found).name, tokens.actor_for(found).role) == ("shell/ci", "operator")
        assert tokens.is_stale(found, 149.0)
        tokens.touch(connection, found, now_s=149.0)
        assert tokens.everything(connection)[0].used_s == 149.0
        assert tokens.find(connection, secret, now_s=150.0) is None
        tokens.revoke(connection, number, now_s=120.0)
        assert tokens.find(connection, secret, now_s=121.0) is None
        with pytest.raises(NotFoundError):
            tokens.revoke(connection, number, now_s=121.0)


@pytest.mark.parametrize(
    ("words", "lives_s"), [("90d", 7776000.0), ("12h", 43200.0), ("4w", 2419200.0), ("never", None)]
)
def test_a_time_is_written_shortly(words: str, lives_s: float | None) -> None:
    assert tokens.seconds_of(words) == lives_s


@pytest.mark.parametrize("words", ["", "90", "0d", "-1d", "1y", "99999d", "90 d", "٣d"])
def test_any_other_time_is_refused(words: str) -> None:
    with pytest.raises(ConfigError, match="how long a token may count"):
        tokens.seconds_of(words)


def test_a_session_lives_by_its_use_and_not_for_ever(either_store: Store) -> None:
    add(either_store, "anna", "viewer")
    with either_store.writing() as connection:
        digest = digest_of_secret(sessions.begin(connection, "anna", now_s=1000.0))
        at_s = 1000.0
        while at_s + sessions.IDLE_S - 1 < 1000.0 + sessions.ABSOLUTE_S:
            at_s += sessions.IDLE_S - 1
            found = sessions.find(connection, digest, now_s=at_s)
            assert found is not None
            assert sessions.is_stale(found.used_s, at_s)
            sessions.touch(connection, digest, now_s=at_s)
        assert sessions.find(connection, digest, now_s=1000.0 + sessions.ABSOLUTE_S) is None
        other = digest_of_secret(sessions.begin(connection, "anna", now_s=2000.0))
        assert sessions.find(connection, other, now_s=2000.0 + sessions.IDLE_S) is None
