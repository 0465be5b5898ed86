"""The rule that lets a new model take an old one's place, or not."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.retraining.answers_compared import Answered, AnswersPart, answers_compared, sign_p
from trainer.retraining.replacement import MeasuredSet, verdict_of
from trainer.retraining.settings import Retraining

LABELS = ("cat", "dog")


def answered(pictures: int, lost: int, won: int, *, slices: int = 0) -> Answered:
    """All cats but for one dog; the old model is right but for `won`, the new one but for `lost`, in that order."""
    truth = np.array([0] * (pictures - 1) + [1], np.int64)
    before, after = np.eye(2, dtype=np.float32)[truth], np.eye(2, dtype=np.float32)[truth]
    after[:lost] = after[:lost, ::-1]
    before[lost : lost + won] = before[lost : lost + won, ::-1]
    names = tuple(f"picture {number}" for number in range(pictures))
    columns = {name: {"device": "cam-1" if number < slices else "cam-2"} for number, name in enumerate(names)}
    return Answered(MeasuredSet("old", names, columns if slices else {}, {}), truth, before, after)


def part(found: Answered, name: str = "all", **limits: float) -> AnswersPart:
    parts = {one.name: one for one in answers_compared(found, LABELS, Retraining(**limits)).parts}  # type: ignore[arg-type]
    return parts[name]


@pytest.mark.parametrize(
    ("pictures", "lost", "won", "finding"),
    [
        (100, 0, 0, "holds"),
        (100, 2, 0, "holds"),  # two points are the limit, not beyond it
        (100, 4, 0, "drop not shown"),  # p 0.0625: as well an accident
        (100, 5, 0, "refused"),  # p 0.031
        (100, 9, 6, "drop not shown"),  # p 0.30
        (250, 26, 20, "refused"),  # enough pictures: the drop itself, 2.4 points
        (4, 3, 0, "drop not shown"),
    ],
)
def test_a_drop_needs_its_size_and_its_evidence(pictures: int, lost: int, won: int, finding: str) -> None:
    found = part(answered(pictures, lost, won))
    assert (found.finding, found.lost, found.won) == (finding, lost, won)


def test_a_slice_is_judged_though_the_whole_holds() -> None:
    found = answered(400, 6, 20, slices=6)
    assert part(found).finding == "holds"
    bad = part(found, "device cam-1")
    assert (bad.pictures, bad.before, bad.after, bad.finding) == (6, 1.0, 0.0, "refused")
    verdict, reasons, doubts = verdict_of([answers_compared(found, LABELS, Retraining())])
    assert verdict == "refused"
    assert reasons == (
        "device cam-1 on the old test set fell from 100.0% to 0.0% (6 pictures, 6 lost, 0 won, p 0.016)",
    )
    assert doubts == ()


def test_limits_are_the_settings_and_classes_are_parts() -> None:
    assert part(answered(100, 5, 0), max_drop=0.1).finding == "holds"
    assert part(answered(100, 5, 0), "class cat").pictures == 99
    assert part(answered(100, 5, 0), "class dog").pictures == 1


@pytest.mark.parametrize(("lost", "won", "p"), [(0, 0, 1.0), (5, 0, 1 / 32), (3, 1, 5 / 16), (0, 4, 1.0)])
def test_the_sign_test_is_the_binomial_tail(lost: int, won: int, p: float) -> None:
    assert sign_p(lost, won) == pytest.approx(p)
