"""Which of the model's answers count in this scene."""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from contract.result import ClassScore, Detection, Result
from contract.scene import Labels


def counted(result: Result, labels: Labels) -> Result:
    """`result` with the classes and detections that `labels` lets through; the same object where it lets all."""
    if labels == Labels():
        return result
    kept = {
        name: tuple(answer for answer in answers if _counts(answer, labels))
        for name, answers in (("classes", result.classes), ("detections", result.detections))
        if answers is not UNSET
    }
    return replace(result, **kept) if kept else result


def _counts(answer: ClassScore | Detection, labels: Labels) -> bool:
    allowed = not labels.allow or answer.label in labels.allow
    return allowed and answer.label not in labels.deny and answer.score >= labels.min_score
