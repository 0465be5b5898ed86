"""Messages of different ages understand each other: what one lacks has a value, what one does not know is skipped."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import pytest

from contract.codec import to_json
from contract.errors import LinkError
from contract.messages import Ack, Batch, FrameLedger, Span, Telemetry, decode

DIGEST = "sha256:" + "0" * 64
READING = Telemetry(
    sequence=4,
    at="2026-03-01T12:00:00.000Z",
    window_s=5.0,
    model="digits@1",
    digest=DIGEST,
    ledger=FrameLedger(captured=2, gated=2),
    frames_per_s=0.0,
    latency_ms={},
    next_s=60.0,
)
BATCH = Batch(boot="b1", oldest=1, gone=(Span(2, 3),), telemetry=(READING,))


class OldBatch(msgspec.Struct):
    """As version 0.1 reads it."""

    boot: str
    oldest: int
    telemetry: tuple[dict[str, object], ...] = ()


def test_what_was_given_up_and_when_the_next_reading_comes_survive_the_wire() -> None:
    assert decode("telemetry", to_json(BATCH), where="test") == BATCH


def test_a_reader_that_knows_neither_skips_them() -> None:
    old = msgspec.json.decode(to_json(BATCH), type=OldBatch)
    assert (old.boot, old.oldest, old.telemetry[0]["sequence"]) == ("b1", 1, 4)


def test_a_writer_that_knows_neither_is_read() -> None:
    value = json.loads(to_json(BATCH))
    del value["gone"], value["telemetry"][0]["next_s"]
    found = decode("telemetry", json.dumps(value).encode(), where="test")
    assert isinstance(found, Batch)
    assert (found.gone, found.telemetry[0].next_s) == ((), None)
    assert decode("ack", b'{"boot": "b1", "sequence": 3}', where="test") == Ack(boot="b1", sequence=3)


def test_what_a_reading_does_not_say_costs_no_bytes() -> None:
    assert set(json.loads(to_json(READING))) == {
        "sequence",
        "at",
        "window_s",
        "model",
        "digest",
        "ledger",
        "frames_per_s",
        "latency_ms",
        "next_s",
    }


def test_numbers_that_are_none_are_refused() -> None:
    for gone in ([[0, 3]], [[1]], [["a", 2]]):
        value = {**json.loads(to_json(BATCH)), "gone": gone}
        with pytest.raises(LinkError):
            decode("telemetry", json.dumps(value).encode(), where="test")


MEETING = """
import sys, threading
from contract import messages
from contract.codec import to_json
messages.prepare()
data, together = to_json(messages.Batch(boot="b1", oldest=1)), threading.Barrier(8)
sys.setswitchinterval(1e-6)
def decode():
    together.wait()
    messages.decode("telemetry", data, where="test")
threads = [threading.Thread(target=decode) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_threads_may_meet_at_their_first_message_once_types_are_prepared() -> None:
    """Without it nine of ten such processes end in a segmentation fault."""
    for _ in range(5):
        assert subprocess.run([sys.executable, "-c", MEETING], check=False).returncode == 0
