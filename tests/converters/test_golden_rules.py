from __future__ import annotations

import numpy as np
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from contract.errors import GateError
from contract.manifest import (
    Classify,
    Decoding,
    DetectBoxes,
    DetectCorners,
    GoldenDecoded,
    Manifest,
    Preprocessing,
    Quantization,
    Segment,
    TensorSpec,
)
from converters.golden_rules import golden_rules
from converters.known_answers import LIMIT

UNKNOWN = np.full(40, -1, np.int64)


def draft(decoding: Decoding, *outputs: TensorSpec) -> Manifest:
    return Manifest(
        name="m",
        version=1,
        task="detect",
        profile="rpi4",
        format="tflite",
        model="model.tflite",
        inputs=(TensorSpec(name="image", shape=(1, 4, 4, 3), dtype="uint8"),),
        preprocessing=Preprocessing(size_wh=(4, 4)),
        outputs=outputs,
        decoding=decoding,
    )


def floats(name: str, *shape: int) -> TensorSpec:
    return TensorSpec(name=name, shape=(1, *shape), dtype="float32")


SCORES = replace(floats("scores", 3), dtype="int8", quantization=Quantization(scale=1 / 256, zero_point=-128))


def test_a_classifier_shows_firm_answers_and_each_class_it_names_as_often() -> None:
    scores = np.full((40, 3), -128, np.int8)
    scores[np.arange(40), np.arange(40) % 3] = 100
    scores[5] = (3, 0, 0)
    golden, chosen = golden_rules(
        draft(Classify(scores="scores"), SCORES), {"scores": scores}, UNKNOWN, reduced=True, where="m"
    )
    assert golden.frames == len(chosen) == LIMIT
    assert 5 not in chosen
    assert np.bincount(chosen % 3).tolist() in ([6, 5, 5], [5, 6, 5], [5, 5, 6])
    assert golden.tolerance == pytest.approx(8 / 256)
    assert (golden.tolerances, golden.decoded) == (UNSET, UNSET)


def test_a_classifier_that_is_sure_of_nothing_is_refused() -> None:
    same = {"scores": np.zeros((40, 3), np.int8)}
    with pytest.raises(GateError, match="no picture gets an answer sure enough"):
        golden_rules(draft(Classify(scores="scores"), SCORES), same, UNKNOWN, reduced=True, where="m")


def test_float_kernels_are_held_closer_than_reduced_ones() -> None:
    scores = np.zeros((40, 3), np.float32)
    scores[:, 1] = 1.0
    manifest = draft(Classify(scores="scores"), floats("scores", 3))
    near, _ = golden_rules(manifest, {"scores": scores}, UNKNOWN, reduced=False, where="m")
    far, _ = golden_rules(manifest, {"scores": scores}, UNKNOWN, reduced=True, where="m")
    assert (near.tolerance, far.tolerance) == (pytest.approx(1 / 256), pytest.approx(8 / 256))


def test_pixels_and_scores_have_tolerances_of_their_own() -> None:
    raw = {
        "boxes": np.linspace(0, 256, 40 * 8, dtype=np.float32).reshape(40, 2, 4),
        "scores": np.eye(40, 2 * 3, dtype=np.float32).reshape(40, 2, 3),
    }
    manifest = draft(
        DetectCorners(boxes="boxes", scores="scores", unit="pixels"), floats("boxes", 2, 4), floats("scores", 2, 3)
    )
    golden, chosen = golden_rules(manifest, raw, UNKNOWN, reduced=True, where="m")
    assert golden.tolerances == {"boxes": pytest.approx(8.0), "scores": pytest.approx(8 / 256)}
    assert golden.decoded is UNSET
    assert (chosen[0], chosen[-1], len(chosen)) == (0, 39, LIMIT)


@pytest.mark.parametrize(
    ("decoding", "outputs"),
    [
        (
            DetectBoxes(boxes="boxes", classes="classes", scores="scores"),
            (floats("boxes", 2, 4), floats("classes", 2), floats("scores", 2)),
        ),
        (Segment(map="map"), (floats("map", 4, 4),)),
    ],
)
def test_rows_in_the_order_of_scores_and_class_numbers_are_judged_decoded(
    decoding: Decoding, outputs: tuple[TensorSpec, ...]
) -> None:
    raw = {spec.name: np.zeros((40, *spec.shape[1:]), np.float32) for spec in outputs}
    golden, _ = golden_rules(draft(decoding, *outputs), raw, UNKNOWN, reduced=True, where="m")
    assert golden.decoded == GoldenDecoded(score=8 / 256)


def test_a_map_of_scores_is_compared_as_it_is() -> None:
    raw = {"map": np.ones((40, 4, 4, 3), np.float32)}
    golden, _ = golden_rules(
        draft(Segment(map="map", form="scores"), floats("map", 4, 4, 3)), raw, UNKNOWN, reduced=True, where="m"
    )
    assert golden.decoded is UNSET
