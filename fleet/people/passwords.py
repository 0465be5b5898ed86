"""Passwords of people: argon2id (RFC 9106) by argon2-cffi, with its low-memory parameters: 64 MiB and 3 passes.

Whoever asks for a name nobody has waits for the same work as whoever asks for one that exists, so that the time of a
refusal tells nobody which names there are.
"""

from __future__ import annotations

import secrets
import unicodedata

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from contract.errors import ConfigError

LEAST = 12
_MOST = 1024
_LEAST_DIFFERENT = 5


class Passwords:
    """Hashes and verifies; `hasher` may be a cheaper one where nothing is at stake."""

    def __init__(self, hasher: argon2.PasswordHasher | None = None) -> None:
        self._hasher = hasher or argon2.PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex())

    def hash(self, password: str, *, name: str) -> str:
        """The text to keep; ConfigError where the password is too easily guessed."""
        _check(password, name)
        return self._hasher.hash(_normal(password))

    def renewed(self, password: str) -> str:
        """The text to keep of a password that was taken before, perhaps by laxer rules."""
        return self._hasher.hash(_normal(password))

    def fits(self, kept: str | None, password: str) -> bool:
        """Whether `password` is the one of `kept`; None, for a name nobody has, costs the same and never fits."""
        try:
            self._hasher.verify(kept or self._nobody, _normal(password)[:_MOST])
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False
        return kept is not None

    def is_dated(self, kept: str) -> bool:
        """Whether it was hashed with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)


def _normal(password: str) -> str:
    """One spelling for what looks the same on different keyboards (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _check(password: str, name: str) -> None:
    plain = _normal(password)
    if not LEAST <= len(plain) <= _MOST:
        raise _weak(f"it has {len(plain)} characters", f"Take {LEAST} to {_MOST}.")
    if len(set(plain)) < _LEAST_DIFFERENT:
        raise _weak("it repeats too few characters", f"Use at least {_LEAST_DIFFERENT} different ones.")
    if len(name) >= LEAST // 2 and name.lower() in plain.lower():
        raise _weak("it contains the name", "Take something others cannot guess.")
    if not plain.isprintable() or not _encodable(plain):
        raise _weak("it holds characters that cannot be typed", "Use letters, digits, marks and blanks.")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _weak(what: str, fix: str) -> ConfigError:
    return ConfigError(f"that password is not taken: {what}", where="password", fix=fix)
