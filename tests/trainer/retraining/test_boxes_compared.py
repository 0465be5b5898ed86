"""The rule that lets a new detector take an old one's place, or not."""

from __future__ import annotations

import numpy as np
import pytest

from edge.marked import Found, Marked
from tests.html_balance import Balance
from tests.trainer.records import DIGEST, HOSTILE
from trainer.retraining.boxes_compared import BoxesCompared, BoxesPart, Detections, boxes_compared, boxes_rule
from trainer.retraining.comparison_section import as_html, as_markdown
from trainer.retraining.replacement import MeasuredSet, Replacement, verdict_of
from trainer.retraining.settings import Retraining

BOX = np.array([[10, 10, 30, 30]], np.float32)
LABELS = ("cat", "dog", "owl")


def said(labels: list[int]) -> Found:
    return Found(np.repeat(BOX, len(labels), axis=0), np.array(labels, np.int64), np.full(len(labels), 0.9, np.float32))


def detections(pictures: int, lost: int, *, days: int = 0, slices: int = 0) -> Detections:
    """A cat in each picture but for the last one, a dog; the new model finds all but the first `lost`."""
    labels = [0] * (pictures - 1) + [1]
    names = tuple(f"picture {number}" for number in range(pictures))
    devices = {name: {"device": "cam-1" if i < slices else "cam-2"} for i, name in enumerate(names)}
    by_day = {name: f"day {i * days // pictures}" for i, name in enumerate(names)} if days else {}
    return Detections(
        MeasuredSet("old", names, devices if slices else {}, by_day),
        truth=[Marked(BOX, np.array([label], np.int64), np.zeros(1, np.bool_)) for label in labels],
        before=[said([label]) for label in labels],
        after=[said([] if number < lost else [label]) for number, label in enumerate(labels)],
    )


def replacement() -> Replacement[BoxesCompared]:
    """Refused: half of the cats were lost."""
    limits = Retraining()
    sets = (boxes_compared(detections(21, 10), (HOSTILE, "dog", "owl"), 3, limits),)
    verdict, reasons, doubts = verdict_of(sets)
    return Replacement(
        base=HOSTILE, base_weights=DIGEST, weights=DIGEST, sets=sets, rule=boxes_rule(limits), verdict=verdict,
        reasons=reasons, doubts=doubts, notes=(),
    )  # fmt: skip


def part(found: Detections, name: str = "class cat", known: int = 3, **limits: float) -> BoxesPart:
    compared = boxes_compared(found, LABELS, known, Retraining(**limits))  # type: ignore[arg-type]
    return next(one for one in compared.parts if one.name == name)


@pytest.mark.parametrize(
    ("pictures", "lost", "finding"),
    [
        (21, 0, "holds"),
        (201, 2, "holds"),  # one of a hundred is less than two points
        (21, 4, "drop not shown"),  # p 1/16: as well an accident
        (21, 6, "refused"),  # p 1/64
        (5, 4, "drop not shown"),  # four cats: too few
    ],
)
def test_a_drop_needs_its_size_and_its_evidence(pictures: int, lost: int, finding: str) -> None:
    assert part(detections(pictures, lost)).finding == finding


def test_figures_are_cocos_and_what_is_not_asked_has_no_p() -> None:
    holds, falls = part(detections(21, 0)), part(detections(21, 10))
    assert (holds.before, holds.after, holds.p) == (pytest.approx(1.0), pytest.approx(1.0), None)
    assert (falls.after, falls.after50) == (pytest.approx(51 / 101), pytest.approx(51 / 101))
    assert (falls.pictures, falls.boxes) == (20, 20)
    assert falls.p is not None
    assert falls.p < 0.01


def test_pictures_of_one_day_are_one_piece_of_evidence() -> None:
    assert part(detections(20, 8)).finding == "refused"
    assert part(detections(20, 8, days=5)).finding == "drop not shown"  # two days lost: p 1/4


def test_a_slice_is_judged_though_the_whole_holds() -> None:
    found = boxes_compared(detections(401, 6, slices=6), LABELS, 3, Retraining())
    by_name = {one.name: one for one in found.parts}
    assert by_name["all"].finding == "holds"
    assert (by_name["device cam-1"].before, by_name["device cam-1"].after) == (pytest.approx(1.0), 0.0)
    verdict, reasons, doubts = verdict_of([found])
    assert (verdict, doubts) == ("refused", ())
    assert reasons == (
        "device cam-1 on the old test set fell from 1.000 to 0.000 of mAP50-95 (6 pictures, 6 boxes, p 0.016)",
    )


def test_a_new_class_hides_no_loss_of_known_ones() -> None:
    found = detections(20, 10)
    whole = boxes_compared(found, LABELS, 1, Retraining())  # dogs are new
    assert whole.boxes == 19
    assert whole.figures == (pytest.approx(1.0), pytest.approx(48 / 101))  # 9 of 19: recalls 0 … 0.47
    assert [one.name for one in whole.parts] == ["all", "class cat", "class dog"]


def test_where_nothing_is_marked_nothing_is_lost() -> None:
    empty = Marked(BOX[:0], np.zeros(0, np.int64), np.zeros(0, np.bool_))
    found = Detections(
        MeasuredSet("new", ("a", "b"), {}, {}), [empty, empty], [said([0]), said([])], [said([]), said([1])]
    )
    whole = boxes_compared(found, LABELS, 3, Retraining())
    assert [(one.name, one.finding) for one in whole.parts] == [("all", "holds")]


def test_card_and_report_have_a_row_a_part_and_the_rule() -> None:
    found = replacement()
    text = "\n".join(as_markdown(found))
    assert "21 pictures with 21 boxes: mAP50-95 1.000 before, 0.752 after, difference -0.248 (95 %: " in text
    assert "| class dog | 1 | 1 | 1.000 | 1.000 | 1.000 | 1.000 | holds |" in text
    assert "0.020 of mAP50-95" in text
    page = Balance()
    page.feed(as_html(found))
    assert page.open == []
    assert "script" not in page.seen
