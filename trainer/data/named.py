"""How many things a message names before it says how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

NAMED = 5


def named(things: Sequence[str]) -> str:
    """The first few of `things`, and how many more there are."""
    more = len(things) - NAMED
    return ", ".join(things[:NAMED]) + (f" and {more} more" if more > 0 else "")
