"""What an update's download wastes when lines break, agents restart and power goes; and what its care costs.

A server in a process of its own counts what it sends; whatever it sent beyond the file's size was wasted. Agents are
processes that are killed while the line is silent, so that nothing is under way at that moment: what a busy line
carries when its client vanishes is lost to any client, and comes on top.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from contract.digest import PREFIX, digest_of
from edge.deadline import Deadline
from edge.download import Wanted, fetch
from edge.durable import Disk
from edge.part_file import SYNC_BYTES, PartFile
from scripts.benchmarks.figure import Figure, at_most
from tests.edge.spoilt_part import cut_power, journal_in

WASTED_GOAL = 0.01
MEMORY_GOAL_MIB = 3.0
_LOSS_GOAL_MIB = (SYNC_BYTES + 64 * 1024) / (1 << 20)
_SIZE = 5_000_000
_MIB = 1 << 20
_SEED = 20260301
_NO_PAUSES_S = (0.0,) * 6


def figures(short: bool) -> dict[str, Figure]:
    """Wasted bytes of three kinds of mishap; time over a bare urllib loop; memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "artifact"
        file.write_bytes(random.Random(_SEED).randbytes(_SIZE))
        mishaps = 20 if short else 100
        return (
            _cuts(file, mishaps)
            | _restarts(file, mishaps)
            | _power_cuts(file, 5 if short else 20)
            | _pace(folder, size=(32 if short else 128) * _MIB, rounds=3 if short else 7)
            | _memory(folder, size=200_000_000)
        )


def _cuts(file: Path, count: int) -> dict[str, Figure]:
    part, spent = file.with_name("cuts.part"), [0]

    def spend(received: int) -> None:
        spent[0] += received

    with _server(file, _places(count), "cut") as url:
        fetch(_wanted(file, url), part, deadline=_deadline(), disk=Disk(), spend=spend, pauses_s=_NO_PAUSES_S)
        sent = _sent(url)
    return {
        "cuts.wasted_share": at_most((sent - _SIZE) / _SIZE, WASTED_GOAL, f"of the file, {count} cuts"),
        "cuts.heads_share": Figure((spent[0] - sent) / _SIZE, "of the file, heads and handshakes as we count them"),
    }


def _restarts(file: Path, count: int) -> dict[str, Figure]:
    part = file.with_name("restarts.part")
    with _server(file, _places(count), "stall") as url:
        for place in _places(count):
            _killed_at(place, _wanted(file, url), part)
        fetch(_wanted(file, url), part, deadline=_deadline(), disk=Disk())
        sent = _sent(url)
    return {"restarts.wasted_share": at_most((sent - _SIZE) / _SIZE, WASTED_GOAL, f"of the file, {count} kills")}


def _power_cuts(file: Path, count: int) -> dict[str, Figure]:
    """The tail that was not synced is rubbish after each; what is lost follows from how often it is synced."""
    part, lost = file.with_name("power.part"), []
    with _server(file, _places(count), "slow") as url:
        for place in _places(count):
            _killed_at(place, _wanted(file, url), part)
            lost.append(place - journal_in(part).size_bytes)
            cut_power(part, tail=bytes(lost[-1]))
        fetch(_wanted(file, url), part, deadline=_deadline(), disk=Disk())
        sent = _sent(url)
    unexplained = sent - _SIZE - sum(lost)
    return {
        "power.lost_at_most": at_most(max(lost) / _MIB, _LOSS_GOAL_MIB, f"MiB a power cut, of {count}, line of 1 MB/s"),
        "power.lost": Figure(median(lost) / _MIB, "MiB a power cut, median"),
        "power.wasted_beyond_it": at_most(unexplained / _SIZE, WASTED_GOAL, "of the file"),
    }


def _killed_at(place: int, wanted: Wanted, part: Path) -> None:
    """An agent that dies as soon as it has stored everything before `place`."""
    agent = multiprocessing.get_context("fork").Process(target=_agent, args=(wanted, part))
    agent.start()
    until_s = time.monotonic() + 60.0
    while not part.exists() or part.stat().st_size < place:
        if time.monotonic() > until_s:
            raise TimeoutError(f"nothing stored at {place}")
        sleep(0.0005)
    agent.kill()
    agent.join()


