"""How long tensors of a `.tflite` live, seen in the room they need."""

from __future__ import annotations

from pathlib import Path

from converters.cost.tflite_work import tflite_lives
from converters.tflite_graph import read_graph
from devices.cost.memory import arena_bytes
from tests.converters.tflite_models import TfliteModel


def test_a_chain_needs_two_of_its_tensors_at_a_time() -> None:
    model = TfliteModel()
    picture = model.tensor(1, 16, 16, 16)
    last = model.unary("RELU", model.unary("RELU", model.unary("RELU", picture)))
    assert arena_bytes(tflite_lives(read_graph(model.finish([picture], [last]), where="chain"))) == 2 * 16**3


def test_it_never_needs_less_than_the_worst_step(shared_data: Path) -> None:
    path = shared_data / "models/tflite/mobilenet_v2_1.0_224_quant.tflite"
    graph = read_graph(path.read_bytes(), where=path.name)
    worst = max(sum(t.size_bytes for t in (*o.computed, *o.outputs)) for o in graph.operators)
    assert worst <= arena_bytes(tflite_lives(graph)) <= 1.1 * worst
