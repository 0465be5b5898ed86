"""The chain, and everything somebody with write access to the store may try with it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.errors import ConfigError
from fleet.people import audit
from fleet.people.audit import FIRST, Head
from fleet.store import Store, open_store
from fleet.tables import AUDIT
from tests.fleet.simulated import FLEET


def write(store: Store, count: int = 5) -> list[Head]:
    heads = []
    for n in range(count):
        with store.writing() as connection:
            heads.append(
                audit.note(connection, by="anna", act="POST", about=f"/api/x/{n}", detail="naïve ✓", address="10.0.0.1")
            )
    return heads


def verified(store: Store, kept: Head | None = None) -> tuple[int, str] | None:
    with store.reading() as connection:
        broken = audit.verify(connection, kept)
        return None if broken is None else (broken.number, broken.why)


def test_entries_follow_each_other_and_hold(either_store: Store) -> None:
    assert verified(either_store) is None
    heads = write(either_store)
    assert [head.number for head in heads] == [1, 2, 3, 4, 5]
    assert verified(either_store) is None
    assert all(verified(either_store, head) is None for head in heads)
    with either_store.reading() as connection:
        assert audit.head(connection) == heads[-1]
        assert [row.about for row in audit.entries(connection, before=3)] == ["/api/x/1", "/api/x/0"]
        assert connection.scalar(sa.select(AUDIT.c.previous).where(AUDIT.c.number == 1)) == FIRST


def change(**values: object) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(AUDIT.update().where(AUDIT.c.number == 3).values(**values))


def delete(connection: Connection) -> None:
    connection.execute(AUDIT.delete().where(AUDIT.c.number == 3))


def delete_and_close_the_gap(connection: Connection) -> None:
    delete(connection)
    for number in (4, 5):
        connection.execute(AUDIT.update().where(AUDIT.c.number == number).values(number=number - 1))


def swap(connection: Connection) -> None:
    for number, other in ((3, 99), (4, 3), (99, 4)):
        connection.execute(AUDIT.update().where(AUDIT.c.number == number).values(number=other))


def insert_before_the_first(connection: Connection) -> None:
    row = dict(connection.execute(sa.select(AUDIT).where(AUDIT.c.number == 1)).one()._mapping)
    connection.execute(AUDIT.insert().values(**{**row, "number": 0}))


def change_and_hash_again(connection: Connection) -> None:
    row = dict(connection.execute(sa.select(AUDIT).where(AUDIT.c.number == 3)).one()._mapping)
    row["who"] = "eve"
    row["hash"] = audit.hash_of(row)
    connection.execute(AUDIT.update().where(AUDIT.c.number == 3).values(**row))


@pytest.mark.parametrize(
    ("tamper", "number", "why"),
    [
        (change(who="eve"), 3, "content"),
        (change(detail=""), 3, "content"),
        (change(at_s=1.0), 3, "content"),
        (change(outcome="refused"), 3, "content"),
        (change(hash="0" * 64), 3, "content"),
        (change(previous="0" * 64), 3, "does not follow"),
        (delete, 3, "missing"),
        (delete_and_close_the_gap, 3, "does not follow"),
        (swap, 3, "does not follow"),
        (insert_before_the_first, 0, "inserted"),
        (change_and_hash_again, 4, "does not follow"),
    ],
)
def test_the_first_entry_that_was_touched_is_named(
    store: Store, tamper: Callable[[Connection], object], number: int, why: str
) -> None:
    write(store)
    with store.writing() as connection:
        tamper(connection)
    found = verified(store)
    assert found is not None
    assert found[0] == number
    assert why in found[1]


def test_a_cut_end_and_a_history_written_anew_are_noticed_by_a_head_kept_elsewhere(store: Store) -> None:
    kept = write(store)[-1]
    with store.writing() as connection:
        connection.execute(AUDIT.delete().where(AUDIT.c.number > 3))
    assert verified(store) is None, "the chain alone cannot know"
    assert verified(store, kept) == (4, "the audit ends before it, and the head that was kept is entry 5")
    write(store, 3)
    found = verified(store, kept)
    assert found is not None
    assert (found[0], "another entry" in found[1]) == (5, True)
    with store.writing() as connection:
        connection.execute(AUDIT.delete())
    assert verified(store) is None
    assert verified(store, kept) == (1, "the audit ends before it, and the head that was kept is entry 5")


def test_a_head_is_written_and_read(store: Store) -> None:
    head = write(store)[-1]
    assert Head.parse(f" {head}\n") == head
    for words in ("", "5", "5:abc", f"-1:{FIRST}", f"5:{'G' * 64}"):
        with pytest.raises(ConfigError, match="not a head"):
            Head.parse(words)
    assert verified(store, Head(0, "1" * 64)) is not None
    assert verified(store, Head(0, FIRST)) is None


def write_and_stumble(store: Store) -> None:
    with store.writing() as connection:
        audit.note(connection, by="anna", act="test", about="")
        raise ZeroDivisionError


def test_an_entry_is_undone_with_the_act_it_tells_of(store: Store) -> None:
    write(store, 1)
    with pytest.raises(ZeroDivisionError):
        write_and_stumble(store)
    assert [head.number for head in write(store, 1)] == [2]
    assert verified(store) is None


def test_two_servers_write_one_chain(either_store: Store) -> None:
    with either_store.reading() as connection:
        url = connection.engine.url.render_as_string(hide_password=False)
    stores = [either_store, open_store(url, fleet=FLEET)]
    threads = [threading.Thread(target=write, args=(store, 20)) for store in stores for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stores[1].close()
    with either_store.reading() as connection:
        assert audit.head(connection).number == 80
        assert audit.verify(connection) is None


def test_any_words_are_one_line_of_bounded_length(either_store: Store) -> None:
    with either_store.writing() as connection:
        audit.note(connection, by="a\x00\n\ud800" + "x" * 1000, act="\x1b[2J", about="y" * 5000, outcome="z" * 99)
    with either_store.reading() as connection:
        row = audit.entries(connection)[0]
        assert (row.who[:5], len(row.who), row.act, len(row.about), len(row.outcome)) == (
            "a\ufffd\ufffd\ufffdx",
            80,
            "\ufffd[2J",
            500,
            32,
        )
        assert audit.verify(connection) is None
