from __future__ import annotations

import threading

from contract.messages import FrameLedger
from edge.ledger import STALE, Ledger, since, total


def test_the_sum_is_right_at_any_moment_whoever_counts() -> None:
    ledger = Ledger()
    done = threading.Event()

    def count() -> None:
        for _ in range(2000):
            ledger.inferred()
            ledger.damaged()
            ledger.gated()
            ledger.dropped(STALE)

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    while not done.is_set():
        if not any(thread.is_alive() for thread in threads):
            done.set()
        now = ledger.snapshot()
        assert now.captured == now.inferred + now.gated + now.damaged + sum(now.dropped.values())
    assert ledger.snapshot() == FrameLedger(
        captured=24000, inferred=6000, gated=6000, damaged=6000, dropped={STALE: 6000}
    )


def test_the_difference_of_two_snapshots_is_what_came_between() -> None:
    ledger = Ledger()
    ledger.inferred()
    ledger.dropped(STALE)
    then = ledger.snapshot()
    ledger.inferred()
    ledger.damaged()
    assert since(ledger.snapshot(), then) == FrameLedger(captured=2, inferred=1, damaged=1, dropped={})


def test_several_ledgers_add_up_cause_by_cause() -> None:
    one = FrameLedger(captured=5, inferred=2, gated=1, damaged=1, dropped={"stale": 1})
    other = FrameLedger(captured=3, inferred=1, dropped={"stale": 1, "failed": 1})
    assert total([one, other]) == FrameLedger(
        captured=8, inferred=3, gated=1, damaged=1, dropped={"stale": 2, "failed": 1}
    )
    assert total([]) == FrameLedger()
