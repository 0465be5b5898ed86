"""The commands that talk to a running server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.broker import Broker, free_port
from tests.conftest import edgeferry
from tests.fleet.parcel import delta_bytes, write_bundle
from tests.fleet.server_process import ServerProcess, eventually
from tests.fleet.simulated import DIGEST, SimulatedDevice

Served = tuple[ServerProcess, Broker]


def ask(served: Served, *words: str | Path) -> Any:
    return json.loads(edgeferry("fleet", *words, "--server", served[0].url, "--json").stdout)


def test_a_release_goes_out_and_is_followed_from_the_command_line(served: Served, tmp_path: Path) -> None:
    device = SimulatedDevice(served[1].port, "cli-1", profile="cli-board")
    assert eventually(lambda: "cli-board" in str(served[0].get("/api/devices")))
    uploaded = ask(served, "release", write_bundle(tmp_path, "cli-board", version=70))
    assert [(b["release"], b["profile"], b["new"]) for b in uploaded["bundles"]] == [("digits@70", "cli-board", True)]
    limits = ("--min-confidence", "0.6", "--max-latency-ms", "50", "--health-frames", "20", "--min-agreement", "0.9")
    limits += ("--max-memory-mib", "300", "--max-latency-ratio", "1.5", "--budget-mib", "2", "--whole-if-delta-fails")
    begun = ask(served, "rollout", "create", "digits@70", "--to", "cli-1", *limits)
    assert begun["limits"]["max_latency_p95_ms"] == 50.0
    told = device.told()
    assert (told.limits.min_mean_confidence, told.limits.min_agreement) == (0.6, 0.9)
    assert (told.limits.max_memory_mib, told.limits.max_latency_ratio) == (300, 1.5)
    assert (told.whole_if_delta_fails, told.budget_bytes) == (True, 2 << 20)
    device.report(told, "rolled-back", "latency", "p95 81 ms is above 50 ms")
    assert eventually(lambda: served[0].client.rollout(begun["id"])["state"] == "halted")
    words = edgeferry("fleet", "rollout", "show", str(begun["id"]), "--server", served[0].url).stdout
    assert "halted (latency: cli-1 rolled-back: p95 81 ms is above 50 ms)" in words
    assert begun["id"] in [rollout["id"] for rollout in ask(served, "rollout", "list")["rollouts"]]
    table = edgeferry("fleet", "devices", "--server", served[0].url).stdout
    assert "cli-1" in table.splitlines()[1] + table
    device.stop()


def test_a_delta_goes_up_with_its_bundle_in_any_order(served: Served, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, "cli-delta", version=72)
    delta = tmp_path / "digits.delta"
    delta.write_bytes(delta_bytes(DIGEST, bundle.read_bytes()))
    uploaded = ask(served, "release", delta, bundle)
    assert [b["release"] for b in uploaded["bundles"]] == [d["release"] for d in uploaded["deltas"]] == ["digits@72"]
    assert uploaded["deltas"][0]["base"] == DIGEST


def test_a_rollout_is_stopped_from_the_command_line(served: Served, tmp_path: Path) -> None:
    device = SimulatedDevice(served[1].port, "cli-2", profile="cli-two")
    assert eventually(lambda: "cli-two" in str(served[0].get("/api/devices")))
    ask(served, "release", write_bundle(tmp_path, "cli-two", version=71))
    begun = ask(served, "rollout", "create", "digits@71", "--to", "cli-2")
    stopped = ask(served, "rollout", "abort", str(begun["id"]))
    assert (stopped["state"], stopped["cause"]) == ("halted", "aborted")
    device.stop()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("rollout", "create", "nothing@1"), 2, "no release nothing@1"),
        (("rollout", "create", "digits@70", "--phases", "some"), 2, ""),
        (("rollout", "show", "999999"), 2, "no rollout 999999"),
        (("release", "/nowhere/x.bundle"), 6, "cannot be read"),
        (("release", "pyproject.toml"), 6, "not a bundle"),
    ],
)
def test_a_refusal_is_one_sentence_and_an_exit_code(
    served: Served, words: tuple[str, ...], code: int, said: str
) -> None:
    done = edgeferry("fleet", *words, "--server", served[0].url, check=False)
    assert done.returncode == code
    assert said in done.stderr
    assert "fix:" in done.stderr
    assert done.stdout == ""


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    done = edgeferry("fleet", "devices", "--server", f"http://127.0.0.1:{free_port()}", check=False)
    assert done.returncode == 9
    assert "no fleet server: " in done.stderr
