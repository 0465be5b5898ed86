"""What the device says arrives: through a real broker, at a collector that may be away, deaf or repeat itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.codec import to_json
from contract.device import Broker as BrokerConfig
from contract.errors import LinkError
from contract.flight import Flight
from contract.messages import Ack, Birth, Command, FrameLedger
from contract.result import ClassScore, FrameError, Result
from edge.first_answer import EventPolicy, first_answer
from edge.kept_files import KeptFiles
from edge.outbox import Outbox
from edge.quiet import Quiet
from edge.reporter import Reporter
from edge.telemetry import Window
from tests.broker import Broker, free_port
from tests.edge.collector import PATIENCE_S, Collector

BIRTH = Birth(at="", boot="", profile="rpi4", edgeferry="0", python="3", backend="none", model="digits@1", digest=None)
QUICK_S = 0.2
IDLE = Window(
    ended_at=0.0,
    window_s=5.0,
    model="digits@1",
    digest="sha256:" + "0" * 64,
    ledger=FrameLedger(),
    frames_per_s=0.0,
    latency_ms={},
    classes={},
    mean_confidence=None,
    rss_bytes=1,
    temperature_c=None,
)
OpenReporter = Callable[..., Reporter]


@pytest.fixture
def open_reporter(broker: Broker, tmp_path: Path) -> Iterator[OpenReporter]:
    """Opens a reporter on the test's one outbox; all are closed at the end."""
    opened: list[Reporter] = []

    def open_one(
        *, url: str = broker.url, events: EventPolicy = "all", wait_s: float = 10.0, **options: Any
    ) -> Reporter:
        outbox = Outbox(tmp_path / "outbox.db", 1 << 20)
        flight, config = Flight(window=4, wait_s=wait_s), BrokerConfig(url=url)
        options = {"outbox": outbox, "birth": lambda: BIRTH, "events": events, "flight": flight, **options}
        opened.append(Reporter(config, "test", "cam-1", **options))
        return opened[-1]

    yield open_one
    for reporter in opened:
        reporter.close(0.0)


def answer(label: str | None, frame: int = 0) -> Result:
    classes = () if label is None else (ClassScore(index=0, label=label, score=0.9),)
    return Result(source="cam", frame=frame, captured_at="", model="digits@1", digest="", classes=classes)


def damaged() -> Result:
    error = FrameError(cause="damaged-frame", where="cam", fix="")
    return Result(source="cam", frame=0, captured_at="", model="digits@1", digest="", error=error)


def test_what_was_put_arrives_once_and_in_order(broker: Broker, open_reporter: OpenReporter) -> None:
    with Collector(broker.port) as collector:
        reporter = open_reporter()
        reporter.connect_now(PATIENCE_S)
        for frame in range(300):
            reporter.result(answer("seven", frame))
        reporter.close(PATIENCE_S)
        arrived = [message for _, batch in collector.batches for message in batch.messages()]
        assert [message.sequence for message in arrived] == list(range(1, 301))
        assert (reporter.sent, reporter.acknowledged) == (300, 300)


def test_nothing_is_lost_and_order_is_kept_while_the_broker_is_away(
    broker: Broker, open_reporter: OpenReporter
) -> None:
    with Collector(broker.port) as collector:
        reporter = open_reporter(wait_s=1.0)
        reporter.connect_now(PATIENCE_S)
        reporter.result(answer("one"))
        collector.wait_until(lambda: len(collector.batches) == 1)
        broker.stop()
        for frame in range(50):
            reporter.result(answer("two", frame))
        broker.start()
        collector.wait_until(lambda: len(heard(collector)) == 51)
        assert heard(collector) == list(range(1, 52))


def test_a_broker_that_is_away_from_the_start_only_delays(broker: Broker, open_reporter: OpenReporter) -> None:
    broker.stop()
    reporter = open_reporter()
    reporter.start()
    reporter.result(answer("one"))
    broker.start()
    with Collector(broker.port) as collector:
        collector.wait_until(lambda: bool(collector.batches))
        reporter.close(PATIENCE_S)
    assert reporter.acknowledged == 1


