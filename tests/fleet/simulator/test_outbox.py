"""The simulated outbox beside the agent's: the same batches for the same acts."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from contract.flight import Place
from contract.messages import Reported, Telemetry
from edge.outbox import Outbox as Real
from fleet.simulator.outbox import Kind, Outbox
from tests.fleet.simulated import DIGEST, reading

_KINDS: tuple[Kind, ...] = ("telemetry", "reported")


@pytest.mark.parametrize("seed", range(5))
def test_both_outboxes_say_the_same(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    real = Real(tmp_path / "outbox.db", 1 << 24)
    mine = Outbox(real.boot)
    cursor: Place | None = None
    for _ in range(150):
        act = chance.random()
        if act < 0.5:
            kind = chance.choice(_KINDS)
            build = partial(_message, kind)
            assert real.put(kind, build) == mine.put(kind, build)
        elif act < 0.8:
            theirs, ours = (box.next_batch(cursor, max_count=7) for box in (real, mine))
            assert (theirs and tuple(theirs)) == (ours and tuple(ours))
            cursor = ours.last if ours is not None else cursor
        elif act < 0.95:
            number = chance.randint(0, mine.last)
            assert real.acknowledge(real.boot, number) == mine.acknowledge(mine.boot, number)
        else:
            cursor = None
        assert real.waiting == mine.waiting
    real.close()


def test_a_crash_begins_a_boot_and_keeps_what_waits() -> None:
    outbox = Outbox("a")
    outbox.put("telemetry", reading)
    outbox.begin_boot("b")
    outbox.put("telemetry", reading)
    first = outbox.next_batch()
    assert first is not None
    following = outbox.next_batch(first.last)
    assert following is not None
    assert (first.batch.boot, following.batch.boot) == ("a", "b")
    assert outbox.acknowledge("a", 1) == 1
    assert outbox.waiting == 1


def test_a_full_outbox_gives_up_its_oldest_readings_and_says_so() -> None:
    outbox = Outbox("a", limit=2)
    for _ in range(4):
        outbox.put("telemetry", reading)
    parcel = outbox.next_batch()
    assert parcel is not None
    assert (parcel.batch.oldest, [m.sequence for m in parcel.batch.messages()], outbox.lost) == (3, [3, 4], 2)


def _message(kind: Kind, number: int) -> Telemetry | Reported:
    if kind == "telemetry":
        return replace(reading(number), at="2026-03-01T12:00:00.000Z")
    return Reported(
        sequence=number, at="", counter=1, state="committed", digest=DIGEST, running="m@1", running_digest=None
    )
