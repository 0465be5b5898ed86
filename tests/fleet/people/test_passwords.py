"""Which passwords are taken."""

from __future__ import annotations

import argon2
import pytest

from contract.errors import ConfigError
from fleet.people.passwords import Passwords

CHEAP = Passwords(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "5 characters"),
        ("elevenchars", "11 characters"),
        ("x" * 1025, "1025 characters"),
        ("abababababab", "too few characters"),
        ("annabell12345", "contains the name"),
        ("twelve\x00chars!", "cannot be typed"),
        ("twelve chars \ud800", "cannot be typed"),
    ],
)
def test_weak_ones_are_refused_with_the_reason(password: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        CHEAP.hash(password, name="annabell")


def test_long_ones_in_any_script_are_taken() -> None:
    for password in ("correct horse battery", "Drei Öltanker überholen", "пароль для фермы", "x1y2z3" * 100):
        assert CHEAP.fits(CHEAP.hash(password, name="anna"), password)


def test_what_looks_the_same_is_the_same_on_every_keyboard() -> None:
    assert CHEAP.fits(CHEAP.hash("caf\u00e9 au lait bitte", name="anna"), "cafe\u0301 au lait bitte")


def test_nonsense_given_at_a_login_is_only_wrong() -> None:
    kept = CHEAP.hash("correct horse battery", name="anna")
    for given in ("", "\x00", "\ud800", "x" * 100_000):
        assert not CHEAP.fits(kept, given)
