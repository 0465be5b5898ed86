"""Numbers given up: as few spans as there can be, told until they are settled."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import Span
from edge import gone
from edge.outbox_file import opened


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    made = in_memory()
    yield made
    made.close()


def in_memory() -> sqlite3.Connection:
    """The outbox's own tables."""
    return opened(Path(":memory:"))


def spans(database: sqlite3.Connection, boot: int = 1) -> tuple[Span, ...]:
    return gone.between(database, boot, 0, None)


def test_neighbours_become_one_span(database: sqlite3.Connection) -> None:
    gone.add(database, 1, [4, 5, 9])
    gone.add(database, 1, [7])
    gone.add(database, 1, [6, 8])
    gone.add(database, 2, [10])
    assert spans(database) == (Span(4, 9),)
    assert spans(database, 2) == (Span(10, 10),)


def test_settling_cuts_a_span(database: sqlite3.Connection) -> None:
    gone.add(database, 1, [1, 2, 5, 6, 7, 9])
    gone.settle(database, 1, 6)
    assert spans(database) == (Span(7, 7), Span(9, 9))


def test_spans_are_found_by_where_they_begin(database: sqlite3.Connection) -> None:
    gone.add(database, 1, [2, 5, 8])
    assert gone.between(database, 1, 2, 8) == (Span(5, 5),)
    assert gone.first_boot(database, 1, 7) == 1
    assert gone.first_boot(database, 1, 8) is None


@given(st.lists(st.sets(st.integers(1, 40), min_size=1)))
def test_in_whatever_order_numbers_go_the_spans_are_exact(lots: list[set[int]]) -> None:
    database, added = in_memory(), set[int]()
    for lot in lots:
        gone.add(database, 1, sorted(lot - added))
        added |= lot
    found = spans(database)
    assert [n for span in found for n in range(span.first, span.last + 1)] == sorted(added)
    assert all(later.first > earlier.last + 1 for earlier, later in pairwise(found))
    database.close()