def test_what_an_earlier_boot_left_is_delivered_by_the_next(broker: Broker, open_reporter: OpenReporter) -> None:
    first = open_reporter(url="mqtt://127.0.0.1:1")
    first.start()
    first.result(answer("one"))
    first.close(0.0)
    with Collector(broker.port) as collector:
        second = open_reporter()
        second.connect_now(PATIENCE_S)
        second.result(answer("two"))
        second.close(PATIENCE_S)
        assert [[m.sequence for m in batch.messages()] for _, batch in collector.batches] == [[1], [1]]
        assert len({batch.boot for _, batch in collector.batches}) == 2


def test_a_collector_that_was_away_gets_everything_when_it_is_back(broker: Broker, open_reporter: OpenReporter) -> None:
    reporter = open_reporter(wait_s=QUICK_S)
    reporter.connect_now(PATIENCE_S)
    for frame in range(20):
        reporter.result(answer("one", frame))
    with Collector(broker.port) as late:
        late.wait_until(lambda: len(late.batches) > 0)
        reporter.close(PATIENCE_S)
        assert late.stored(late.batches[0][1].boot) == list(range(1, 21))
    assert reporter.acknowledged == 20


def test_a_bare_broker_hears_every_message_and_closing_does_not_hang(
    broker: Broker, open_reporter: OpenReporter
) -> None:
    with Collector(broker.port, acknowledges=False) as listener:
        reporter = open_reporter(wait_s=QUICK_S)
        reporter.connect_now(PATIENCE_S)
        for number in range(1, 21):
            reporter.result(answer("one", number))
            listener.wait_until(lambda sent=number: len(heard(listener)) == sent)  # type: ignore[misc]
        reporter.close(0.1)
        listener.wait_until(lambda: not listener.presence[-1].online)
    assert reporter.acknowledged == 0


def heard(collector: Collector) -> list[int]:
    """The numbers that arrived, each at its first time."""
    numbers = (message.sequence for _, batch in collector.batches for message in batch.messages())
    return list(dict.fromkeys(numbers))


def test_acknowledgements_may_come_twice_or_be_foreign(broker: Broker, open_reporter: OpenReporter) -> None:
    with Collector(broker.port) as collector:
        reporter = open_reporter()
        reporter.connect_now(PATIENCE_S)
        reporter.result(answer("one"))
        collector.wait_until(lambda: bool(collector.batches))
        boot = collector.batches[0][1].boot
        for ack in (Ack(boot=boot, sequence=1), Ack(boot="stranger", sequence=50), Ack(boot=boot, sequence=0)):
            collector.publish("cam-1", "ack", to_json(ack))
        collector.publish("cam-1", "ack", b"{not json")
        reporter.result(answer("two"))
        reporter.close(PATIENCE_S)
        assert collector.stored(boot) == [1, 2]
    assert reporter.acknowledged == 2


@pytest.mark.parametrize(("policy", "sent"), [("none", 0), ("changes", 4), ("all", 6)])
def test_the_event_policy_decides_which_results_travel(
    open_reporter: OpenReporter, policy: EventPolicy, sent: int
) -> None:
    reporter = open_reporter(events=policy)
    for result in (answer("one"), answer("one"), answer("two"), answer(None), answer(None), answer("one")):
        reporter.result(result)
    assert reporter.sent == sent


def test_a_damaged_frame_is_an_answer_of_its_own() -> None:
    assert first_answer(damaged()) == "error: damaged-frame"
    assert first_answer(answer(None)) is None


def test_commands_are_answered(broker: Broker, open_reporter: OpenReporter) -> None:
    with Collector(broker.port) as collector:
        reporter = open_reporter()
        reporter.connect_now(PATIENCE_S)
        collector.publish("cam-1", "command", to_json(Command(id="a", verb="ping")))
        collector.publish("cam-1", "command", to_json(Command(id="b", verb="rebirth")))
        collector.wait_until(lambda: len(collector.replies) == 2 and len(collector.births) == 2)
        assert [(reply.id, reply.ok) for reply in collector.replies] == [("a", True), ("b", True)]


