"""A device's answer to a command: counted where a person can see it, and nothing to store."""

from __future__ import annotations

from contract.codec import to_json
from contract.messages import Reply
from fleet.collector import Collector
from fleet.store import Store
from tests.fleet.simulated import FLEET


def test_a_reply_is_counted_and_stores_nothing(store: Store) -> None:
    collector = Collector(FLEET, store, lambda *_: None)
    collector.offer(f"edgeferry/v1/{FLEET}/cam-1/reply", to_json(Reply(id="a", ok=True)))
    collector.start()
    collector.close()
    assert collector.heard == {"reply": 1}
    assert (collector.waiting, collector.let_go) == (0, 0)
