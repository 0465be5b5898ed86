"""Keeps this device's certificate young while the agent runs: enrols where there is none, renews at two thirds.

When to ask is this file's matter; asking is done by a process of its own (`edge/certificate_step.py`), which takes the
3 MiB of X.509 with it when it ends. The old certificate goes on working until it ends, and each new connection to the
broker uses the newest (`edge/link.py`).

A clock may be wrong, so it alone decides nothing. One that is ahead asks too early: the server says how long to wait,
and that is counted without the clock. One that is behind never finds a certificate due: a link that stays down is
asked about all the same, because an ended certificate may be why. The server renews also some time after the end.
"""

from __future__ import annotations

import logging
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from contract.codec import from_json, to_json
from contract.device import DeviceConfig, Identity
from contract.errors import UpdateError
from edge.certificate_talk import Done, Task
from edge.clock import FleetClock
from edge.durable import Disk
from edge.member_files import MemberFiles

log = logging.getLogger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 3600.0
_REFUSED_PAUSE_S = 6 * 3600.0
"""A person has to do something first, and may do it on the server."""
_LOOK_S = 3600.0
"""How often an idle agent compares its certificate with the clock."""
_DOWN_S = 600.0
"""A link that is down for so long may be down because of the certificate."""
_STEP_S = 300.0


class Certificates:
    """One device's. `connected` says whether the broker lets us in; `step` asks the server."""

    def __init__(
        self,
        config: DeviceConfig,
        identity: Identity,
        *,
        clock: FleetClock,
        disk: Disk,
        connected: Callable[[], bool],
        step: Callable[[Task], Done] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._identity = config, identity
        self._files = MemberFiles(Path(config.state_dir), disk)
        self._clock, self._connected, self._monotonic = clock, connected, monotonic
        self._step = step or asked_in_a_process
        self._stopping = threading.Event()
        self._up_at, self._ask_at = monotonic(), 0.0
        self._pause_s, self._said = _FIRST_PAUSE_S, ""
        self._thread = threading.Thread(target=self._run, name="certificates", daemon=True)

    def start(self) -> None:
        """In the background."""
        self._thread.start()

    def stop(self) -> None:
        """A step under way is not waited for: it may be cut off anywhere."""
        self._stopping.set()

    def look(self) -> float:
        """Do what is due at this moment; seconds until looking again."""
        now = self._monotonic()
        if self._connected():
            self._up_at = now
        terms = self._files.terms()
        if terms is None and self._identity.claim is None:
            self._say("there is no certificate and no claim code: edgeferry enroll CODE")
            return _LOOK_S
        if now < self._ask_at:
            return min(self._ask_at - now, _LOOK_S)
        down = now - self._up_at >= _DOWN_S
        if terms is not None and not down:
            left_s = terms.due_s - self._clock.now()
            if left_s > 0:
                return min(left_s, _LOOK_S if self._connected() else _DOWN_S)
        self._ask(enrolling=terms is None)
        return max(self._ask_at - self._monotonic(), 0.0)

    def _ask(self, *, enrolling: bool) -> None:
        task = Task(
            state_dir=self._config.state_dir,
            fleet=self._config.fleet,
            device=self._config.device,
            server=self._identity.server,
            ca_file=self._identity.ca_file,
            claim=self._identity.claim if enrolling else None,
        )
        done = self._step(task)
        if not done.problem:
            self._pause_s, self._said, wait_s = _FIRST_PAUSE_S, "", done.wait_s
            log.info("certificate: %s", done.words)
        elif done.refused:
            wait_s = _REFUSED_PAUSE_S * random.uniform(0.8, 1.2)
            self._say(done.problem)
        else:
            wait_s = self._pause_s * random.uniform(0.5, 1.0)
            self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
            self._say(done.problem)
        self._ask_at = self._monotonic() + wait_s

    def _say(self, problem: str) -> None:
        """Once."""
        if problem != self._said:
            log.warning("certificate: %s", problem)
        self._said = problem

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stopping.wait(wait_s):
            wait_s = self.look()


def asked_in_a_process(task: Task) -> Done:
    """What comes of one step; a process that fails is a step to be tried again."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "edge.certificate_step"],
            input=to_json(task),
            stdout=subprocess.PIPE,
            timeout=_STEP_S,
            check=False,
            start_new_session=True,  # Ctrl-C in a terminal is the agent's matter
        )
        return from_json(done.stdout, Done, where="certificate step", error=UpdateError)
    except (OSError, subprocess.TimeoutExpired, UpdateError) as problem:
        return Done(problem=f"asking for it failed: {problem}")
