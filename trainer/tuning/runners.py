"""Where trials run: in processes of this machine, or spread over a Ray cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec

from contract.codec import to_json
from contract.errors import ConfigError, LinkError, MissingPartError
from trainer.tuning.trial import Outcome, TrialTask, run_trial

_ROOT = Path(__file__).parent.parent.parent
_TAIL = 300
"""Characters of what a dying trial wrote."""


class Runner(Protocol):
    """A place where trials run."""

    def submit(self, task: TrialTask) -> Future[Outcome]:
        """Start a trial, now or as soon as there is room."""

    def close(self) -> None:
        """End what still runs."""


class Processes:
    """At most `parallel` processes at a time."""

    def __init__(self, parallel: int) -> None:
        self._threads = ThreadPoolExecutor(parallel)
        self._running: set[subprocess.Popen[bytes]] = set()

    def submit(self, task: TrialTask) -> Future[Outcome]:
        """In a process of its own, whose memory goes with it."""
        return self._threads.submit(self._run, task)

    def close(self) -> None:
        """Kill what runs, and wait for it."""
        for process in tuple(self._running):
            process.kill()
        self._threads.shutdown(cancel_futures=True)

    def _run(self, task: TrialTask) -> Outcome:
        process = subprocess.Popen(
            [sys.executable, "-m", "trainer.tuning.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment(),
        )  # fmt: skip
        self._running.add(process)
        try:
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.write(to_json(task) + b"\n")
                process.stdin.flush()
            # Standard input stays open as long as the trial is wanted: communicate() would close it.
            out, complaints = _read(process)
        finally:
            self._running.discard(process)
        if process.returncode:
            said = complaints.decode(errors="replace").strip()[-_TAIL:].splitlines()
            cause = f"its process ended with {process.returncode}" + (f": {said[-1]}" if said else "")
            return Outcome(state="failed", cause=cause)
        return msgspec.json.decode(out.splitlines()[-1], type=Outcome)


class RayCluster:
    """Tasks of a Ray cluster, each in a worker process that ends with it."""

    def __init__(self, address: str | None, *, parallel: int, threads: int, storage: str) -> None:
        """`address` of a running cluster, or None for one of our own: loopback only, and shut down in `close`."""
        try:
            import ray
        except ModuleNotFoundError as missing:
            raise MissingPartError(
                f"{missing.name!r} is not installed", where="--on ray", fix="Run: pip install 'edgeferry[scale]'"
            ) from missing
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._ray: Any = ray
        place: dict[str, Any] = (
            {"address": address}
            if address
            else {"num_cpus": max(parallel * threads, 2), "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        )
        try:
            ray.init(
                log_to_driver=False,
                configure_logging=False,
                runtime_env={"env_vars": {"PYTHONPATH": _environment()["PYTHONPATH"]}},
                **place,
            )
        except (ConnectionError, ValueError, RuntimeError) as problem:
            raise LinkError(
                f"no Ray cluster answers: {str(problem).splitlines()[0]}",
                where=address or "this machine",
                fix="Start one: ray start --head, and give its address: --on ray:HOST:6379",
            ) from problem
        if storage.startswith("sqlite") and sum(bool(node["Alive"]) for node in self._ray.nodes()) > 1:
            self.close()
            raise ConfigError(
                "a SQLite file is not seen by the other machines of the cluster",
                where="--storage",
                fix="Give a database they all reach: --storage postgresql://USER@HOST/NAME",
            )
        self._task = ray.remote(num_cpus=threads, max_calls=1, max_retries=0)(run_trial)

    def submit(self, task: TrialTask) -> Future[Outcome]:
        """Where the cluster has so many cores free."""
        future: Future[Outcome] = self._task.remote(to_json(task)).future()
        return future

    def close(self) -> None:
        """Leave the cluster; one of our own ends with it."""
        self._ray.shutdown()


def _environment() -> dict[str, str]:
    """With this edgeferry first, from wherever it was started."""
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _read(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    with ThreadPoolExecutor(1) as other:
        complaints = other.submit(process.stderr.read)
        out = process.stdout.read()
        process.wait()
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        found = out, complaints.result()
    process.stdout.close()
    process.stderr.close()
    return found
