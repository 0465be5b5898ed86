"""The outbox: numbered, kept, bounded, and whole after a kill."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from contract.flight import Place
from contract.messages import MAX_BYTES, Batch, Event, FrameLedger, Reported, Span, Telemetry
from contract.result import Result
from edge.outbox import Kept, Kind, Outbox

LIMIT_BYTES = 1 << 20
DIGEST = "sha256:" + "0" * 64
ROOT = Path(__file__).resolve().parents[2]


def reading(sequence: int) -> Telemetry:
    return Telemetry(
        sequence=sequence,
        at="2026-03-01T12:00:00.000Z",
        window_s=5.0,
        model="digits@1",
        digest=DIGEST,
        ledger=FrameLedger(),
        frames_per_s=0.0,
        latency_ms={},
    )


def event(sequence: int) -> Event:
    result = Result(source="cam", frame=sequence, captured_at="2026-03-01T12:00:00.000Z", model="digits@1", digest="")
    return Event(sequence=sequence, result=result)


def outcome(sequence: int) -> Reported:
    return Reported(
        sequence=sequence, at="", counter=1, state="committed", digest=DIGEST, running="", running_digest=None
    )


BUILDERS = {"telemetry": reading, "events": event, "reported": outcome}


def put(outbox: Outbox, *kinds: Kind) -> list[int]:
    return [outbox.put(kind, BUILDERS[kind]) for kind in kinds]


def sequences(outbox: Outbox, **limits: int) -> list[list[int]]:
    """Everything that waits, batch by batch."""
    batches, after = [], None
    while (parcel := outbox.next_batch(after, **limits)) is not None:
        batches.append([message.sequence for message in parcel.batch.messages()])
        after = parcel.last
    return batches


OpenOutbox = Callable[..., Outbox]


@pytest.fixture
def open_outbox(tmp_path: Path) -> Iterator[OpenOutbox]:
    """Opens the outbox in the test's folder, and closes all of them at the end."""
    opened: list[Outbox] = []

    def open_one(limit_bytes: int = LIMIT_BYTES, **options: Any) -> Outbox:
        opened.append(Outbox(tmp_path / "outbox.db", limit_bytes, **options))
        return opened[-1]

    yield open_one
    for outbox in opened:
        outbox.close()


@pytest.fixture
def outbox(open_outbox: OpenOutbox) -> Outbox:
    return open_outbox()


def test_all_kinds_share_one_counter_that_begins_at_one(outbox: Outbox) -> None:
    assert put(outbox, "telemetry", "events", "reported", "telemetry") == [1, 2, 3, 4]


def test_a_batch_holds_one_kind_and_keeps_the_order(outbox: Outbox) -> None:
    put(outbox, "telemetry", "telemetry", "events", "telemetry", "reported")
    assert sequences(outbox) == [[1, 2], [3], [4], [5]]


def test_a_batch_is_bounded_by_count_and_by_bytes(outbox: Outbox) -> None:
    put(outbox, *["telemetry"] * 5)
    assert sequences(outbox, max_count=2) == [[1, 2], [3, 4], [5]]
    assert sequences(outbox, max_bytes=1) == [[1], [2], [3], [4], [5]]


def test_an_older_boot_is_sent_first_and_numbers_begin_anew(open_outbox: OpenOutbox) -> None:
    first = open_outbox()
    put(first, "telemetry", "telemetry")
    first.close()
    second = open_outbox()
    assert put(second, "telemetry") == [1]
    parcel = second.next_batch()
    assert parcel is not None
    assert parcel.last == Place(first.boot, 2)
    following = second.next_batch(parcel.last)
    assert following is not None
    assert following.last == Place(second.boot, 1)


def test_an_acknowledgement_deletes_what_came_before_it_and_may_come_twice(outbox: Outbox) -> None:
    put(outbox, "telemetry", "events", "telemetry")
    assert outbox.acknowledge(outbox.boot, 2) == 2
    assert outbox.acknowledge(outbox.boot, 2) == 0
    assert outbox.acknowledge("another boot", 99) == 0
    assert sequences(outbox) == [[3]]
    assert outbox.waiting == 1


