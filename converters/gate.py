"""Whether an artifact is still the same model: source and stages are asked about the same pictures, and compared.

Pure functions over real values, (N, ...) by output. What computes them stands in `converters/stages.py`, what the
numbers mean in `converters/measures.py` and `converters/sameness.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from contract.errors import GateError
from contract.manifest import Anomaly, Classify, DetectBoxes, Manifest, Segment
from converters.known_answers import STEPS
from converters.measures import centred_correlation, relative_error, sqnr_db
from converters.sameness import Answers, box_overlap, decoded_answers, numbers_near, sameness
from converters.source import Truth
from converters.task_metric import allowed_drop, metric_of, task_metric, truth_of
from converters.verdict import Cause, Limits, StageName, StageRow, Verdict
from edge.decoders import Decoded

ROUNDING = 1e-9
"""Shares of pictures are quotients: a fall of exactly what is allowed must not be refused."""
CALIBRATE = "Calibrate on pictures like those the camera gives (--calibration), or train longer."
CONVERT = "Report it with this model; another format may be converted well (--for)."
KERNELS = "Convert on another kind of processor, or for a profile that takes the other format."


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage answered."""

    name: StageName
    by: str
    answers: Answers
    pictures: NDArray[np.int64]
    """Which of the source's pictures it was asked about: emulation is slow, and a part of them will do."""


def judge(
    draft: Manifest,
    source: Answers,
    stages: Sequence[Stage],
    truth: Truth | None,
    limits: Limits,
    *,
    exact: bool = True,
    same_numbers: bool = False,
) -> Verdict:
    """The verdict on the artifact `draft` speaks of, whose last stage is the device's own code on all pictures.

    `truth` is what the pictures show, None where that is not known. `exact` says that the float stage has the very
    weights of the source, and nothing but roundings may lie between. With `same_numbers` the artifact was quantised
    before it came here: its other stages are told, and the device's own run alone is judged. The first thing found
    decides. Raises GateError
    where the source's own answers are none, as nothing can be compared with them.
    """
    _check_alive(source, where=draft.name)
    rows = tuple(_row(draft, source, stage, truth) for stage in stages)
    metric = None if truth is None else task_metric(draft, source, truth)
    accuracy = None if metric is None else metric.value
    passed = Verdict(rows=rows, source_accuracy=accuracy, metric=metric_of(draft))
    judged = passed
    if same_numbers:
        stages, judged = stages[-1:], replace(passed, rows=rows[-1:])
    for cause, what, fix in _objections(judged, draft, source, stages, limits, exact and not same_numbers):
        return replace(passed, cause=cause, what=what, fix=fix)
    return passed


def _objections(
    verdict: Verdict, draft: Manifest, source: Answers, stages: Sequence[Stage], limits: Limits, exact: bool
) -> Iterator[tuple[Cause, str, str]]:
    emulated = None
    for row, stage in zip(verdict.rows, stages, strict=True):
        cause: Cause = "conversion" if row.stage == "float" else "quantization"
        fix = CONVERT if row.stage == "float" else CALIBRATE
        known = _part(source, stage.pictures)
        if shapes := _misshapen(known, stage.answers):
            yield cause, f"{shapes} ({row.by})", CONVERT
            return
        yield from ((cause, what, fix) for what in _lifeless(row, known, stage.answers))
        if row.stage == "float" and exact and not _order_decides(draft) and not row.relative_error <= limits.parity:
            words = f"its largest error is {row.relative_error:.2g} of the largest output, {limits.parity:g} is allowed"
            yield cause, f"{words} ({row.by})", fix
        if row.stage == "kernels" and emulated is not None:
            found = _kernel_objections(draft, row, stage, emulated, known, limits)
            yield from (("kernels", what, KERNELS) for what in found)
        yield from ((cause, what, fix) for what in _losses(row, verdict, draft, limits))
        emulated = stage if row.stage == "emulated" else emulated


def _lifeless(row: StageRow, known: Answers, answers: Answers) -> Iterator[str]:
    """Answers that are no answers."""
    if any(not np.isfinite(values).all() for values in answers.values()):
        yield f"it answers with values that are not numbers ({row.by})"
    for name, expected in known.items():
        if not _constant(expected) and _constant(answers[name]):
            yield f"every picture gets the same answer at {name!r} ({row.by})"


def _losses(row: StageRow, verdict: Verdict, draft: Manifest, limits: Limits) -> Iterator[str]:
    """What the stage lost of the task, beyond what is allowed."""
    decibels = "" if row.sqnr_db is None else f", SQNR {row.sqnr_db:.1f} dB"
    measured = f"on {row.pictures} pictures{decibels} ({row.by})"
    if row.accuracy is not None and verdict.source_accuracy is not None and row is verdict.device:
        allowed = allowed_drop(draft, limits, verdict.source_accuracy, row.pictures)
        if verdict.source_accuracy - row.accuracy > allowed + ROUNDING:
            fell = f"{verdict.metric} fell from {verdict.source_accuracy:.2%} to {row.accuracy:.2%}"
            yield f"{fell} {measured}; {allowed:.2%} are allowed"
    needed = limits.agreement_on(row.pictures)
    # Few pictures are no evidence that another first answer is a fault, unless all its numbers are others too.
    few = row.agreement < limits.min_agreement and not _order_decides(draft)
    if row.agreement < needed - ROUNDING:
        yield f"only {row.agreement:.1%} of the answers are those of the original {measured}; {needed:.0%} are needed"
    if (few or _numbers_count(draft)) and row.correlation < limits.min_correlation:
        far = f"an output's numbers correlate by {row.correlation:.2f} with the original's"
        yield f"{far} {measured}; {limits.min_correlation:g} is needed"
    if row.box_iou is not None and row.box_iou < limits.min_box_iou:
        yield f"boxes overlap those of the original by {row.box_iou:.2f} {measured}; {limits.min_box_iou:g} is needed"


