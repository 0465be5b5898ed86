"""A device that cannot be bricked: the agent is killed with SIGKILL thousands of times while it walks through updates.

Real are the agent (outbox, link, updater, slots), mosquitto, the HTTP server, bundles, signatures, deltas and the
files. Two things are made cheaper, in nineteen starts of twenty: a fork server saves the interpreter's start
(`_kills_agents.py`), and a stand-in vision process (`_kills_vision.py`) serves, and notes byte for byte what it was
told to run. Every twentieth start is a whole one: `python -m`, the real vision process, its real worker.

The devices are given good bundles, whole and as deltas, bundles they hold already, and bad ones that golden frames, the
shadow run, the health window or the signature must find out; every fourth device has no broker and is ordered about at
its inbox. Kills fall at random over the walk, a random moment after a random state, or at a random disk verb (before,
after, in the middle). After each one the device's files are compared with what the campaign knows to be true, the agent
is started again, and what it serves, and how soon, is looked at. A kill is counted by the state in `update.json`, and
beyond that by how far the slots had come. The seed fixes which kills are drawn, not how threads run.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from contract.topics import topic
from scripts.benchmarks._kills_bundles import open_shop
from scripts.benchmarks._kills_check import PHASES
from scripts.benchmarks._kills_station import FLEET, Publish, Roads, Station, Tally
from scripts.benchmarks.figure import Figure, at_least, at_most
from tests.broker import Broker
from tests.edge.file_server import FileServer

BACK_WITHIN_S = 2.0


class Campaign(NamedTuple):
    """How much."""

    kills: int
    devices: int
    seed: int = 31
    least_a_phase: int = 0
    """Each phase must have been met so often."""


LONG = Campaign(10_000, 4, least_a_phase=200)
SHORT = Campaign(100, 2)


def figures(short: bool) -> dict[str, Figure]:
    """The campaign's verdict, its table of kills, and how soon devices serve again."""
    campaign = SHORT if short else LONG
    tally = run(campaign)
    bad = Counter(fault.sort for fault in tally.faults)
    through = f"of {tally.kills} kills, seed {campaign.seed}"
    table = {f"kills_in_{name}": _hits(campaign, name, tally.phases[name]) for name in PHASES}
    return {
        "without_a_running_verified_model": at_most(bad["model"], 0, f"devices after one {through}"),
        "unverified_models_run": at_most(bad["unverified"], 0, through),
        "wrong_rollback_targets": at_most(bad["target"], 0, through),
        "untrue_records": at_most(bad["record"], 0, through),
        "agents_ended_by_themselves": at_most(bad["end"], 0, through),
        **table,
        **{f"walks_{name}": Figure(count, "walks") for name, count in sorted(tally.outcomes.items())},
        **_times("serving_again", tally.quick_s, "forked"),
        **_times("serving_again_whole", tally.whole_s, "python -m, real vision process"),
        **_cpu(tally.whole_cpu_s),
    }


def run(campaign: Campaign) -> Tally:
    """Everything started, killed and judged."""
    tally = Tally(campaign.kills)
    with tempfile.TemporaryDirectory() as kept, ExitStack() as undo:
        folder = Path(kept)
        shop = open_shop(folder)
        server = undo.enter_context(FileServer(folder / "served"))
        broker = Broker(folder)
        broker.start()
        undo.callback(broker.stop)
        publish = undo.enter_context(_publisher(broker.port))
        stations = [
            Station(folder, number, campaign.seed, shop, Roads(server.url, broker.url, publish), tally)
            for number in range(campaign.devices)
        ]
        with ThreadPoolExecutor(campaign.devices) as pool:
            for done in [pool.submit(station.live) for station in stations]:
                done.result()
    return tally


def _hits(campaign: Campaign, name: str, count: int) -> Figure:
    if name == "idle" or not campaign.least_a_phase:
        return Figure(count, "kills")
    return at_least(count, campaign.least_a_phase, "kills")


def _times(name: str, found_s: list[float], how: str) -> dict[str, Figure]:
    """Of restarts that were let live until their first frame."""
    if len(found_s) < 2:
        return {}
    cuts = quantiles(found_s, n=100, method="inclusive")
    return {
        f"{name}_p50": Figure(cuts[49], f"s to the first frame, of {len(found_s)} ({how})"),
        f"{name}_p99": Figure(cuts[98], "s"),
        f"{name}_at_worst": at_most(max(found_s), BACK_WITHIN_S, "s"),
    }


def _cpu(found_s: list[float]) -> dict[str, Figure]:
    """What a start costs whatever else the machine does: agent, vision process and worker together."""
    if not found_s:
        return {}
    return {"serving_again_whole_cpu": Figure(median(found_s), "s of processor time until then, median")}


@contextmanager
def _publisher(port: int) -> Iterator[Publish]:
    """Retained assignments, over one connection."""
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()

    def publish(device: str, payload: bytes) -> None:
        client.publish(topic(FLEET, device, "desired"), payload, qos=1, retain=True).wait_for_publish()

    yield publish
    client.disconnect()
    client.loop_stop()
