"""Task and decoding of foreign models: what is certain is taken, all else is asked for by its flag or key."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.decoding import (
    AnchorGrid,
    Anomaly,
    Classify,
    Decoding,
    DetectAnchors,
    DetectBoxes,
    DetectGrid,
    Estimate,
    Regress,
    Segment,
    Task,
)
from contract.errors import ConfigError, ModelError
from contract.manifest import Quantization, TensorSpec
from converters.model_card import NO_CARD, ModelCard, read_card
from converters.probe import Probed
from converters.probe_talk import Hints
from converters.sources.activation import activation_of
from converters.sources.meaning import MOST_VALUES, Known, meaning_of
from converters.tflite_metadata import Packed, PackedOutput
from edge.decoders.detect_anchors import anchors_xywh


def output(name: str, *shape: int, dtype: Any = "float32") -> TensorSpec:
    return TensorSpec(name=name, shape=shape, dtype=dtype)


def known(*outputs: TensorSpec, answers: float = 5.0, **changes: Any) -> Known:
    hints = changes.pop("hints", Hints())
    given = {spec.name: np.full((2, *spec.shape), answers, spec.dtype) for spec in outputs}
    probed = Probed(inputs=(output("x", 1, 48, 64, 3),), outputs=outputs, hints=hints, answers=given, peak_bytes=1)
    whole = {"card": NO_CARD, "packed": Packed(), "labels": (), "picture_wh": (64, 48), "states": (), "where": "m"}
    return Known(probed=probed, **{**whole, **changes})


def decoding(model: Known, task: Task | None = None) -> Decoding:
    return meaning_of(model, task).decoding


def card(folder: Path, text: str) -> ModelCard:
    (folder / "model.toml").write_text(text)
    return read_card(folder / "model.toml")


ROW = output("scores", 1, 3)
READY = Hints(ready_boxes=("b", "c", "s", "n"))
BOXES = (output("n", 1), output("b", 1, 10, 4), output("s", 1, 10), output("c", 1, 10))


def test_one_number_a_label_is_a_classifier() -> None:
    found = meaning_of(known(ROW, labels=("a", "b", "c")), None)
    assert found.decoding == Classify(scores="scores", activation="softmax")
    assert found.notes[0] == "task: classify, as there is one number for each label"


def test_without_labels_or_task_nothing_is_guessed() -> None:
    with pytest.raises(ConfigError, match=r"nothing says what its outputs mean: 0 'scores' float32\[1, 3\]") as refused:
        meaning_of(known(ROW), None)
    assert refused.value.fix.startswith("Give --task, one of: classify, detect")


def test_ready_boxes_are_told_by_their_operator_and_not_by_their_order() -> None:
    assert decoding(known(*BOXES, hints=READY)) == DetectBoxes(boxes="b", classes="c", scores="s", count="n")
    with pytest.raises(ConfigError, match="can mean more than one thing for the task 'detect'"):
        meaning_of(known(*BOXES), "detect")


def test_thresholds_of_the_metadata_are_taken() -> None:
    packed = Packed(outputs=(PackedOutput(), PackedOutput(score_threshold=0.6)))
    assert decoding(known(*BOXES, hints=READY, packed=packed)).score_threshold == 0.6  # type: ignore[union-attr]
    assert decoding(known(ROW, packed=packed), "classify").threshold == 0.6  # type: ignore[union-attr]


@pytest.mark.parametrize("shape", [(1, 48, 64), (1, 12, 16, 1)])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_whole_numbers_over_a_plane_are_a_class_map(shape: tuple[int, ...], dtype: str) -> None:
    assert decoding(known(output("map", *shape, dtype=dtype))) == Segment(map="map")


def test_scores_over_a_plane_are_told_from_the_pictures_shape() -> None:
    assert decoding(known(output("m", 1, 12, 16, 5)), "segment") == Segment(map="m", form="scores", layout="nhwc")
    assert decoding(known(output("m", 1, 5, 12, 16)), "segment") == Segment(map="m", form="scores", layout="nchw")
    with pytest.raises(ConfigError, match="more than one thing"):
        decoding(known(output("m", 1, 5, 5, 5)), "segment")


def test_packed_anchors_make_a_raw_ssd_readable() -> None:
    grids = (AnchorGrid(cells_wh=(2, 2), sizes_wh=((0.5, 0.5),)),)
    anchors = tuple((x, y, w, h) for x, y, w, h in anchors_xywh(grids).tolist())
    model = known(output("s", 1, 4, 7), output("o", 1, 4, 4), packed=Packed(anchors_xywh=anchors))
    assert decoding(model) == DetectAnchors(boxes="o", scores="s", anchors=grids, background=None)


def test_a_regression_is_every_number_as_it_is() -> None:
    model = known(output("angle", 1, 1), picture_wh=None)
    assert decoding(model, "regress") == Regress(values=(Estimate(name="value", output="angle"),))
    two = decoding(known(output("a", 1, 1), output("b", 1, 2), labels=("x", "y", "z")), "regress")
    assert isinstance(two, Regress)
    assert [(value.name, value.output, value.index) for value in two.values] == [
        ("x", "a", 0),
        ("y", "b", 0),
        ("z", "b", 1),
    ]
    with pytest.raises(ConfigError, match=f"at most {MOST_VALUES} are values of their own"):
        meaning_of(known(output("wave", 1, MOST_VALUES + 1)), "regress")


def test_one_number_can_be_an_anomaly() -> None:
    assert decoding(known(output("how", 1, 1)), "anomaly") == Anomaly(output="how")
    with pytest.raises(ConfigError, match="more than one thing"):
        meaning_of(known(output("drawn", 1, 48, 64, 3)), "anomaly")


def test_states_are_no_answers() -> None:
    assert decoding(known(ROW, output("h", 1, 8), states=("h",)), "classify") == Classify(
        scores="scores", activation="softmax"
    )


def test_the_card_says_the_rest(tmp_path: Path) -> None:
    told = card(tmp_path, '[decoding]\nkind = "detect-grid"\nboxes = 0\nlayout = "columns"\nactivation = "sigmoid"\n')
    found = meaning_of(known(output("out", 1, 84, 300), card=told), None)
    assert found.task == "detect"
    assert found.decoding == DetectGrid(boxes="out", layout="columns", activation="sigmoid")
    assert "said by" in found.notes[0]


def test_the_card_may_mend_what_is_known(tmp_path: Path) -> None:
    told = card(tmp_path, '[decoding]\nkind = "detect-boxes"\nscore_threshold = 0.7\nclass_offset = 1\n')
    assert decoding(known(*BOXES, hints=READY, card=told)) == DetectBoxes(
        boxes="b", classes="c", scores="s", count="n", score_threshold=0.7, class_offset=1
    )


@pytest.mark.parametrize(
    ("changes", "task", "words"),
    [
        (
            {"card": ModelCard(where="c", task="segment")},
            "classify",
            "--task says 'classify', and the model card 'segment'",
        ),
        ({"labels": ("a", "b")}, "classify", "2 labels for 3 classes"),
        ({"labels": ("a", "b", "c", "d")}, "classify", "4 labels for 3 classes"),
        ({"picture_wh": None, "hints": Hints(ready_boxes=("scores",) * 4)}, "detect", "speaks of places in a picture"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], task: Task, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        meaning_of(known(ROW, **changes), task)
    assert words in refused.value.what


def test_a_card_that_does_not_fit_the_outputs_is_refused(tmp_path: Path) -> None:
    told = card(tmp_path, '[decoding]\nkind = "detect-corners"\nboxes = 0\nscores = 0\n')
    with pytest.raises(ConfigError, match="its outputs do not fit"):
        meaning_of(known(ROW, card=told), None)


def test_several_rows_are_asked_about() -> None:
    with pytest.raises(ConfigError, match="no output is the one row of class scores") as refused:
        meaning_of(known(ROW, output("age", 1, 5)), "classify")
    assert 'kind = "classify"' in refused.value.fix


def test_the_card_names_the_row_and_what_its_scores_are_is_still_found_out(tmp_path: Path) -> None:
    told = card(tmp_path, '[decoding]\nkind = "classify"\nscores = 1\n')
    assert decoding(known(output("age", 1, 5), ROW, card=told)) == Classify(scores="scores", activation="softmax")


def test_values_the_card_names_are_not_counted_again(tmp_path: Path) -> None:
    told = card(tmp_path, '[decoding]\nkind = "regress"\n[[decoding.values]]\nname = "peak"\noutput = 0\nindex = 7\n')
    model = known(output("wave", 1, MOST_VALUES + 1), card=told)
    assert decoding(model, "regress") == Regress(values=(Estimate(name="peak", output="wave", index=7),))


SOFT = np.array([[[0.7, 0.2, 0.1]], [[0.0, 0.5, 0.5]]], np.float32)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [(SOFT, "none"), (SOFT * 9, "softmax"), (SOFT - 0.5, "softmax"), (np.log(SOFT + 1e-9), "softmax")],
)
def test_scores_are_told_from_logits_by_the_answers(answers: np.ndarray, expected: str) -> None:
    assert activation_of(answers, ROW, None, where="m", card=NO_CARD)[0] == expected


def test_rounded_shares_still_add_up() -> None:
    spec = TensorSpec(name="s", shape=(1, 1001), dtype="uint8", quantization=Quantization(scale=1 / 256, zero_point=0))
    stored = np.zeros((1, 1, 1001), np.uint8)
    stored[..., :3] = (150, 40, 20)
    assert activation_of(stored, spec, None, where="m", card=NO_CARD)[0] == "none"


def test_numbers_that_may_be_either_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="may hold scores or logits") as refused:
        activation_of(SOFT * 0.5, ROW, None, where="m", card=NO_CARD)
    assert "activation" in refused.value.fix
    told = card(tmp_path, '[decoding]\nkind = "classify"\nactivation = "sigmoid"\n')
    assert decoding(known(ROW, answers=0.9, card=told)) == Classify(scores="scores", activation="sigmoid")
    assert activation_of(SOFT * 0.5, ROW, "sigmoid", where="m", card=NO_CARD)[0] == "none"


def test_answers_that_are_no_numbers_are_the_models_fault() -> None:
    with pytest.raises(ModelError, match="not finite"):
        activation_of(SOFT * math.nan, ROW, None, where="m", card=NO_CARD)