def test_pictures_are_nobodys_business_unless_they_are_shared(
    broker: Broker, open_reporter: OpenReporter, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    with Collector(broker.port) as collector:
        for kept in (None, KeptFiles([tmp_path])):
            reporter = open_reporter(kept=kept)
            reporter.connect_now(PATIENCE_S)
            collector.publish("cam-1", "command", to_json(Command(id="a", verb="read-kept", name="a.jpg")))
            collector.wait_until(lambda: len(collector.replies) == 1)
            reply = collector.replies.pop()
            assert (reply.ok, reply.data) == ((False, b"") if kept is None else (True, b"picture"))
            assert ("share = true" in reply.detail) == (kept is None)
            reporter.close(1.0)


def test_results_are_kept_without_waiting_for_the_network(open_reporter: OpenReporter) -> None:
    reporter = open_reporter(url="mqtt://127.0.0.1:1")
    reporter.start()
    threads = [threading.Thread(target=reporter.result, args=(answer("one"),)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert reporter.sent == 10


def test_a_broker_that_is_not_there_is_said_before_the_first_frame(open_reporter: OpenReporter) -> None:
    with pytest.raises(LinkError, match="cannot be reached"):
        open_reporter(url=f"mqtt://127.0.0.1:{free_port()}").connect_now(0.3)


def test_a_device_learns_what_was_refused_and_says_so(broker: Broker, open_reporter: OpenReporter) -> None:
    with Collector(broker.port, acknowledges=False) as collector:
        reporter = open_reporter()
        reporter.connect_now(PATIENCE_S)
        reporter.result(answer("one"))
        reporter.result(answer("two"))
        collector.wait_until(lambda: len(heard(collector)) == 2)
        boot = collector.batches[0][1].boot
        collector.publish("cam-1", "ack", to_json(Ack(boot=boot, sequence=2, refused=(1,))))
        collector.acknowledges = True
        reporter.close(PATIENCE_S)
    with Collector(broker.port) as collector:
        again = open_reporter()
        again.connect_now(PATIENCE_S)
        again.window(IDLE)
        collector.wait_until(lambda: bool(collector.batches))
        assert [reading.outbox_lost for reading in collector.batches[0][1].telemetry] == [1]


def test_a_probe_is_one_message_however_much_waits(broker: Broker, open_reporter: OpenReporter) -> None:
    with Collector(broker.port, acknowledges=False) as collector:
        reporter = open_reporter(wait_s=QUICK_S)
        for frame in range(50):
            reporter.result(answer("one", frame))
        reporter.connect_now(PATIENCE_S)
        collector.wait_until(lambda: len(collector.batches) > 1)
        assert [message.sequence for message in collector.batches[1][1].messages()] == [1]


def test_windows_that_say_nothing_new_are_held_back_until_the_end(broker: Broker, open_reporter: OpenReporter) -> None:
    with Collector(broker.port) as collector:
        reporter = open_reporter(quiet=Quiet(heartbeat_s=60.0))
        reporter.connect_now(PATIENCE_S)
        for _ in range(16):
            reporter.window(IDLE)
        reporter.close(PATIENCE_S)
        lengths = [reading.window_s for _, batch in collector.batches for reading in batch.telemetry]
    assert lengths == [5.0, 5.0, 60.0, 10.0]


class House:
    """A neighbour that remembers."""

    listens_to = ("house/status",)

    def __init__(self) -> None:
        self.said: list[str] = []
        self.was_heard = threading.Event()

    def attach(self, publish: Callable[[str, bytes], bool]) -> None:
        self.publish = publish

    def connected(self) -> None:
        self.publish("house/cam", b"here")

    def heard(self, topic: str, payload: bytes) -> None:
        self.said.append(f"{topic} {payload.decode()}")
        self.was_heard.set()


def test_a_neighbour_is_told_and_heard_over_the_same_connection(broker: Broker, open_reporter: OpenReporter) -> None:
    house = House()
    reporter = open_reporter(neighbour=house)
    reporter.connect_now(PATIENCE_S)
    with Collector(broker.port) as collector:
        collector.publish_raw("house/status", b"online")
        assert house.was_heard.wait(PATIENCE_S)
    assert house.said == ["house/status online"]
