"""Power-cut proof: every state that may be left by a cut during one whole update, and every refusal of the disk.

A kill keeps the kernel's page cache, so it says nothing about power. Here each call the update makes of its disk is
written down, and `tests/edge/power_cut` works out what file systems may have kept of it (its `medium.py` says which
promises of fsync and rename are relied on). The device is then started on each such folder and judged. Three updates
are tried: one that is committed, one that is rolled back, and one that comes as a delta.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable

from scripts.benchmarks.figure import Figure, at_most
from tests.edge.file_server import FileServer
from tests.edge.power_cut.campaign import Campaign, Finding
from tests.edge.power_cut.device import UpdatedDevice
from tests.edge.power_cut.memory import folder_in_memory

log = logging.getLogger(__name__)

SEED = 25
_SHORT_CUTS, _SHORT_FAULTS, _SHORT_KILLS = 150, 8, 2
_KILLS = 40
_RECOVERIES = 60
"""Of so many states, drawn by chance, the recovery is cut again at every moment."""


def figures(short: bool) -> dict[str, Figure]:
    """Verbs, states and faults of both updates, and how many of them the device did not come out of: none."""
    # The agent has much to say about disks that refuse.
    logging.getLogger("edge").setLevel(logging.CRITICAL)
    return {
        **_update("committed", short, healthy=True, delta=False),
        **_update("rolled_back", short, healthy=False, delta=False),
        **_update("by_delta", short, healthy=True, delta=True),
    }


def _update(name: str, short: bool, *, healthy: bool, delta: bool) -> dict[str, Figure]:
    with folder_in_memory() as place:
        served = place / "served"
        served.mkdir()
        with FileServer(served) as server:
            campaign = Campaign(UpdatedDevice(server, healthy=healthy, delta=delta), place, seed=SEED)
            found = _cuts(campaign, short) | _kills(campaign, short) | _faults(campaign, short)
            found["folders"] = Figure(campaign.judged, "different ones, each started and updated again")
    return {f"{name}.{figure}": value for figure, value in found.items()}


def _cuts(campaign: Campaign, short: bool) -> dict[str, Figure]:
    chance = random.Random(SEED)
    every = list(campaign.power_cuts())
    tried = chance.sample(every, _SHORT_CUTS) if short else every
    failures = _said(finding for case in tried for finding in campaign.judge(case))
    first = chance.sample(every, _RECOVERIES // (10 if short else 1))
    second = [case for one in first for case in campaign.second_cuts(one)]
    again = _said(finding for case in second for finding in campaign.judge(case))
    return {
        "verbs": Figure(len(campaign.verbs), "calls of the disk in one whole update"),
        "states": Figure(len(tried), f"after a cut, of {len(every)}, seed {SEED}"),
        "states_failed": at_most(failures, 0, "findings"),
        "second_cuts": Figure(len(second), f"states, during {len(first)} recoveries drawn with seed {SEED}"),
        "second_cuts_failed": at_most(again, 0, "findings"),
    }


def _kills(campaign: Campaign, short: bool) -> dict[str, Figure]:
    every = range(len(campaign.verbs) + 1)
    tried = random.Random(SEED).sample(every, _SHORT_KILLS if short else _KILLS)
    count = failures = 0
    for killed in tried:
        cases = list(campaign.late_cuts(killed))
        count += len(cases)
        failures += _said(finding for case in cases for finding in campaign.judge(case))
    return {
        "late_cuts": Figure(count, f"states, in the life after {len(tried)} kills drawn with seed {SEED}"),
        "late_cuts_failed": at_most(failures, 0, "findings"),
    }


def _faults(campaign: Campaign, short: bool) -> dict[str, Figure]:
    every = campaign.faults()
    tried = random.Random(SEED).sample(every, _SHORT_FAULTS) if short else every
    failures = _said(finding for fault, works in tried for finding in campaign.hinder(fault, works))
    return {
        "faults": Figure(len(tried), f"ENOSPC, EIO, EROFS at each call, of {len(every)}, each with the cuts after it"),
        "faults_failed": at_most(failures, 0, "findings"),
    }


def _said(findings: Iterable[Finding]) -> int:
    """How many; each is logged."""
    count = 0
    for finding in findings:
        log.warning("%s: %s", finding.case, finding.problem)
        count += 1
    return count
