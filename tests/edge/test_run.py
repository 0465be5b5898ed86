"""`edgeferry run` with everything that can stand around a model: cameras, teams, isolation, scenes, the page."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from contract.errors import ConfigError, MissingPartError
from scripts.benchmarks._video_bundle import VideoSet, video_set
from tests.broker import free_port
from tests.conftest import edgeferry
from tests.edge.colours import bundle_file

SCENE = """
[labels]
allow = ["bottle"]
min_score = 0.5

[[mask]]
polygon = [[0, 0], [0.2, 0], [0.2, 0.2], [0, 0.2]]

[[zone]]
name = "belt"
polygon = [[0.2, 0.1], [0.9, 0.1], [0.9, 1], [0.2, 1]]
dwell_s = 1

[[line]]
name = "gate"
from = [0.5, 0]
to = [0.5, 1]

[keep]
folder = "kept"
on = ["entered-zone"]
max_mib = 4
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return bundle_file(tmp_path)


@pytest.fixture(scope="module")
def bottles(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> VideoSet:  # noqa: ARG001 - skips without
    return video_set(tmp_path_factory.mktemp("bottles"))


def summary_of(*arguments: str | Path) -> dict[str, object]:
    done = edgeferry("run", *arguments, "--json")
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_several_cameras_share_one_bundle_and_each_is_accounted_for(bundle: Path) -> None:
    summary = summary_of(bundle, "--source", "synthetic:?frames=3", "--source", "synthetic:?frames=5&seed=1")
    sources = summary["sources"]
    assert isinstance(sources, dict)
    assert {name: ledger["inferred"] for name, ledger in sources.items()} == {"synthetic": 3, "synthetic 2": 5}


def test_each_camera_may_have_a_bundle_of_its_own(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = bundle_file(tmp_path / "other", name="other")
    done = edgeferry("run", bundle, other, "--source", "synthetic:?frames=2", "--source", "synthetic:?frames=2&seed=1")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted((line["source"], line["model"]) for line in lines) == [
        ("synthetic", "colours@1"),
        ("synthetic", "colours@1"),
        ("synthetic 2", "other@1"),
        ("synthetic 2", "other@1"),
    ]
    refused = edgeferry("run", bundle, other, "--source", "synthetic:", check=False)
    assert refused.returncode == ConfigError.exit_code
    assert "2 bundles and 1 sources do not go together" in refused.stderr


@pytest.mark.parametrize("how", [["--workers", "3"], ["--isolate"], ["--memory-limit", "2000"], ["--threads", "auto"]])
def test_however_the_model_runs_the_answers_are_the_same(
    how: list[str], bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plain, other = (
        [
            json.loads(line)["classes"]
            for line in edgeferry("run", bundle, "--source", source, *more).stdout.splitlines()
        ]
        for source, more in (("synthetic:?frames=20", []), ("synthetic:?frames=20", how))
    )
    assert other == plain
    assert (tmp_path / "edgeferry" / "threads.json").exists() == (how[0] == "--threads")


def test_a_device_that_is_no_device_or_does_not_fit_is_refused(bundle: Path) -> None:
    for word, sentence in (("gpu", "gpu"), ("tensorrt", "tensorrt")):
        refused = edgeferry("run", bundle, "--source", "synthetic:", "--device", word, check=False)
        assert refused.returncode == ConfigError.exit_code
        assert sentence in refused.stderr


def test_the_policy_latest_answers_a_file_as_if_it_were_a_camera(bundle: Path) -> None:
    summary = summary_of(
        bundle, "--source", "synthetic:?frames=2000&size=64x48", "--policy", "latest", "--max-fps", "50"
    )
    ledger = summary["ledger"]
    assert isinstance(ledger, dict)
    assert ledger["dropped"]["stale"] > 0
    assert ledger["captured"] == ledger["inferred"] + ledger["dropped"]["stale"]


def test_a_scene_gives_the_same_events_twice_and_keeps_masked_pictures(bottles: VideoSet, tmp_path: Path) -> None:
    (tmp_path / "scene.toml").write_text(SCENE)
    told = []
    for name in ("first", "second"):
        events = tmp_path / f"{name}.jsonl"
        summary = summary_of(
            *(bottles.bundles["int8"], "--source", bottles.video, "--scene", tmp_path / "scene.toml"),
            *("--events", events, "--max-frames", "240"),
        )
        told.append([json.loads(line)["event"] | {"snapshot": ""} for line in events.read_text().splitlines()])
    assert told[0] == told[1]
    assert {event["kind"] for event in told[0]} >= {"appeared", "entered-zone", "dwelled"}
    assert {event["label"] for event in told[0]} == {"bottle"}
    kept = summary["kept"]
    assert isinstance(kept, dict)
    assert kept["bottle-detection.mp4"]["pictures"] >= 1
    assert sum(file.stat().st_size for file in (tmp_path / "kept").rglob("*") if file.is_file()) <= 4 << 20


def test_a_tracker_that_is_not_installed_is_named_with_what_to_install(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "scene.toml").write_text(SCENE)
    (tmp_path / "edgefirst").mkdir()
    (tmp_path / "edgefirst" / "__init__.py").write_text("raise ModuleNotFoundError(name='edgefirst')")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "edgeferry",
            "run",
            bundle,
            "--source",
            "synthetic:",
            "--scene",
            tmp_path / "scene.toml",
        ],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == MissingPartError.exit_code
    assert "edgeferry[tracking]" in done.stderr


def test_the_page_is_served_while_it_runs_and_what_left_is_counted(bundle: Path) -> None:
    port = free_port()
    command = ["run", bundle, "--source", "synthetic:?fps=10", "--preview", str(port), "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "edgeferry", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stderr is not None
            assert f"Preview: http://127.0.0.1:{port}/\n" in iter(running.stderr.readline, "")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/stream", timeout=20) as stream:
                seen = b""
                while seen.count(b"\xff\xd8") < 3:
                    seen += stream.read(4096)
            running.send_signal(signal.SIGINT)
            out, _ = running.communicate(timeout=20)
        finally:
            running.kill()
    assert running.returncode == 0
    assert json.loads(out)["left"]["pictures"] >= 2


def test_bench_draws_its_distribution(bundle: Path, tmp_path: Path) -> None:
    plot = tmp_path / "latency.svg"
    report = json.loads(edgeferry("bench", bundle, "--frames", "30", "--plot", plot, "--json").stdout)
    assert report["frames"] == 30
    assert "<svg" in plot.read_text()
    refused = edgeferry("bench", bundle, "--plot", tmp_path / "latency.pdf", check=False)
    assert refused.returncode == ConfigError.exit_code
    assert "svg" in refused.stderr
