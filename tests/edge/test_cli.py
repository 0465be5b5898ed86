from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract.errors import BundleError, ConfigError, LinkError, SignatureError, SourceError
from contract.messages import Event, FrameLedger, Telemetry
from devices.keys import load_signer, make_key
from tests.broker import Broker, free_port
from tests.conftest import edgeferry
from tests.edge.collector import Collector
from tests.edge.colours import MODELS, bundle_file


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return bundle_file(tmp_path)


def test_results_are_json_lines_for_a_program_and_the_summary_goes_to_standard_error(bundle: Path) -> None:
    done = edgeferry("run", bundle, "--source", "synthetic:?frames=4")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["frame"] for line in lines] == [0, 1, 2, 3]
    said_always = {"source", "frame", "captured_at", "model", "digest", "size_wh", "age_ms", "latency_ms"}
    assert set(lines[0]) == said_always | {"classes"}
    assert "4 frames captured, 4 answered" in done.stderr
    assert "development key" in done.stderr


def test_json_prints_the_summary_and_nothing_else(bundle: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    done = edgeferry(
        "run", bundle, "--source", "synthetic:?frames=9", "--max-frames", "5", "--json", "--results", results
    )
    summary = json.loads(done.stdout)
    assert summary["ledger"] == {"captured": 5, "inferred": 5, "gated": 0, "damaged": 0, "dropped": {}}
    assert set(summary["latency_ms"]) == {"preprocess", "invoke", "postprocess", "total", "age"}
    assert summary["left"] == summary["kept"] == {}
    assert len(results.read_text().splitlines()) == 5


def test_a_folder_with_a_damaged_picture_is_answered_around_it(bundle: Path, shared_data: Path) -> None:
    done = edgeferry("run", bundle, "--source", shared_data / "corrupt" / "images")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    by_name = {line["source"]: line for line in lines}
    assert by_name["truncated_jpeg.jpg"]["error"]["cause"] == "damaged-frame"
    assert by_name["hopper_bad_exif.jpg"]["classes"]
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2


def failed(error: type[Exception], *arguments: str | Path) -> str:
    done = edgeferry(*arguments, check=False)
    assert done.returncode == error.exit_code, done.stderr  # type: ignore[attr-defined]
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_run_without_one_answer_fails_as_a_source(bundle: Path, shared_data: Path) -> None:
    picture = shared_data / "corrupt" / "images" / "broken.png"
    assert "not one of 1 frames" in failed(SourceError, "run", bundle, "--source", picture, "--json")


def test_bad_input_is_one_sentence_and_an_exit_code(bundle: Path, tmp_path: Path) -> None:
    assert "no such picture" in failed(SourceError, "run", bundle, "--source", tmp_path / "absent", "--json")
    assert "cannot be read" in failed(BundleError, "run", tmp_path / "absent.bundle", "--source", "synthetic:")
    damaged = tmp_path / "damaged.bundle"
    damaged.write_bytes(bundle.read_bytes()[:-1])
    assert "cut short" in failed(BundleError, "run", damaged, "--source", "synthetic:")
    assert "cannot both" in failed(ConfigError, "run", bundle, "--source", "synthetic:", "--json", "--results", "-")
    assert "no option" in failed(ConfigError, "run", bundle, "--source", "synthetic:?colour=red")


def test_only_a_named_key_counts_once_one_is_named(tmp_path: Path) -> None:
    make_key(tmp_path / "ours")
    bundle = bundle_file(tmp_path, signer=load_signer(tmp_path / "ours"))
    assert "nobody here trusts" in failed(SignatureError, "run", bundle, "--source", "synthetic:")
    done = edgeferry("run", bundle, "--source", "synthetic:?frames=1", "--trust", tmp_path / "ours.pub")
    assert "development key" not in done.stderr


def test_a_broker_that_is_not_there_ends_the_run_before_the_first_frame(bundle: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    url = f"mqtt://127.0.0.1:{free_port()}"
    failed(LinkError, "run", bundle, "--source", "synthetic:?frames=1", "--mqtt", url, "--results", results)
    assert not results.exists()


@pytest.mark.parametrize("collected", [True, False], ids=["by a collector", "by nobody"])
def test_a_run_reports_its_results_and_telemetry_to_a_broker(bundle: Path, broker: Broker, collected: bool) -> None:
    reporting = ("--mqtt", broker.url, "--fleet", "home", "--device-id", "cam-1")
    with Collector(broker.port, "home", acknowledges=collected) as collector:
        edgeferry("run", bundle, "--source", "synthetic:?frames=5", *reporting)
        collector.wait_until(lambda: any(not presence.online for presence in collector.presence))
    assert collector.births[0].model == "colours@1"
    messages = {message.sequence: message for _, batch in collector.batches for message in batch.messages()}
    events = [message for _, message in sorted(messages.items()) if isinstance(message, Event)]
    assert [event.result.frame for event in events] == [0, 1, 2, 3, 4]
    (window,) = [message for message in messages.values() if isinstance(message, Telemetry)]
    assert window.ledger == FrameLedger(captured=5, inferred=5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_endless_run_in_order(number: signal.Signals, bundle: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "edgeferry",
        "run",
        str(bundle),
        "--source",
        "synthetic:?size=64x48&fps=50",
        "--json",
    ]
    with subprocess.Popen(
        [*command, "--results", os.devnull], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        time.sleep(2.0)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    ledger = json.loads(out)["ledger"]
    assert ledger["captured"] == ledger["inferred"] + ledger["damaged"] + sum(ledger["dropped"].values()) > 0


def test_a_reader_that_leaves_early_is_a_normal_end(bundle: Path) -> None:
    command = [sys.executable, "-m", "edgeferry", "run", str(bundle), "--source", "synthetic:?size=64x48"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(20) == 0
    assert b"Traceback" not in err
    assert b"Exception" not in err


def test_bench_times_a_bundle_and_a_bare_model(bundle: Path) -> None:
    report = json.loads(edgeferry("bench", bundle, "--frames", "20", "--json").stdout)
    assert report["model"] == "colours@1"
    assert report["tick"]["p50"] > report["bare"]["p50"] > 0
    assert report["cold_start_ms"] > 0
    report = json.loads(edgeferry("bench", MODELS / "colours_nchw.onnx", "--frames", "20", "--json").stdout)
    assert report["model"] == "colours_nchw.onnx"
    assert "cold_start_ms" not in report


def test_every_option_has_help() -> None:
    for command in ("run", "bench", "agent"):
        words = edgeferry(command, "--help").stdout
        assert "Usage: " in words
        assert "--help" in words


def test_importing_the_room_is_cheap() -> None:
    code = "import sys, edge; sys.exit(any(name in sys.modules for name in ('numpy', 'cv2', 'paho', 'msgspec')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
