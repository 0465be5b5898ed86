"""A bar for work that takes one picture after the other: on a terminal, and where it takes long enough to wonder."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_MANY = 300
"""Pictures below which the work is done before a bar is read."""


def counted(things: Iterable[T], total: int, what: str = "reading") -> Iterator[T]:
    """Hand `things` on, of which there are `total`."""
    if total < _MANY or not sys.stderr.isatty():
        yield from things
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(things, what, total, console=Console(stderr=True), transient=True)
