"""Claim codes: what a person types into a new device, and what device and server make of it.

`7K2M-QX4T-9HRD-W3GN`: fifteen random characters (75 bits) of Crockford's base 32 and a check character (Luhn modulo
32), which finds every wrong character and every exchange of neighbours but one pair. Upper and lower case, hyphens and
blanks mean nothing; O is 0, I and L are 1.

The code itself never travels. Both sides stretch it (PBKDF2, RFC 8018) into an id to look it up by and a key: the
device proves with it that it holds the code, the server that it made it, so each knows the other at first contact,
whatever lies between them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import NamedTuple

from contract.errors import ConfigError

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_CHARACTERS = 15
_ALIKE = str.maketrans("OIL", "011")
_GROUP = 4
_ROUNDS = 5_000
"""Twelve bits more for whoever guesses; a few ms on an x86 core, and a thousand codes are made in one go."""
_SALT = b"edgeferry claim code 1"


class ClaimKeys(NamedTuple):
    """What a code is good for."""

    id: str
    """16 hexadecimal digits, to look it up by."""
    key: bytes
    """32 bytes; whoever has them may use the code."""


def spelled(numbers: Sequence[int]) -> str:
    """The code of `RANDOM_CHARACTERS` numbers from 0 to 31, with its check character, in groups of four."""
    text = "".join(ALPHABET[number] for number in numbers)
    text += ALPHABET[-_luhn(text, first=2) % len(ALPHABET)]
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def normal(typed: str) -> str:
    """A typed code as 16 characters; ConfigError that never repeats it, because it may be nearly right."""
    text = "".join(typed.upper().split()).replace("-", "").translate(_ALIKE)
    if len(text) != RANDOM_CHARACTERS + 1 or set(text) - set(ALPHABET):
        raise _mistyped(f"a claim code has {RANDOM_CHARACTERS + 1} letters and digits, and this has {len(text)}")
    if _luhn(text, first=1) != 0:
        raise _mistyped("this claim code was mistyped: its last character does not go with the others")
    return text


def keys_of(typed: str) -> ClaimKeys:
    """What a typed code stands for; ConfigError where it was mistyped."""
    made = hashlib.pbkdf2_hmac("sha256", normal(typed).encode(), _SALT, _ROUNDS, 40)
    return ClaimKeys(made[:8].hex(), made[8:])


def request_proof(key: bytes, csr: str) -> str:
    """64 hexadecimal digits: the device holds the code, and means this request."""
    return _mac(key, b"request", csr.encode())


def answer_proof(key: bytes, csr: str, answer: str) -> str:
    """64 hexadecimal digits: the server made the code, and answers this very request."""
    return _mac(key, b"answer", csr.encode(), answer.encode())


def _mac(key: bytes, what: bytes, *parts: bytes) -> str:
    digests = b"".join(hashlib.sha256(part).digest() for part in parts)
    return hmac.new(key, b"edgeferry claim 1 " + what + b"\n" + digests, "sha256").hexdigest()


def _luhn(text: str, *, first: int) -> int:
    """The sum modulo 32, from the right, every second number doubled and its digits (base 32) added."""
    base, factor, total = len(ALPHABET), first, 0
    for character in reversed(text):
        product = ALPHABET.index(character) * factor
        total += product // base + product % base
        factor = 3 - factor
    return total % base


def _mistyped(what: str) -> ConfigError:
    return ConfigError(what, where="claim code", fix="Type it again, as it is printed.")
