"""The gate on small tables of answers whose right verdicts can be seen by eye."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.decoding import Estimate
from contract.errors import GateError
from contract.manifest import Anomaly, Classify, DetectBoxes, Regress, Segment
from converters.gate import Stage, judge
from converters.verdict import Limits, StageName, Verdict, raise_refusal
from tests.converters.drafts import draft

CLASSES = draft("classify", Classify(scores="scores"), {"scores": (1, 3)})
BOXES = draft(
    "detect",
    DetectBoxes(boxes="boxes", classes="classes", scores="scores"),
    {"boxes": (1, 2, 4), "classes": (1, 2), "scores": (1, 2)},
)
USUAL = Limits()
LABELS = np.tile([0, 1, 2], 7)[:20].astype(np.int64)
Numbers = NDArray[np.floating]


def sure(answers: NDArray[np.int64], share: float = 0.9) -> NDArray[np.float32]:
    """Scores (N, 3) whose first answers are `answers`."""
    scores = np.full((len(answers), 3), (1 - share) / 2, np.float32)
    scores[np.arange(len(answers)), answers] = share
    return scores


def wrong(count: int) -> NDArray[np.int64]:
    """`LABELS`, the first `count` of them mistaken."""
    changed = LABELS.copy()
    changed[:count] = (changed[:count] + 1) % 3
    return changed


def stage(name: StageName, numbers: Numbers | dict[str, Numbers], pictures: int | None = None) -> Stage:
    answers = numbers if isinstance(numbers, dict) else {"scores": numbers}
    count = len(next(iter(answers.values())))
    real = {key: values.astype(np.float32) for key, values in answers.items()}
    return Stage(name, f"the {name} stage", real, np.arange(pictures or count))


def verdict(source: Numbers, *stages: Stage, labels: Any = LABELS, limits: Limits = USUAL, **more: Any) -> Verdict:
    return judge(CLASSES, {"scores": source.astype(np.float32)}, stages, labels, limits, **more)


def detected(boxes: Numbers, pictures: int) -> dict[str, Numbers]:
    """The same two boxes in every picture, told apart by a little in their scores."""
    scores = 0.8 + np.linspace(0, 0.1, pictures)[:, None] * [[1, 0.5]]
    return {"boxes": np.tile(boxes, (pictures, 1, 1)), "classes": np.tile([0, 1], (pictures, 1)), "scores": scores}


def test_a_twin_passes_and_each_stage_has_its_row() -> None:
    source = sure(LABELS)
    same = verdict(source, stage("float", source), stage("emulated", source), stage("kernels", source))
    assert same.passed
    assert [row.stage for row in same.rows] == ["float", "emulated", "kernels"]
    assert (same.source_accuracy, same.device.accuracy, same.device.agreement, same.device.churn) == (1, 1, 1, 0)
    assert same.device.sqnr_db is None
    assert same.device.accuracy_low == pytest.approx(0.839, abs=1e-3)
    raise_refusal(same, where="toy")


def test_a_float_file_that_differs_by_more_than_roundings_is_the_conversions_fault() -> None:
    source = sure(LABELS)
    found = verdict(source, stage("float", source * np.float32(1.001)), stage("kernels", source))
    assert found.cause == "conversion"
    with pytest.raises(GateError, match=r"^the conversion changed the model: its largest error is 0\.001") as refused:
        raise_refusal(found, where="toy as tflite-float32")
    assert refused.value.where == "toy as tflite-float32"
    assert verdict(source, stage("float", source * np.float32(1.001)), exact=False).passed
    assert verdict(source, stage("float", source * np.float32(1.00001))).passed


def test_a_fall_of_accuracy_beyond_the_limit_is_quantisations_fault_and_told_with_both_numbers() -> None:
    found = verdict(sure(LABELS), stage("kernels", sure(wrong(2))), limits=Limits(max_drop=0.05))
    assert found.cause == "quantization"
    assert found.what.startswith("accuracy fell from 100.00% to 90.00% on 20 pictures, SQNR")
    assert verdict(sure(LABELS), stage("kernels", sure(wrong(2))), limits=Limits(max_drop=0.1)).passed


def test_a_single_picture_on_a_small_set_is_no_evidence_unless_none_may_be_lost() -> None:
    fallen = stage("kernels", sure(wrong(1)))
    assert verdict(sure(LABELS), fallen).passed
    refused = verdict(sure(LABELS), fallen, limits=Limits(max_drop=0))
    assert "0.00% are allowed" in refused.what


def test_equal_accuracy_by_other_answers_is_refused() -> None:
    source, artifact = LABELS.copy(), LABELS.copy()
    source[:2], artifact[2:4] = (source[:2] + 1) % 3, (artifact[2:4] + 1) % 3
    found = verdict(sure(source), stage("kernels", sure(artifact)))
    assert found.source_accuracy == found.device.accuracy
    assert found.what.startswith("only 80.0% of the answers are those of the original")


def test_without_true_classes_agreement_decides() -> None:
    found = verdict(sure(LABELS), stage("kernels", sure(wrong(5))), labels=None)
    assert found.cause == "quantization"
    assert found.device.accuracy is None
    assert found.source_accuracy is None


@pytest.mark.parametrize("broken", [np.nan, np.inf])
@pytest.mark.parametrize(("name", "cause"), [("float", "conversion"), ("emulated", "quantization")])
def test_answers_that_are_no_numbers_are_refused(broken: float, name: StageName, cause: str) -> None:
    scores = sure(LABELS)
    scores[3, 1] = broken
    found = verdict(sure(LABELS), stage(name, scores), stage("kernels", sure(LABELS)))
    assert found.cause == cause
    assert "not numbers" in found.what


def test_one_answer_for_every_picture_is_refused() -> None:
    found = verdict(sure(LABELS), stage("kernels", sure(np.zeros(20, np.int64))))
    assert "every picture gets the same answer at 'scores'" in found.what


@pytest.mark.parametrize("dead", [sure(np.zeros(20, np.int64)), np.full((20, 3), np.nan)])
def test_an_original_that_says_nothing_is_named_as_such(dead: Numbers) -> None:
    with pytest.raises(GateError, match="the original"):
        verdict(dead, stage("kernels", sure(LABELS)))


def test_another_number_of_classes_is_refused() -> None:
    found = verdict(sure(LABELS), stage("kernels", sure(LABELS)[:, :2]))
    assert "it answers (20, 2) at 'scores', expected (20, 3)" in found.what


def test_an_output_that_was_lost_is_named_and_one_that_was_added_does_no_harm() -> None:
    lost = stage("kernels", {"other": sure(LABELS)})
    assert "it has no output 'scores'" in verdict(sure(LABELS), lost).what
    more = stage("kernels", {"scores": sure(LABELS), "state": np.ones((20, 4))})
    assert verdict(sure(LABELS), more).passed


def test_kernels_that_leave_less_than_the_emulation_are_named_though_the_answers_survive() -> None:
    source = sure(LABELS)
    noise = np.random.default_rng(0).uniform(-1, 1, source.shape)
    emulated, saturated = stage("emulated", source + 0.002 * noise), stage("kernels", source + 0.1 * noise)
    found = verdict(source, emulated, saturated)
    assert found.cause == "kernels"
    assert "dB where emulating the same file gives" in found.what
    assert verdict(source, emulated, saturated, limits=Limits(kernels_db=60)).passed


def test_kernels_within_a_few_steps_are_the_same_whatever_the_decibels() -> None:
    source = sure(LABELS)
    noise = np.random.default_rng(0).uniform(-1, 1, source.shape)
    assert verdict(source, stage("emulated", source), stage("kernels", source + 0.02 * noise)).passed


def test_an_emulation_of_some_pictures_is_compared_on_those() -> None:
    source = sure(LABELS)
    part = Stage("emulated", "slow", {"scores": source[::4]}, np.arange(0, 20, 4))
    assert verdict(source, part, stage("kernels", source)).passed
    spoilt = source + 0.3 * np.random.default_rng(0).uniform(-1, 1, source.shape).astype(np.float32)
    assert verdict(source, part, stage("kernels", spoilt)).cause == "kernels"


def test_one_picture_alone_may_get_another_first_answer_but_not_another_answer() -> None:
    source = np.array([[0.40, 0.38, 0.01]])
    near, far = np.array([[0.38, 0.40, 0.01]]), np.array([[0.01, 0.02, 0.9]])
    assert verdict(source, stage("kernels", near), labels=None).passed
    assert "correlate" in verdict(source, stage("kernels", far), labels=None).what


def test_boxes_that_moved_are_refused_though_scores_and_classes_survive() -> None:
    boxes = np.array([[[0.1, 0.1, 0.5, 0.5], [0.4, 0.4, 0.9, 0.9]]])
    source = {name: values.astype(np.float32) for name, values in detected(boxes, 6).items()}
    same = judge(BOXES, source, [stage("kernels", detected(boxes + 0.01, 6))], None, Limits())
    assert same.passed
    moved = judge(BOXES, source, [stage("kernels", detected(boxes + 0.06, 6))], None, Limits())
    assert moved.cause == "quantization"
    assert "boxes overlap those of the original by" in moved.what
    gone = judge(BOXES, source, [stage("kernels", detected(boxes * 0, 6))], None, Limits())
    assert "of the answers are those of the original" in gone.what


def test_boxes_in_another_order_are_the_same_for_every_stage() -> None:
    boxes = np.array([[[0.1, 0.1, 0.5, 0.5], [0.4, 0.4, 0.9, 0.9]]])
    source = {name: values.astype(np.float32) for name, values in detected(boxes, 4).items()}
    turned = {name: values[:, ::-1] for name, values in source.items()}
    stages = [stage("float", turned), stage("emulated", source), stage("kernels", turned)]
    assert judge(BOXES, source, stages, None, Limits()).passed
    stages[2] = stage("kernels", {**turned, "boxes": turned["boxes"] * 0.2})
    assert judge(BOXES, source, stages, None, Limits()).cause == "kernels"


def test_one_pixel_of_a_class_map_is_no_fault_of_the_conversion_and_many_are() -> None:
    maps = draft("segment", Segment(map="map"), {"map": (1, 10, 10)})
    known = np.random.default_rng(0).integers(0, 3, (4, 10, 10)).astype(np.float32)
    one, many = known.copy(), known.copy()
    one[0, 0, 0], many[:, :5] = (known[0, 0, 0] + 1) % 3, (known[:, :5] + 1) % 3
    assert judge(maps, {"map": known}, [stage("float", {"map": one})], None, Limits()).passed
    assert judge(maps, {"map": known}, [stage("float", {"map": many})], None, Limits()).cause == "conversion"


def test_values_must_follow_the_sources() -> None:
    values = draft("regress", Regress(values=(Estimate(name="v", output="v"),)), {"v": (1, 1)})
    known = np.sin(np.arange(30, dtype=np.float32))[:, None]
    assert judge(values, {"v": known}, [stage("kernels", {"v": known + 0.01})], None, Limits()).passed
    assert judge(values, {"v": known}, [stage("kernels", {"v": known[::-1]})], None, Limits()).cause == "quantization"


def test_a_reconstruction_is_judged_without_the_pictures() -> None:
    drawn = draft("anomaly", Anomaly(output="drawn", measure="mean-squared-error"), {"drawn": (1, 32, 32, 3)})
    known = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
    assert judge(drawn, {"drawn": known}, [stage("kernels", {"drawn": known + 0.01})], None, Limits()).passed
    refused = judge(drawn, {"drawn": known}, [stage("kernels", {"drawn": known[:, ::-1]})], None, Limits())
    assert refused.cause == "quantization"
