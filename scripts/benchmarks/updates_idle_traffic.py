"""What an idle device costs its link in a month: real messages through a real broker, counted on the way.

Idle means that the camera's motion gate is closed: a window closes every five seconds, and none says anything new. A
day of such windows is played at once through the real reporter, and a proxy counts its bytes and the kernel's segments;
pings and a new connection are counted one by one. Headers are IPv4's 20, TCP's 20 and its timestamps' 12 bytes a
segment; what TLS adds is computed.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from contract.device import Broker as Address
from contract.messages import Birth, FrameLedger
from edge.link import KEEPALIVE_S, Link
from edge.outbox import Outbox
from edge.quiet import HEARTBEAT_S, Quiet
from edge.reporter import Reporter
from edge.telemetry import Window
from scripts.benchmarks._counting_proxy import CountingProxy, Passed
from scripts.benchmarks.figure import Figure, at_most
from tests.broker import Broker
from tests.edge.collector import Collector

GOAL_MB = 1.0
_DAYS = 30
_WINDOW_S = 5.0
_HEADERS = 20 + 20 + 12
_TLS_RECORD = 22
"""TLS 1.3 with an AEAD: header 5, type 1, tag 16."""
_TLS_CONNECTION = 4_000
"""A full handshake with two certificates of a P-256 authority."""
_CONNECTIONS = 30
"""One a day: a link that breaks now and then."""
_OLD_KEEPALIVE_S = 30
_PINGS = 3
_PATIENCE_S = 10.0
DIGEST = "sha256:" + "5" * 64


def figures(short: bool) -> dict[str, Figure]:
    """A month by what is counted."""
    beats = 3 if short else 8
    hours = round(beats * HEARTBEAT_S / 3600)
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder))
        broker.start()
        try:
            with CountingProxy(broker.port) as proxy, Collector(broker.port):
                begin, day = _idle_hours(proxy, Path(folder), hours)
                ping = _ping(proxy)
                every = _busy_window(proxy, Path(folder))
        finally:
            broker.stop()
    month = _month(day, hours * 3600.0, begin, ping, KEEPALIVE_S)
    always = _month(every, _WINDOW_S, begin, ping, _OLD_KEEPALIVE_S)
    tls = month.records * _TLS_RECORD + _CONNECTIONS * _TLS_CONNECTION
    return {
        "idle_month_mqtt": at_most(_mb(month.bytes), GOAL_MB, "MB of MQTT packets"),
        "idle_month_tcp_ip": at_most(_mb(_on_the_wire(month)), GOAL_MB, "MB with TCP/IP headers"),
        "idle_month_tls": at_most(_mb(_on_the_wire(month) + tls), GOAL_MB, "MB with TCP/IP headers and TLS 1.3"),
        "heartbeat": Figure(day.bytes / beats, f"bytes of MQTT, one every {HEARTBEAT_S:g} s, acknowledged"),
        "heartbeat_segments": Figure(day.segments / beats, "TCP segments"),
        "ping_segments": Figure(ping.segments, f"TCP segments for {ping.bytes} bytes, every {KEEPALIVE_S} s"),
        "connection": Figure(begin.bytes, f"bytes of MQTT, with birth and presence, {_CONNECTIONS} times"),
        "every_window_sent": Figure(_mb(_on_the_wire(always)), "MB a month with TCP/IP headers, pings every 30 s"),
    }


def _month(said: Passed, took_s: float, begin: Passed, ping: Passed, keepalive_s: float) -> Passed:
    seconds = _DAYS * 86_400.0
    times, pings = seconds / took_s, seconds / keepalive_s
    parts = zip(said, begin, ping, strict=True)
    return Passed(*(round(a * times + b * _CONNECTIONS + c * pings) for a, b, c in parts))


def _on_the_wire(passed: Passed) -> int:
    return passed.bytes + passed.segments * _HEADERS


def _mb(count: float) -> float:
    return count / 1e6


def _idle_hours(proxy: CountingProxy, folder: Path, hours: int) -> tuple[Passed, Passed]:
    """What the connection and the first window cost, and what so many idle hours cost after them."""
    outbox = Outbox(folder / "idle.db", 1 << 20)
    reporter = _reporter(proxy, outbox, Quiet())
    before = proxy.passed
    reporter.connect_now(_PATIENCE_S)
    reporter.window(_window(0))
    reporter.window(_window(1))
    _wait(lambda: outbox.waiting == 0)
    begun = _settled(proxy)
    for number in range(round(hours * 3600 / _WINDOW_S)):
        reporter.window(_window(2 + number))
        _wait(lambda: outbox.waiting == 0)
    passed = _settled(proxy).since(begun)
    reporter.close(0.0)
    return begun.since(before), passed


def _busy_window(proxy: CountingProxy, folder: Path) -> Passed:
    """One window that is sent as it comes."""
    outbox = Outbox(folder / "busy.db", 1 << 20)
    reporter = _reporter(proxy, outbox, None)
    reporter.connect_now(_PATIENCE_S)
    before = _settled(proxy)
    reporter.window(_window(0))
    _wait(lambda: outbox.waiting == 0)
    passed = _settled(proxy).since(before)
    reporter.close(0.0)
    return passed


def _ping(proxy: CountingProxy) -> Passed:
    """One, on a link with a keepalive of a second."""
    link = Link(
        Address(url=proxy.url),
        "idle",
        "cam-2",
        boot="b1",
        birth=_birth,
        on_message=lambda *_: None,
        keepalive_s=1,
    )
    link.connect_now(_PATIENCE_S)
    before = _settled(proxy)
    _wait(lambda: proxy.passed.records - before.records >= 2 * _PINGS)
    passed = proxy.passed.since(before)
    link.close()
    return Passed(*(round(2 * count / passed.records) for count in passed))


def _reporter(proxy: CountingProxy, outbox: Outbox, quiet: Quiet | None) -> Reporter:
    return Reporter(Address(url=proxy.url), "test", "cam-1", outbox=outbox, birth=_birth, quiet=quiet)


def _window(gated: int) -> Window:
    """Fifty frames more that the gate let nobody look at."""
    return Window(
        ended_at=1_790_000_000.0 + gated * _WINDOW_S,
        window_s=_WINDOW_S,
        model="person-detector@12",
        digest=DIGEST,
        ledger=FrameLedger(captured=5_000_000 + 50 * gated, inferred=1_000_000, gated=4_000_000 + 50 * gated),
        frames_per_s=0.0,
        latency_ms={},
        classes={},
        mean_confidence=None,
        rss_bytes=140_000_000,
        temperature_c=51.5,
        throttled=False,
        under_voltage=False,
    )


def _birth() -> Birth:
    return Birth(
        at="2026-01-01T00:00:00.000Z",
        boot="0123456789abcdef",
        profile="rpi4",
        edgeferry="0.1.0",
        python="3.11.7",
        backend="ai-edge-litert 2.3.0",
        model="person-detector@12",
        digest=DIGEST,
        holds=(DIGEST, DIGEST),
    )


def _settled(proxy: CountingProxy) -> Passed:
    """Once nothing has passed for a while."""
    quiet = threading.Event()
    while True:
        before = proxy.passed
        quiet.wait(0.3)
        if proxy.passed == before:
            return before


def _wait(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not holds():
        if time.monotonic() > until:
            raise RuntimeError("nothing came back")
        time.sleep(0.001)
