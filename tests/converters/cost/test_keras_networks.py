"""What is foretold of a network before training, against what is foretold of its converted file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from converters.cost.predict import predict
from converters.cost.tflite_work import works_of
from converters.tflite_graph import read_graph
from devices.cost.predict import Counted, cost_of
from devices.cost.work import total
from devices.profiles import load_profile
from tests.conftest import ROOT

NAMES = ("residual", "residual-deep", "mobile", "mobilenet_v1", "mobilenet_v2")


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    command = [sys.executable, "-m", "tests.converters.cost.keras_networks", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_network_costs_what_its_file_costs(converted: Path, name: str) -> None:
    model = (converted / f"{name}.tflite").read_bytes()
    counted = msgspec.json.decode((converted / f"{name}.json").read_bytes(), type=Counted)
    rpi4 = load_profile("rpi4")
    before, after = cost_of(counted, "tflite", rpi4), predict(model, "tflite", rpi4)
    # Measured: equal. A random network's biases are zero and left out of the file, which a trained one's are not.
    assert before.latency_ms == pytest.approx(after.latency_ms, rel=0.01)
    assert before.memory_mib == pytest.approx(after.memory_mib, abs=0.2)
    assert counted.model_bytes == pytest.approx(len(model), rel=0.03)
    assert counted.parameters_bytes == pytest.approx(after.parameters_bytes, rel=0.01)
    assert counted.arena_bytes == pytest.approx(after.arena_bytes, rel=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_operators_are_those_of_the_file(converted: Path, name: str) -> None:
    graph = read_graph((converted / f"{name}.tflite").read_bytes(), where=name)
    counted = msgspec.json.decode((converted / f"{name}.json").read_bytes(), type=Counted)
    found, expected = total(counted.works), total(works_of(graph))
    assert msgspec.structs.replace(found, parameters=0) == msgspec.structs.replace(expected, parameters=0)
    assert found.parameters == pytest.approx(expected.parameters, rel=0.01)
