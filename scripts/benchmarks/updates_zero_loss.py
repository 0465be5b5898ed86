"""Nothing is lost while everything is killed: readings from 50 devices through a real mosquitto into a real store.

Ten processes of five devices each, one broker and one collector are killed with SIGKILL at moments drawn with a fixed
seed, and started again as systemd would; in the middle the broker is away for a while. Devices go on reading. In the
end every reading a device noted as accepted must be in the store, once, in order. The broker keeps nothing over a kill
(no persistence), so whatever it had confirmed and not passed on is a lie it told.

The store is SQLite beside the campaign; EDGEFERRY_BENCH_STORE may name another, empty one.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import sqlalchemy as sa

from fleet import tables
from fleet.store import Store, open_store
from scripts.benchmarks._zero_loss_check import Verdict, verdict
from scripts.benchmarks.figure import Figure, at_most
from tests.broker import Broker

FLEET = "campaign"
_PATIENCE_S = 900.0
"""After the last reading was made."""
_START_S = 60.0
_LOOK_S = 0.05
_SAMPLE_S = 1.0
_SPAN_S = 20
"""The best rate is taken over so long."""

What = Literal["broker", "collector", "agents"]


class Campaign(NamedTuple):
    """How much, and how cruel."""

    readings: int
    rate: float
    """Of all devices together, a second."""
    kills: dict[What, int]
    outage_s: float
    devices: int = 50
    processes: int = 10
    seed: int = 11

    @property
    def length_s(self) -> float:
        """How long readings are made."""
        return self.readings / self.rate


LONG = Campaign(1_000_000, 1_500.0, {"broker": 20, "collector": 20, "agents": 100}, 300.0)
SHORT = Campaign(30_000, 1_000.0, {"broker": 2, "collector": 2, "agents": 6}, 3.0, seed=1558)
"""The seed spreads its few kills, so that readings flow between them where the machine has time for it."""


class Fault(NamedTuple):
    """One kill."""

    at_s: float
    what: What
    pick: float
    """0..1: which of several."""


class Found(NamedTuple):
    """What a campaign came to."""

    verdict: Verdict
    seconds: float
    best_rate: float
    """Readings stored a second, over the best stretch."""
    stored_amid: int
    """Readings stored when the last fault came: whether the pipeline was at work between them."""
    broker_starts: int
    collector_starts: int
    agent_kills: int


def figures(short: bool) -> dict[str, Figure]:
    """The campaign's verdict and the rate it held."""
    campaign = SHORT if short else LONG
    found = run(campaign)
    seen, kills = found.verdict, campaign.kills
    through = (
        f"of {seen.noted} from {campaign.devices} devices through kill -9 of broker ({kills['broker']}), collector"
        f" ({kills['collector']}), five devices at once ({kills['agents']}) and {campaign.outage_s:g} s without a"
        f" broker, seed {campaign.seed}"
    )
    return {
        "lost": at_most(seen.lost, 0, f"readings {through}"),
        "stored_twice": at_most(seen.twice, 0, "readings"),
        "out_of_order": at_most(seen.out_of_order, 0, "readings"),
        "called_a_gap": at_most(seen.gaps, 0, "spans"),
        "never_noted": at_most(seen.unnoted, 5 * kills["agents"], "readings stored, accepted just before a kill"),
        "stored_amid": Figure(found.stored_amid, "readings stored when the last fault came"),
        "rate_held": Figure(seen.stored / found.seconds, f"readings/s over {found.seconds:.0f} s, all faults included"),
        "rate_without_the_outage": Figure(seen.stored / (found.seconds - campaign.outage_s), "readings/s"),
        "best_rate": Figure(found.best_rate, f"readings/s over {_SPAN_S} s, while a backlog is taken in"),
        "rate_made": Figure(campaign.rate, "readings/s, by the schedule"),
    }


def schedule(campaign: Campaign) -> list[Fault]:
    """Kills in the order of their moments. The broker is not killed while it is away anyway."""
    chance = random.Random(campaign.seed)
    begin, end = outage(campaign)
    drawn = []
    for what, count in campaign.kills.items():
        for _ in range(count):
            at_s = chance.uniform(1.0, campaign.length_s - 1.0)
            while what == "broker" and begin - 2.0 < at_s < end + 2.0:
                at_s = chance.uniform(1.0, campaign.length_s - 1.0)
            drawn.append(Fault(at_s, what, chance.random()))
    return sorted(drawn)


def outage(campaign: Campaign) -> tuple[float, float]:
    """When the broker goes, and when it is back; about the middle."""
    begin = 0.4 * (campaign.length_s - campaign.outage_s)
    return begin, begin + campaign.outage_s


def run(campaign: Campaign) -> Found:
    """Everything started, killed as scheduled, waited for and judged."""
    with tempfile.TemporaryDirectory() as kept, ExitStack() as undo:
        folder = Path(kept)
        url = os.environ.get("EDGEFERRY_BENCH_STORE", f"sqlite:///{folder / 'fleet.db'}")
        store = open_store(url, fleet=FLEET)
        undo.callback(store.close)
        stage = undo.enter_context(_stage(campaign, folder, url))
        stage.open()
        began = time.monotonic()
        stage.play(began, store)
        seconds = time.monotonic() - began
        found = verdict(store, folder, [name for names in _shares(campaign) for name in names])
        amid = stage.stored_at(schedule(campaign)[-1].at_s)
        return Found(
            found, seconds, stage.best_rate(), amid, stage.broker_starts, stage.collector.starts, stage.agent_kills
        )