def _kernel_objections(
    draft: Manifest, row: StageRow, stage: Stage, emulated: Stage, known: Answers, limits: Limits
) -> Iterator[str]:
    """Kernels against the emulation of the same file, on the pictures both were asked about."""
    places = np.flatnonzero(np.isin(stage.pictures, emulated.pictures))
    ours, same = _part(stage.answers, places), _part(known, places)
    if not all(np.isfinite(values).all() for values in ours.values()):
        return
    if _order_decides(draft):
        agreement = _agreement(draft, emulated.answers, ours)
        if agreement < limits.agreement_on(len(places)) - ROUNDING:
            yield f"only {agreement:.1%} of the answers are those of emulating the same file ({row.by})"
        return
    for name, emulation in emulated.answers.items():
        left, had = sqnr_db(same[name], ours[name]), sqnr_db(same[name], emulation)
        apart = float(np.abs(ours[name] - emulation).max())
        reach = float(np.ptp(emulation))
        if left < had - limits.kernels_db and apart > limits.kernel_steps / 256 * reach:
            yield f"output {name!r} has {left:.1f} dB where emulating the same file gives {had:.1f} dB ({row.by})"


def _row(draft: Manifest, source: Answers, stage: Stage, truth: Truth | None) -> StageRow:
    known, answers = _part(source, stage.pictures), stage.answers
    count = len(stage.pictures)
    whole = not _misshapen(known, answers) and all(np.isfinite(answers[name]).all() for name in known)
    if not whole:
        return StageRow(
            stage=stage.name,
            by=stage.by,
            pictures=count,
            sqnr_db=None,
            correlation=0.0,
            relative_error=math.inf,
            agreement=0.0,
        )
    metric = None if truth is None else task_metric(draft, answers, truth_of(truth, stage.pictures))
    low, high = (None, None) if metric is None else metric.range()
    decibels = min(sqnr_db(known[name], answers[name]) for name in known)
    return StageRow(
        stage=stage.name,
        by=stage.by,
        pictures=count,
        sqnr_db=decibels if math.isfinite(decibels) else None,
        correlation=min(centred_correlation(known[name], answers[name]) for name in known),
        relative_error=max(relative_error(known[name], answers[name]) for name in known),
        agreement=_agreement(draft, known, answers),
        box_iou=_box_iou(draft, known, answers) if draft.task == "detect" else None,
        accuracy=None if metric is None else metric.value,
        accuracy_low=low,
        accuracy_high=high,
    )


def _agreement(draft: Manifest, known: Answers, answers: Answers) -> float:
    """Mean over the pictures of how far both say the same."""
    decoding = draft.decoding
    if isinstance(decoding, Anomaly) and decoding.measure != "value":
        # What is decoded is an error beside the input, and pictures are not at hand: the reconstruction is compared.
        return float(numbers_near(known[decoding.output], answers[decoding.output]).mean())
    return float(sameness(draft.task, *_decoded(draft, known, answers)).mean())


def _box_iou(draft: Manifest, known: Answers, answers: Answers) -> float | None:
    sure = getattr(draft.decoding, "score_threshold", 0.0) + STEPS / 256
    return box_overlap(*_decoded(draft, known, answers), sure=sure)


def _decoded(draft: Manifest, known: Answers, answers: Answers) -> tuple[list[Decoded], list[Decoded]]:
    return decoded_answers(draft, known), decoded_answers(draft, answers)


def _numbers_count(draft: Manifest) -> bool:
    """Whether an output's numbers must follow the source's one by one: not where their order is that of scores."""
    return not isinstance(draft.decoding, DetectBoxes | Classify) and draft.task != "segment"


def _order_decides(draft: Manifest) -> bool:
    """Whether one step may change an output everywhere: rows in the order of close scores, or class numbers."""
    decoding = draft.decoding
    return isinstance(decoding, DetectBoxes) or (isinstance(decoding, Segment) and decoding.form == "classes")


def _misshapen(known: Answers, answers: Answers) -> str:
    """The first output that is absent or has another shape, in words, or nothing."""
    for name, expected in known.items():
        if name not in answers:
            return f"it has no output {name!r}"
        if answers[name].shape != expected.shape:
            return f"it answers {answers[name].shape} at {name!r}, expected {expected.shape}"
    return ""


def _check_alive(source: Answers, where: str) -> None:
    what = ""
    if not all(np.isfinite(values).all() for values in source.values()):
        what = "the original answers with values that are not numbers"
    elif all(_constant(values) for values in source.values()):
        what = "the original gives every picture the same answer"
    if what:
        fix = "Train the model again, and look at the run's report first."
        raise GateError(what, where=where, fix=fix)


def _constant(values: NDArray[np.float32]) -> bool:
    return len(values) > 1 and bool((values == values[0]).all())


def _part(answers: Answers, pictures: NDArray[np.int64]) -> Answers:
    return {name: values[pictures] for name, values in answers.items()}
