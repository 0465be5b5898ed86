"""One attack: the bytes somebody sends, and in which words they are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from contract.errors import BundleError, SignatureError


class Attack(NamedTuple):
    """Made when it is wanted: some are large."""

    make: Callable[[], bytes]
    words: str
    """A regular expression for the refusal, so that an attack is not refused by mere accident elsewhere."""
    error: type[BundleError] = BundleError


def forged(make: Callable[[], bytes], words: str) -> Attack:
    """An attack on the signature."""
    return Attack(make, words, SignatureError)
