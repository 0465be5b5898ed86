from __future__ import annotations

import numpy as np
import pytest

from contract.decoding import Estimate
from contract.errors import BackendError
from contract.manifest import Quantization, Regress
from contract.result import Value
from edge.postprocess import decode
from tests.edge.decoders.manifests import manifest_with


def values(outputs: dict[str, np.ndarray], *wanted: Estimate, **options: object) -> tuple[Value, ...]:
    manifest = manifest_with(Regress(values=wanted), outputs, **options)  # type: ignore[arg-type]
    found = decode(outputs, manifest).values
    assert isinstance(found, tuple)
    return found


def test_values_have_names_units_and_places_in_several_outputs() -> None:
    outputs = {"pose": np.array([[1.5, -2.5]], np.float32), "age": np.array([[[41]]], np.int16)}
    found = values(
        outputs,
        Estimate(name="pitch", output="pose", index=1, unit="deg"),
        Estimate(name="age", output="age", unit="years", high=40),
        quantization={"age": Quantization(scale=0.5, zero_point=1)},
    )
    assert found == (
        Value(name="pitch", value=-2.5, unit="deg"),
        Value(name="age", value=20.0, unit="years", alarm=False),
    )


@pytest.mark.parametrize(("value", "alarm"), [(0.9, True), (1.0, False), (2.0, False), (2.1, True)])
def test_beyond_a_limit_is_an_alarm(value: float, alarm: bool) -> None:
    (found,) = values({"out": np.array([[value]], np.float64)}, Estimate(name="level", output="out", low=1.0, high=2.0))
    assert found.alarm is alarm


def test_a_value_that_is_no_number_is_an_error() -> None:
    with pytest.raises(BackendError, match="not finite"):
        values({"out": np.array([[np.nan]], np.float32)}, Estimate(name="level", output="out"))