def _agent(wanted: Wanted, part: Path) -> None:
    fetch(wanted, part, deadline=_deadline(), disk=Disk())


def _pace(folder: Path, *, size: int, rounds: int) -> dict[str, Figure]:
    """In turn with a bare loop, and with one that also looks at what it has got; and our work without a network."""
    file = folder / "large"
    file.write_bytes(random.Random(_SEED).randbytes(_MIB) * (size // _MIB))
    wanted = _wanted(file, "")
    with _server(file, [], "cut") as url:
        wanted = wanted._replace(url=url)
        rows = [
            (_ours_s(wanted, folder), _bare_s(url, folder, check=False), _bare_s(url, folder, check=True))
            for _ in range(rounds)
        ]
    stored = [_stored_s(file, wanted, folder) for _ in range(rounds)]
    return {
        "pace.over_bare_urllib": Figure(median(a / b for a, b, _ in rows), f"x, median of {rounds}"),
        "pace.over_checked_urllib": Figure(median(a / c for a, _, c in rows), "x, hashed and synced once"),
        "pace.rate": Figure(size / _MIB / median(a for a, _, _ in rows), "MiB/s over loopback"),
        "pace.verify_and_write": Figure(median(stored) * 1e3 / (size / _MIB), "ms a MiB: hash, append, sync, journal"),
    }


def _ours_s(wanted: Wanted, folder: Path) -> float:
    part = folder / "ours.part"
    began_s = perf_counter()
    fetch(wanted, part, deadline=_deadline(), disk=Disk())
    took_s = perf_counter() - began_s
    part.unlink()
    return took_s


def _bare_s(url: str, folder: Path, *, check: bool) -> float:
    target, running = folder / "bare", hashlib.sha256()
    began_s = perf_counter()
    with urllib.request.urlopen(url) as answer, target.open("wb", buffering=0) as out:  # nosec B310  # our own server
        while chunk := answer.read(64 * 1024):
            out.write(chunk)
            if check:
                running.update(chunk)
        if check:
            os.fsync(out.fileno())
    took_s = perf_counter() - began_s
    target.unlink()
    return took_s


def _stored_s(file: Path, wanted: Wanted, folder: Path) -> float:
    path = folder / "stored.part"
    began_s = perf_counter()
    part = PartFile(path, wanted.digest, wanted.size_bytes, Disk())
    with file.open("rb") as content:
        while chunk := content.read(64 * 1024):
            part.add(chunk)
    part.finish()
    took_s = perf_counter() - began_s
    path.unlink()
    return took_s


def _memory(folder: Path, *, size: int) -> dict[str, Figure]:
    file = folder / "huge"
    block = random.Random(_SEED).randbytes(1_000_000)
    running = hashlib.sha256()
    with file.open("wb") as out:
        for _ in range(size // len(block)):
            out.write(block)
            running.update(block)
    with _server(file, [], "cut") as url:
        command = [sys.executable, "-m", "scripts.benchmarks._fetch_memory"]
        arguments = [url, PREFIX + running.hexdigest(), str(size), str(folder)]
        grown = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True).stdout
    return {"memory.growth": at_most(int(grown) / _MIB, MEMORY_GOAL_MIB, f"MiB more at most for {size // 10**6} MB")}


def _places(count: int) -> list[int]:
    return sorted(random.Random(_SEED).sample(range(1, _SIZE), count))


def _wanted(file: Path, url: str) -> Wanted:
    data = file.read_bytes()
    return Wanted(url, digest_of(data), len(data))


def _deadline() -> Deadline:
    return Deadline(time.time() + 600.0, threading.Event())


@contextmanager
def _server(file: Path, places: list[int], ending: str) -> Iterator[str]:
    """Its address; killed at the end."""
    arguments = [str(file), ",".join(map(str, places)), ending]
    command = [sys.executable, "-m", "scripts.benchmarks._cutting_server", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/artifact"
        finally:
            server.kill()


def _sent(url: str) -> int:
    with urllib.request.urlopen(url.replace("/artifact", "/sent")) as answer:  # nosec B310  # our own server
        return int(answer.read())
