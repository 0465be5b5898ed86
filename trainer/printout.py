"""What the trainer's commands print for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contract.run import Scores
    from trainer.check import Checked
    from trainer.evaluating import Evaluated
    from trainer.training import Trained

_HELD_BACK = {True: "held back from training", False: "trained on", None: "perhaps trained on: nobody can know"}


def check(checked: Checked) -> str:
    """`edgeferry dataset check`."""
    return "\n".join(_check_lines(checked))


def _check_lines(checked: Checked) -> Iterator[str]:
    yield f"{checked.path}: {checked.pictures} pictures, {len(checked.labels)} classes"
    if checked.smallest_wh and checked.largest_wh:
        (low_w, low_h), (high_w, high_h) = checked.smallest_wh, checked.largest_wh
        yield f"sizes from {low_w}x{low_h} to {high_w}x{high_h}"
    for split, classes in checked.splits.items():
        yield f"{split}: " + ", ".join(f"{label} {count}" for label, count in classes.items())
    for finding in checked.findings:
        yield f"{finding.severity}: {finding.what} ({finding.count})"
        yield from (f"    {example}" for example in finding.examples)
        yield f"    fix: {finding.fix}"
    if not checked.findings:
        yield "nothing to mend"


def train(trained: Trained) -> str:
    """`edgeferry train`."""
    return (
        f"{trained.name}: accuracy {trained.accuracy:.2%}, macro-F1 {trained.macro_f1:.2%} on {trained.test_pictures} "
        f"test pictures; {trained.epochs} epochs in {trained.seconds:.0f} s\n"
        f"run: {trained.run} (open {trained.run}/report.html)"
    )


def evaluate(evaluated: Evaluated) -> str:
    """`edgeferry evaluate`."""
    return "\n".join(_evaluate_lines(evaluated))


def _evaluate_lines(evaluated: Evaluated) -> Iterator[str]:
    scores, (low, high) = evaluated.scores, evaluated.accuracy_range
    yield (
        f"{evaluated.release} ({evaluated.kind}) on {evaluated.data}, {evaluated.split}: {scores.pictures} pictures, "
        f"{_HELD_BACK[evaluated.held_back]}"
    )
    yield f"accuracy {scores.accuracy:.2%} (95 %: {low:.2%} to {high:.2%}), macro-F1 {scores.macro_f1:.2%}"
    yield from _class_lines(scores)


def _class_lines(scores: Scores) -> Iterator[str]:
    width = max(len(row.label) for row in scores.per_class)
    yield f"{'class':{width}}  precision  recall     F1  pictures"
    for row in scores.per_class:
        if row.pictures:
            yield f"{row.label:{width}}  {row.precision:9.1%}  {row.recall:6.1%}  {row.f1:5.1%}  {row.pictures:8}"