def test_a_batch_says_which_sequence_is_the_oldest_still_held(outbox: Outbox) -> None:
    put(outbox, "telemetry", "telemetry", "events")
    outbox.acknowledge(outbox.boot, 1)
    parcel = outbox.next_batch(Place(outbox.boot, 2))
    assert parcel is not None
    assert (parcel.batch.oldest, parcel.last.sequence) == (2, 3)


def test_a_full_outbox_gives_up_readings_first_and_outcomes_last(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(20_000)
    put(outbox, "reported", *["telemetry"] * 20, *["events"] * 20)
    put(outbox, *["events"] * 100)
    kinds = {type(message) for message in held_messages(outbox)}
    assert kinds == {Event, Reported}
    assert outbox.lost + outbox.waiting == 141
    assert outbox.path.stat().st_size < 60_000


def held_messages(outbox: Outbox) -> list[Kept]:
    messages: list[Kept] = []
    after = None
    while (parcel := outbox.next_batch(after)) is not None:
        messages += parcel.batch.messages()
        after = parcel.last
    return messages


def test_what_was_lost_is_still_known_after_a_restart(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(3_000)
    put(outbox, *["telemetry"] * 30)
    lost = outbox.lost
    outbox.close()
    assert lost > 0
    assert open_outbox(3_000).lost == lost


def test_a_full_outbox_always_takes_the_newest(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(3_000)
    put(outbox, *["telemetry"] * 30)
    assert held_messages(outbox)[-1].sequence == 30


def test_a_killed_process_leaves_everything_it_has_put(tmp_path: Path, open_outbox: OpenOutbox) -> None:
    path = tmp_path / "outbox.db"
    writer = (
        "import sys; from pathlib import Path; from edge.outbox import Outbox\n"
        "from tests.edge.test_outbox import BUILDERS, LIMIT_BYTES\n"
        f"outbox = Outbox(Path({str(path)!r}), LIMIT_BYTES)\n"
        "while True: print(outbox.put('telemetry', BUILDERS['telemetry']), flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    last = 0
    while last < 50:
        last = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    rest, _ = process.communicate()
    last = int(([str(last), *rest.split()])[-1])
    held = [message.sequence for message in held_messages(open_outbox())]
    # One more may have been kept than the writer lived to say.
    assert held in (list(range(1, last + 1)), list(range(1, last + 2)))


def test_threads_never_share_a_number(outbox: Outbox) -> None:
    given: list[int] = []
    threads = [threading.Thread(target=lambda: given.extend(put(outbox, *["telemetry"] * 50))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == list(range(1, 201))


def test_a_message_that_cannot_be_read_is_given_up_and_the_rest_is_sent(
    tmp_path: Path, open_outbox: OpenOutbox
) -> None:
    outbox = open_outbox()
    put(outbox, "telemetry", "telemetry", "telemetry")
    outbox.close()
    with sqlite3.connect(tmp_path / "outbox.db") as database:
        database.execute("UPDATE messages SET body = '{}' WHERE sequence = 2")
    database.close()
    again = open_outbox()
    assert sequences(again) == [[1], [3]]
    assert again.lost == 1


def test_a_refused_put_consumes_no_number(outbox: Outbox) -> None:
    def broken(_: int) -> Telemetry:
        raise RuntimeError("no reading")

    with pytest.raises(RuntimeError):
        outbox.put("telemetry", broken)
    assert put(outbox, "telemetry") == [1]


DAY_S = 86_400.0


class Clock:
    """Seconds, wound by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def batches(outbox: Outbox) -> list[Batch]:
    found, after = [], None
    while (parcel := outbox.next_batch(after)) is not None:
        found.append(parcel.batch)
        after = parcel.last
    return found


def test_readings_and_events_nobody_took_for_too_long_are_given_up_and_outcomes_are_not(
    open_outbox: OpenOutbox, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    outbox = open_outbox(max_age_s=7 * DAY_S, clock=clock)
    put(outbox, "telemetry", "events", "reported", "telemetry")
    clock.now_s += 8 * DAY_S
    put(outbox, "telemetry")
    assert sequences(outbox) == [[3], [5]]
    assert outbox.lost == 3
    assert [batch.oldest for batch in batches(outbox)] == [3, 3]
    assert batches(outbox)[0].gone == (Span(4, 4),)
    assert [record.message for record in caplog.records] == [
        "outbox: the oldest messages are given up from now on, 2 at first: nobody took them for 7 days"
    ]


def test_age_is_time_at_work_over_all_starts_and_time_without_power_does_not_count(open_outbox: OpenOutbox) -> None:
    clock = Clock()
    first = open_outbox(max_age_s=DAY_S, clock=clock)
    put(first, "telemetry")
    clock.now_s += 0.7 * DAY_S
    put(first, "telemetry")
    first.close()
    clock.now_s = 3.0
    second = open_outbox(max_age_s=DAY_S, clock=clock)
    put(second, "telemetry")
    assert (second.waiting, second.lost) == (3, 0)
    clock.now_s += 0.5 * DAY_S
    put(second, "telemetry")
    assert (second.waiting, second.lost) == (3, 1)


def test_no_wall_clock_can_make_a_message_old(open_outbox: OpenOutbox, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = open_outbox(max_age_s=DAY_S)
    for year_s in (0.0, 4e9, 1.8e9):
        monkeypatch.setattr("time.time", lambda now=year_s: now)
        put(outbox, "telemetry")
    assert (outbox.waiting, outbox.lost) == (3, 0)


def test_a_boot_of_which_nothing_is_left_is_told_in_a_batch_without_messages(open_outbox: OpenOutbox) -> None:
    first = open_outbox(2_000)
    put(first, *["telemetry"] * 3)
    first.close()
    second = open_outbox(2_000)
    put(second, *["events"] * 12)
    lost, kept = batches(second)
    assert (lost.boot, lost.oldest, lost.messages()) == (first.boot, 4, ())
    assert kept.boot == second.boot
    assert second.acknowledge(first.boot, 3) == 0
    assert [batch.boot for batch in batches(second)] == [second.boot]


def test_every_number_given_up_is_told_until_it_is_acknowledged(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(20_000)
    put(outbox, *["reported", "telemetry"] * 30)
    put(outbox, *["events"] * 100)
    held = {message.sequence for message in held_messages(outbox)}
    told = {n for batch in batches(outbox) for span in batch.gone for n in range(span.first, span.last + 1)}
    assert told == set(range(1, 161)) - held
    assert len(told) == outbox.lost
    outbox.acknowledge(outbox.boot, 40)
    told = {n for batch in batches(outbox) for span in batch.gone for n in range(span.first, span.last + 1)}
    assert told == {n for n in range(41, 161) if n not in held}


def test_what_the_collector_refused_is_counted_once(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    put(outbox, *["telemetry"] * 4)
    for _ in range(2):
        outbox.acknowledge(outbox.boot, 3, refused=(2, 3))
    assert (outbox.lost, outbox.waiting) == (2, 1)
    assert [record.message for record in caplog.records] == [
        "outbox: the collector could not keep 2 messages; they are in quarantine there"
    ]


def test_a_message_no_collector_would_read_is_given_up_at_once(outbox: Outbox) -> None:
    huge = Result(source="x" * MAX_BYTES, frame=0, captured_at="", model="digits@1", digest="")
    assert outbox.put("events", lambda sequence: Event(sequence=sequence, result=huge)) == 1
    put(outbox, "telemetry")
    (batch,) = batches(outbox)
    assert (batch.oldest, outbox.lost, outbox.waiting) == (2, 1, 1)


def test_giving_up_is_said_once_until_somebody_takes_something(
    open_outbox: OpenOutbox, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = open_outbox(20_000)
    put(outbox, *["telemetry"] * 200)
    assert len(caplog.records) == 1
    outbox.acknowledge(outbox.boot, 200)
    put(outbox, *["telemetry"] * 200)
    assert len(caplog.records) == 2


def test_the_file_stays_small_when_losses_alternate_with_what_is_kept(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(60_000)
    put(outbox, *chain(*[("telemetry", "reported")] * 500))
    assert outbox.path.stat().st_size < 180_000