class Child:
    """A process that is started again whenever it ends before its time."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command, self._log = command, log
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it (again)."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        self.starts += 1

    def start_after_kill(self) -> None:
        """Start it again; RuntimeError, with its last words, where nobody killed it."""
        if self.code != -signal.SIGKILL:
            words = self._log.read_text()[-2000:]
            raise RuntimeError(f"a process ended by itself with code {self.code}: {words}")
        self.start()

    def kill(self) -> None:
        """SIGKILL, and gone when this returns."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def has_said(self, words: str) -> bool:
        """Whether `words` stand in its log."""
        return words in self._log.read_text()

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll() if self._process is not None else None


class Stage:
    """Broker, collector and agents, and who kills them when."""

    def __init__(self, campaign: Campaign, folder: Path, store_url: str) -> None:
        self._campaign, self._folder = campaign, folder
        self.broker = Broker(folder)
        self.broker_starts, self.agent_kills = 1, 0
        self.collector = Child(_collector(self.broker.url, store_url), folder / "collector.log")
        self._agents: list[Child] = []
        self._stored: list[tuple[float, int]] = []

    def open(self) -> None:
        """Broker and collector are at work when this returns."""
        self.broker.start()
        self.collector.start()
        until = time.monotonic() + _START_S
        while not self.collector.has_said("Collecting."):
            if time.monotonic() > until:
                raise RuntimeError(f"the collector is not ready after {_START_S:g} s")
            time.sleep(_LOOK_S)

    def play(self, began: float, store: Store) -> None:
        """Until every agent has ended by itself, which it does when all it has is acknowledged."""
        self._agents = [
            Child(self._agent(names, began), self._folder / "agents.log") for names in _shares(self._campaign)
        ]
        for agent in self._agents:
            agent.start()
        due = [*((fault.at_s, self._kill(fault)) for fault in schedule(self._campaign)), *self._outage()]
        due.sort(key=lambda one: one[0])
        while not all(agent.code == 0 for agent in self._agents):
            now_s = time.monotonic() - began
            while due and due[0][0] <= now_s:
                due.pop(0)[1]()
            self._keep_running()
            self._sample(now_s, store)
            if now_s > self._campaign.length_s + _PATIENCE_S:
                raise RuntimeError(f"readings still wait {_PATIENCE_S:g} s after the last was made")
            time.sleep(_LOOK_S)

    def close(self) -> None:
        """Nothing is left running."""
        for child in (*self._agents, self.collector):
            child.kill()
        self.broker.stop()

    def stored_at(self, moment_s: float) -> int:
        """Readings in the store at that time."""
        return max((count for at_s, count in self._stored if at_s <= moment_s), default=0)

    def best_rate(self) -> float:
        """Readings stored a second over the best stretch of `_SPAN_S`, or over all where it was shorter."""
        samples = self._stored
        spans = [(a, b) for a in samples for b in samples if b[0] - a[0] >= _SPAN_S and b[0] - a[0] < _SPAN_S + 5]
        spans = spans or [(samples[0], samples[-1])]
        return max((b[1] - a[1]) / (b[0] - a[0]) for a, b in spans)

    def _agent(self, names: list[str], began: float) -> list[str]:
        campaign = self._campaign
        each, rate = campaign.readings // campaign.devices, campaign.rate / campaign.devices
        given = (self._folder, self.broker.url, FLEET, ",".join(names), each, rate, began)
        return [sys.executable, "-m", "scripts.benchmarks._zero_loss_agents", *map(str, given)]

    def _kill(self, fault: Fault) -> Callable[[], None]:
        return {
            "broker": self._kill_broker,
            "collector": self.collector.kill,
            "agents": lambda: self._kill_agents(fault),
        }[fault.what]

    def _kill_broker(self) -> None:
        self.broker.stop()
        self.broker.start()
        self.broker_starts += 1

    def _kill_agents(self, fault: Fault) -> None:
        """One process of those that are still at work."""
        working = [agent for agent in self._agents if agent.code is None]
        if working:
            working[int(fault.pick * len(working))].kill()
            self.agent_kills += 1

    def _outage(self) -> list[tuple[float, Callable[[], None]]]:
        begin, end = outage(self._campaign)
        return [(begin, self.broker.stop), (end, self.broker.start)]

    def _keep_running(self) -> None:
        """As systemd's Restart= would: agents until they end in order, the collector always.

        An agent that dies by itself is a fault of its own, which a campaign must not hide.
        """
        for agent in self._agents:
            if agent.code not in (None, 0):
                agent.start_after_kill()
        if self.collector.code is not None:
            self.collector.start()

    def _sample(self, now_s: float, store: Store) -> None:
        if self._stored and now_s - self._stored[-1][0] < _SAMPLE_S:
            return
        with store.reading() as connection:
            count = connection.scalar(sa.select(sa.func.sum(tables.PROGRESS.c.telemetry)))
        self._stored.append((now_s, int(count or 0)))


@contextmanager
def _stage(campaign: Campaign, folder: Path, store_url: str) -> Iterator[Stage]:
    stage = Stage(campaign, folder, store_url)
    try:
        yield stage
    finally:
        stage.close()


def _collector(broker: str, store: str) -> list[str]:
    options = ("--fleet", FLEET, "--broker", broker, "--store", store)
    return [sys.executable, "-m", "edgeferry", "fleet", "collect", *options]


def _shares(campaign: Campaign) -> list[list[str]]:
    """Which devices live in which process."""
    names = [f"cam-{number:02}" for number in range(campaign.devices)]
    each = campaign.devices // campaign.processes
    return [names[at : at + each] for at in range(0, campaign.devices, each)]
