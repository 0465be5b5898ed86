"""One of several servers moves the rollouts; another when it is gone."""

from __future__ import annotations

from fleet.lease import Lease
from fleet.store import Store
from tests.fleet.server_process import eventually


def test_a_second_server_waits_and_takes_over(either_store: Store) -> None:
    gained: list[str] = []
    first = Lease(either_store.lock(), lambda: gained.append("first"))
    second = Lease(either_store.lock(), lambda: gained.append("second"))
    first.start()
    second.start()
    assert (first.ours, second.ours) == (True, False)
    first.close()
    assert eventually(lambda: second.ours)
    assert gained == ["first", "second"]
    second.close()
