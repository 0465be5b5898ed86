"""A simulation as a whole: devices spread over processes, sockets enough for them, counts gathered, one outcome."""

from __future__ import annotations

import logging
import multiprocessing
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import IO

from msgspec.structs import replace

from contract.codec import to_json
from contract.errors import ConfigError, LinkError
from fleet.simulator.crowd import Part, run
from fleet.simulator.tally import Outcome, Sent, Tally, total

LOG = logging.getLogger(__name__)
_SPARE_FILES = 200
_SAY_EVERY_S = 5.0


@dataclass
class _Crew:
    """One process, and the last it has said."""

    process: SpawnProcess
    pipe: Pipe
    tally: Tally | None = None
    sent: list[Sent] = field(default_factory=list)


def simulate(part: Part, *, processes: int, for_s: float | None, ledger: IO[bytes] | None) -> Outcome:
    """Play `part` in so many processes, for so long or until SIGTERM or SIGINT.

    `ledger` gets one line of JSON for each device and boot: how many messages the store must hold of it.
    """
    _raise_file_limit(len(part.names) // processes + _SPARE_FILES)
    began_s = time.monotonic()
    with _stopping() as stopped:
        crews = [_started(part, number, processes) for number in range(processes)]
        try:
            _watch(crews, began_s, for_s, stopped)
            ended_s = time.monotonic()
            _gather(crews, part.flush_s)
        finally:
            for crew in crews:
                crew.process.terminate()
    if ledger is not None:
        ledger.writelines(to_json(sent) + b"\n" for crew in crews for sent in crew.sent)
    tally = total(crew.tally for crew in crews if crew.tally)
    lasted_s = ended_s - began_s
    return Outcome(
        processes=processes,
        lasted_s=round(lasted_s, 2),
        acknowledged_per_s=round(tally.acknowledged / max(lasted_s, 1e-9), 1),
        tally=tally,
    )


def _started(part: Part, number: int, processes: int) -> _Crew:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_play, args=(replace(part, first=number, step=processes), theirs), daemon=True
    )
    process.start()
    theirs.close()
    return _Crew(process, ours)


def _play(part: Part, pipe: Pipe) -> None:
    """In the child: signals are the parent's matter, which says through the pipe when it is over."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)

    def told(tally: Tally) -> bool:
        pipe.send(tally)
        return pipe.poll() and bool(pipe.recv())

    try:
        pipe.send(run(part, told))
    except (BrokenPipeError, EOFError):
        return


def _watch(crews: list[_Crew], began_s: float, for_s: float | None, stopped: list[bool]) -> None:
    """Listen to the processes until it is time."""
    say_at_s = began_s + _SAY_EVERY_S
    while not stopped and (for_s is None or time.monotonic() - began_s < for_s):
        for crew in crews:
            _hear(crew)
        if time.monotonic() >= say_at_s and all(crew.tally for crew in crews):
            say_at_s += _SAY_EVERY_S
            LOG.info("%s", _words(total(crew.tally for crew in crews if crew.tally)))
        time.sleep(0.1)


def _hear(crew: _Crew) -> None:
    """All that a process has said; LinkError where it died."""
    try:
        while crew.pipe.poll():
            said = crew.pipe.recv()
            if isinstance(said, Tally):
                crew.tally = said
            else:
                crew.tally, crew.sent = said
                return
    except (EOFError, ConnectionResetError) as ended:
        raise LinkError(
            "a process of the simulation ended by itself", where="simulate", fix="Its words are on standard error."
        ) from ended


def _gather(crews: list[_Crew], flush_s: float) -> None:
    for crew in crews:
        crew.pipe.send("end")
    until_s = time.monotonic() + flush_s + 30.0
    while not all(crew.sent for crew in crews) and time.monotonic() < until_s:
        for crew in crews:
            if not crew.sent:
                _hear(crew)
        time.sleep(0.05)
    for crew in crews:
        crew.process.join(5.0)


def _words(tally: Tally) -> str:
    steps = "".join(f"; {count} {state}" for state, count in sorted(tally.states.items()))
    return (
        f"{tally.connected} of {tally.devices} connected; {tally.readings} readings; {tally.acknowledged} of"
        f" {tally.put} messages acknowledged, {tally.waiting} waiting, {tally.lost} lost{steps}"
    )


def _raise_file_limit(wanted: int) -> None:
    """Each connection is a file; the soft limit is often 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise ConfigError(
            f"a process may open {hard} files here, and its share of the devices needs {wanted}",
            where="ulimit -n",
            fix="Raise the limit (ulimit -Hn, or LimitNOFILE=), or use more --processes.",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def _stopping() -> Iterator[list[bool]]:
    """A list that is no longer empty once SIGTERM or SIGINT has come."""
    stopped: list[bool] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.append(True)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
