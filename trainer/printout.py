"""What the trainer's commands print for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.detection.printout import detection_lines, trained_detector
from trainer.measurement.evaluation_printout import evaluation_lines, goal_lines

if TYPE_CHECKING:
    from contract.run import Scores
    from trainer.check import Checked
    from trainer.detection.detecting import TrainedDetector
    from trainer.detection.evaluating import EvaluatedDetector
    from trainer.measurement.evaluating import Evaluated
    from trainer.retraining.labelling import LabelFolder
    from trainer.retraining.retrain import Retrained
    from trainer.training import Trained
    from trainer.tuning.outcome import Tuned

_HELD_BACK = {True: "held back from training", False: "trained on", None: "perhaps trained on: nobody can know"}


def check(checked: Checked, written: Sequence[Path] = ()) -> str:
    """`edgeferry dataset check`."""
    return "\n".join((*_check_lines(checked), *(f"written: {file}" for file in written)))


def _check_lines(checked: Checked) -> Iterator[str]:
    yield f"{checked.path}: {checked.pictures} pictures, {len(checked.labels)} classes"
    if checked.smallest_wh and checked.largest_wh:
        (low_w, low_h), (high_w, high_h) = checked.smallest_wh, checked.largest_wh
        yield f"sizes from {low_w}x{low_h} to {high_w}x{high_h}"
    for split, classes in checked.splits.items():
        yield f"{split}: " + ", ".join(f"{label} {count}" for label, count in classes.items())
    for split, classes in checked.boxes.items():
        yield f"boxes, {split}: " + ", ".join(f"{label} {count}" for label, count in classes.items())
    for finding in checked.findings:
        yield f"{finding.severity}: {finding.what} ({finding.count})"
        yield from (f"    {example}" for example in finding.examples)
        yield f"    fix: {finding.fix}"
    yield from (f"not judged: {each}" for each in checked.not_judged)
    if not checked.findings:
        yield "nothing to mend"


def label(labelled: LabelFolder) -> str:
    """`edgeferry dataset label`."""
    return "\n".join(_label_lines(labelled))


def _label_lines(labelled: LabelFolder) -> Iterator[str]:
    yield (
        f"{labelled.folder}: {labelled.pictures} pictures of {labelled.groups} groups (device and day), "
        f"{labelled.unsure} unsure; left out: {labelled.copies} copies, {labelled.near_copies} near copies, "
        f"{len(labelled.unreadable)} unreadable, {labelled.clips} clips"
    )
    for name, count in labelled.guesses.items():
        yield f"    {name or 'no guess'}: {count}"
    yield from (f"unreadable: {what}" for what in labelled.unreadable)
    yield from (f"no guess: {what}" for what in labelled.unreadable_results)
    page, several = f"{labelled.folder}/label.html", f" and {labelled.pages - 1} more" if labelled.pages > 1 else ""
    yield f"next: open {page}{several}" if labelled.pages else f"next: correct {labelled.folder}/annotations.json"


def train(trained: Trained | TrainedDetector) -> str:
    """`edgeferry train`."""
    from trainer.detection.detecting import TrainedDetector

    if isinstance(trained, TrainedDetector):
        return "\n".join((trained_detector(trained), *goal_lines(trained.goals)))
    lines = (
        f"{trained.name}: accuracy {trained.accuracy:.2%}, macro-F1 {trained.macro_f1:.2%} on {trained.test_pictures} "
        f"test pictures; {trained.epochs} epochs in {trained.seconds:.0f} s\n"
        f"run: {trained.run} (open {trained.run}/report.html)"
    )
    return "\n".join((lines, *goal_lines(trained.goals)))


def tune(tuned: Tuned) -> str:
    """`edgeferry tune`."""
    best = tuned.best
    costs = "; ".join(
        f"{name} {found.latency_ms:g} ms, {found.size_bytes / 1e6:.2f} MB" for name, found in best.predicted.items()
    )
    params = ", ".join(
        f"{name} {f'{value:.3g}' if isinstance(value, float) else value}" for name, value in best.params.items()
    )
    return (
        f"{tuned.trials} trials in {tuned.seconds:.0f} s: {tuned.complete} to their end, {tuned.pruned} given up, "
        f"{tuned.failed} failed; {tuned.over_budget} networks over budget\n"
        f"best: trial {best.number}, {best.measure} {best.accuracy or 0:.2%} on the validation split; {params}\n"
        f"foretold: {costs}\n"
        f"page: {tuned.out}/tune.html\n" + (f"run: {tuned.run}" if tuned.run else f"train it: {tuned.command}")
    )


def retrained(made: Retrained) -> str:
    """`edgeferry train --base`."""
    return "\n".join(_retrained_lines(made))


def _retrained_lines(made: Retrained) -> Iterator[str]:
    outcome = made.outcome
    yield train(made.trained)
    yield (
        f"{outcome.added} pictures added to {outcome.base}; left out: {outcome.known} the older data has, "
        f"{outcome.unlabelled} without a label"
    )
    yield from (f"{one.name} test set: {one.figures_in_words()}" for one in made.sets)
    yield from (f"refused: {reason}" for reason in outcome.reasons)
    yield from (f"in doubt: {doubt}" for doubt in outcome.doubts)
    yield from (f"note: {note}" for note in outcome.notes)
    yield f"verdict: {outcome.verdict}"


def evaluate(evaluated: Evaluated | EvaluatedDetector) -> str:
    """`edgeferry evaluate`."""
    return "\n".join(_evaluate_lines(evaluated))


def _evaluate_lines(evaluated: Evaluated | EvaluatedDetector) -> Iterator[str]:
    from trainer.detection.evaluating import EvaluatedDetector

    yield (
        f"{evaluated.release} ({evaluated.kind}) on {evaluated.data}, {evaluated.split}: "
        f"{evaluated.scores.pictures} pictures, {_HELD_BACK[evaluated.held_back]}"
    )
    if isinstance(evaluated, EvaluatedDetector):
        yield from detection_lines(evaluated.scores)
        return
    scores, (low, high) = evaluated.scores, evaluated.accuracy_range
    yield f"accuracy {scores.accuracy:.2%} (95 %: {low:.2%} to {high:.2%}), macro-F1 {scores.macro_f1:.2%}"
    yield from evaluation_lines(evaluated.evaluation)
    yield from _class_lines(scores)
    yield from goal_lines(evaluated.evaluation.goals)


def _class_lines(scores: Scores) -> Iterator[str]:
    width = max(len(row.label) for row in scores.per_class)
    yield f"{'class':{width}}  precision  recall     F1  pictures"
    for row in scores.per_class:
        if row.pictures:
            yield f"{row.label:{width}}  {row.precision:9.1%}  {row.recall:6.1%}  {row.f1:5.1%}  {row.pictures:8}"
