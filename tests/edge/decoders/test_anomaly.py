from __future__ import annotations

import msgspec
import numpy as np
import pytest

from contract.errors import BackendError, ModelError
from contract.manifest import Anomaly
from contract.result import Value
from edge.decoders.anomaly import AnomalyDecoder
from edge.postprocess import decode
from tests.edge.colours import manifest_of
from tests.edge.decoders.manifests import manifest_with


def value(decoding: Anomaly, outputs: dict[str, np.ndarray]) -> Value:
    (found,) = decode(outputs, manifest_with(decoding, outputs)).values or ()
    return found


@pytest.mark.parametrize(("threshold", "alarm"), [(None, None), (0.7, True), (0.75, False)])
def test_a_score_of_the_models_own_is_an_alarm_over_the_limit(threshold: float | None, alarm: bool | None) -> None:
    found = value(Anomaly(output="out", threshold=threshold), {"out": np.array([[0.75]], np.float32)})
    assert found == Value(name="anomaly", value=0.75, alarm=alarm)


@pytest.mark.parametrize(("measure", "error"), [("mean-squared-error", 0.3**2), ("mean-absolute-error", 0.3)])
def test_a_reconstruction_is_compared_in_real_values(measure: str, error: float) -> None:
    spec = manifest_of().inputs[0]
    assert spec.quantization is not None
    shown = np.full(spec.shape, round(0.5 / spec.quantization.scale), spec.dtype)
    drawn = (shown * np.float32(spec.quantization.scale)).astype(np.float32)
    drawn[0, ::2] += 0.3
    drawn[0, 1::2] -= 0.3
    outputs = {"out": drawn, spec.name: shown}
    found = value(Anomaly(output="out", measure=measure), outputs)  # type: ignore[arg-type]
    assert found.value == pytest.approx(error, abs=1e-6)


def test_a_reconstruction_of_another_size_is_refused() -> None:
    decoding = Anomaly(output="out", measure="mean-squared-error")
    kind = manifest_with(decoding, {"out": np.zeros((1, 7), np.float32)})
    with pytest.raises(ModelError, match=r"a reconstruction of shape \[1, 7\]"):
        AnomalyDecoder(msgspec.structs.replace(kind, inputs=manifest_of().inputs), decoding)


def test_a_score_that_is_no_number_is_an_error() -> None:
    with pytest.raises(BackendError, match="not finite"):
        value(Anomaly(output="out"), {"out": np.array([[np.nan]], np.float32)})
