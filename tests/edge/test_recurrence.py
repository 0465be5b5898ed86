from __future__ import annotations

import msgspec
import numpy as np
import pytest

from contract.decoding import Estimate
from contract.manifest import Manifest, Preprocessing, Quantization, Regress, State, TensorSpec
from edge.backends import open_backend
from edge.model import LoadedModel
from edge.recurrence import Recurrence
from tests.data.make_models import HEIGHT, RECURRENT, WIDTH
from tests.edge.colours import manifest_of, plain

SIZE_WH = (WIDTH, HEIGHT)


def recurrent() -> LoadedModel:
    """Its value is how much red it has seen since its last reset: 1 a red frame."""
    backend = open_backend("onnx", RECURRENT)
    manifest = Manifest(
        name="recurrent",
        version=1,
        task="regress",
        profile="generic-x86_64",
        format="onnx",
        model="model.onnx",
        inputs=backend.inputs,
        outputs=backend.outputs,
        preprocessing=Preprocessing(size_wh=SIZE_WH, layout="nchw"),
        decoding=Regress(values=(Estimate(name="red", output="sums"),)),
        states=(State(input="before", output="after"),),
    )
    return LoadedModel(manifest, "", backend)


def red_seen(model: LoadedModel, colour: str) -> float:
    (value,) = model.answer(plain(colour, SIZE_WH)).decoded.values or ()
    return value.value


def test_each_frame_adds_to_what_was_seen_before_until_the_reset() -> None:
    model = recurrent()
    assert [red_seen(model, colour) for colour in ("red", "red", "blue", "red")] == pytest.approx([1, 2, 2, 3], abs=0.1)
    model.reset()
    assert red_seen(model, "red") == pytest.approx(1, abs=0.1)


def test_golden_frames_are_each_a_sources_first() -> None:
    model = recurrent()
    fitted = plain("red", SIZE_WH)[:, :, ::-1].copy()
    assert [model.outputs_for(fitted)["sums"][0, 0] for _ in range(3)] == pytest.approx([1, 1, 1], abs=0.1)
    assert red_seen(model, "red") == pytest.approx(1, abs=0.1)


def test_a_state_that_is_no_number_is_forgotten() -> None:
    recurrence = Recurrence(recurrent().manifest)
    recurrence.keep({"after": np.ones((1, 3), np.float32)})
    assert recurrence.inputs["before"].tolist() == [[1, 1, 1]]
    recurrence.keep({"after": np.array([[1, np.nan, 1]], np.float32)})
    assert recurrence.inputs["before"].tolist() == [[0, 0, 0]]


def test_a_quantised_state_begins_at_real_zero() -> None:
    state = TensorSpec(name="in", shape=(1, 4), dtype="int8", quantization=Quantization(scale=0.1, zero_point=-5))
    manifest = manifest_of()
    manifest = msgspec.structs.replace(
        manifest,
        inputs=(*manifest.inputs, state),
        outputs=(*manifest.outputs, msgspec.structs.replace(state, name="out")),
        states=(State(input="in", output="out"),),
    )
    assert Recurrence(manifest).inputs["in"].tolist() == [[-5, -5, -5, -5]]
