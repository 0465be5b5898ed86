"""Outbox and collector agree on every number, whatever is given up and whatever the network loses."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from contract.messages import Ack, Batch, Event, FrameLedger, Reported, Telemetry
from contract.result import Result
from edge.outbox import Kind, Outbox
from fleet.sequence import Progress, take

DIGEST = "sha256:" + "0" * 64
BUILDERS = {
    "telemetry": lambda n: Telemetry(
        sequence=n, at="", window_s=5.0, model="", digest=DIGEST, ledger=FrameLedger(), frames_per_s=0.0, latency_ms={}
    ),
    "events": lambda n: Event(sequence=n, result=Result(source="cam", frame=n, captured_at="", model="", digest="")),
    "reported": lambda n: Reported(
        sequence=n, at="", counter=1, state="committed", digest=DIGEST, running="", running_digest=None
    ),
}
KINDS: list[Kind] = ["telemetry", "telemetry", "telemetry", "events", "events", "reported"]


class Books:
    """What a collector knows, by the very arithmetic of `fleet/sequence.py`."""

    def __init__(self) -> None:
        self.progress: dict[str, Progress] = {}
        self.stored: dict[str, set[int]] = {}
        self.lost: dict[str, set[int]] = {}

    def take(self, batch: Batch) -> Ack:
        before = self.progress.get(batch.boot, Progress())
        step = take(before, [m.sequence for m in batch.messages()], batch.oldest, batch.gone)
        self.progress[batch.boot] = step.progress
        assert not step.fresh & self.stored.setdefault(batch.boot, set())
        self.stored[batch.boot] |= step.fresh
        lost = self.lost.setdefault(batch.boot, set())
        lost |= {n for gap in step.gaps for n in range(gap.first, gap.last + 1)}
        assert not lost & self.stored[batch.boot]
        return Ack(boot=batch.boot, sequence=step.progress.acknowledged)


@pytest.mark.parametrize("seed", range(12))
def test_every_number_ends_stored_or_known_to_be_lost(seed: int, tmp_path: Path) -> None:
    chance, books, numbered = random.Random(seed), Books(), dict[str, int]()
    outbox = opened(tmp_path)
    for _ in range(300):
        draw = chance.random()
        if draw < 0.01:
            outbox.close()
            outbox = opened(tmp_path)
        elif draw < 0.9:
            kind = chance.choice(KINDS)
            numbered[outbox.boot] = outbox.put(kind, BUILDERS[kind])
        else:
            deliver(outbox, books, chance, lossy=True)
    while outbox.next_batch() is not None:
        deliver(outbox, books, chance, lossy=False)
    outbox.close()
    assert numbered
    for boot, last in numbered.items():
        assert books.stored.get(boot, set()) | books.lost.get(boot, set()) == set(range(1, last + 1))


def opened(folder: Path) -> Outbox:
    """So small that it gives up much."""
    return Outbox(folder / "outbox.db", 10_000)


def deliver(outbox: Outbox, books: Books, chance: random.Random, *, lossy: bool) -> None:
    """One walk from the oldest to the newest; batches and acknowledgements may be lost or come late."""
    after, acks = None, list[Ack]()
    while (parcel := outbox.next_batch(after, max_count=chance.randint(1, 20))) is not None:
        after = parcel.last
        if not lossy or chance.random() < 0.7:
            acks.append(books.take(parcel.batch))
    for ack in acks:
        if not lossy or chance.random() < 0.7:
            outbox.acknowledge(ack.boot, ack.sequence)
