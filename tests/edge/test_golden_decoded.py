from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from contract.errors import GoldenError
from contract.manifest import DetectBoxes, Golden, GoldenDecoded, Manifest, Preprocessing, TensorSpec
from contract.result import Detection
from contract.result import Segment as Part
from edge.decoders import Decoded
from edge.golden import check_golden, pack_golden
from edge.golden_decoded import first_difference
from edge.model import LoadedModel
from edge.quantisation import Tensor
from tests.edge.colours import DIGEST

RULES = GoldenDecoded(score=0.05, min_iou=0.7)
THRESHOLD = 0.4


def boxes(*found: tuple[str, float, float]) -> Decoded:
    """Boxes of label, score and left edge: 10 wide, so a shift of 1 leaves an IoU of 9/11 and one of 3 leaves 7/13."""
    return Decoded(
        detections=tuple(
            Detection(index=len(label), label=label, score=score, box_xyxy_px=(left, 0.0, left + 10.0, 10.0))
            for label, score, left in found
        )
    )


def shares(**of: float) -> Decoded:
    return Decoded(segments=tuple(Part(index=0, label=label, share=share) for label, share in of.items()))


@pytest.mark.parametrize(
    ("found", "known"),
    [
        (boxes(("cat", 0.9, 0), ("mouse", 0.88, 50)), boxes(("mouse", 0.9, 50), ("cat", 0.88, 0))),
        (boxes(("cat", 0.9, 1)), boxes(("cat", 0.86, 0))),
        (boxes(), boxes(("cat", 0.44, 0))),
        (boxes(("cat", 0.44, 0)), boxes()),
        (shares(road=0.62, sky=0.38), shares(sky=0.4, road=0.6)),
        (shares(road=1.0), shares(road=0.97, sky=0.03)),
    ],
)
def test_what_a_step_of_a_score_may_change_is_the_same(found: Decoded, known: Decoded) -> None:
    assert first_difference(found, known, RULES, THRESHOLD) == ""


@pytest.mark.parametrize(
    ("found", "known", "words"),
    [
        (boxes(("cat", 0.9, 3)), boxes(("cat", 0.9, 0)), "'cat' with score 0.900 is not found where it must be"),
        (boxes(("cat", 0.8, 0)), boxes(("cat", 0.9, 0)), "'cat' with score 0.900 is not found where it must be"),
        (boxes(("mouse", 0.9, 0)), boxes(("cat", 0.9, 0)), "'cat' with score 0.900 is not found"),
        (boxes(), boxes(("cat", 0.46, 0)), "is not found"),
        (boxes(("cat", 0.9, 0), ("cat", 0.9, 0)), boxes(("cat", 0.9, 0)), "is found where nothing is known"),
        (shares(road=0.5, sky=0.5), shares(road=0.6, sky=0.4), "'road' covers 50.0%, and 60.0% is known"),
        (shares(road=0.9, fog=0.1), shares(road=0.95, sky=0.05), "'fog' covers 10.0%, and 0.0% is known"),
    ],
)
def test_another_thing_or_place_is_named(found: Decoded, known: Decoded, words: str) -> None:
    assert words in first_difference(found, known, RULES, THRESHOLD)


class ReadyBoxes:
    """A backend that finds two things in every picture, best first; the second lies `shift` further right."""

    name = "ready boxes 1.0"
    inputs = (TensorSpec(name="image", shape=(1, 4, 4, 3), dtype="uint8"),)
    outputs = (
        TensorSpec(name="boxes", shape=(1, 2, 4), dtype="float32"),
        TensorSpec(name="classes", shape=(1, 2), dtype="float32"),
        TensorSpec(name="scores", shape=(1, 2), dtype="float32"),
    )

    def __init__(self, scores: tuple[float, float], shift: float = 0.0) -> None:
        boxes = np.array([[0, 0, 1, 0.5], [0, 0.5 + shift, 1, 1 + shift]], np.float32)
        order = np.argsort(-np.array(scores))
        found = (boxes[order], order.astype(np.float32), np.array(scores, np.float32)[order])
        self._outputs = {spec.name: array[None] for spec, array in zip(self.outputs, found, strict=True)}

    def infer(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return dict(self._outputs)

    def input_view(self, name: str) -> None:
        return None

    def close(self) -> None:
        pass


def detector(backend: ReadyBoxes) -> LoadedModel:
    manifest = Manifest(
        name="boxes",
        version=1,
        task="detect",
        profile="generic-x86_64",
        format="tflite",
        model="model.tflite",
        inputs=backend.inputs,
        preprocessing=Preprocessing(size_wh=(4, 4)),
        outputs=backend.outputs,
        decoding=DetectBoxes(boxes="boxes", classes="classes", scores="scores", score_threshold=THRESHOLD),
        labels=("cat", "mouse"),
        golden=Golden(frames=1, tolerance=0.0, decoded=RULES),
    )
    return LoadedModel(manifest, DIGEST, backend)


def test_golden_frames_may_be_judged_by_what_is_found_whatever_its_order() -> None:
    known = detector(ReadyBoxes((0.80, 0.79)))
    frame = np.zeros((4, 4, 3), np.uint8)
    golden = pack_golden(frame[None], known.outputs_for(frame))
    check_golden(known, golden)
    check_golden(detector(ReadyBoxes((0.79, 0.80))), golden)
    with pytest.raises(GoldenError, match=r"frame 0: 'mouse' with score 0\.790 is not found where it must be"):
        check_golden(detector(ReadyBoxes((0.80, 0.79), shift=0.2)), golden)
