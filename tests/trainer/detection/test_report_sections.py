"""What is written about a detector: every figure, and nothing a folder's name could do to the page."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from contract.reference import FLOAT
from contract.run import DetectedClass, DetectionScores, Split
from edge.drift.profile import Answers, reference_of
from edge.marked import Found, Marked
from tests.trainer.records import DIGEST, HOSTILE
from trainer.detection.dataset import BoxesRecord, Detected
from trainer.detection.gallery import gallery
from trainer.detection.printout import detection_lines
from trainer.detection.record import DetectorMetrics, DetectorRecord
from trainer.detection.report_sections import detector_card, detector_report
from trainer.settings import Augmentation, InputSettings, Suggestion, TrainConfig, resolve

LABELS = ("cell", HOSTILE)
BOX = np.array([[2, 2, 10, 10]], np.float32)


def pictures() -> Detected:
    one = Marked(BOX, np.array([0]), np.array([False]))
    frames = np.full((3, 16, 16, 3), 90, np.uint8)
    return Detected(frames, (one,) * 3, ("a.png", HOSTILE, "c.png"), ("d",) * 3, ((16, 16),) * 3)


def found(*scores: float) -> Found:
    return Found(np.repeat(BOX, len(scores), axis=0), np.zeros(len(scores), np.int64), np.array(scores, np.float32))


FOUND = (found(0.9), found(0.2), found(0.8))


def record() -> DetectorRecord:
    rows = tuple(
        DetectedClass(label=label, ap50_95=0.432, ap50=0.765, ar=0.5, precision=0.8, recall=0.7, f1=0.747, boxes=11)
        for label in LABELS
    )
    test = DetectionScores(
        pictures=3,
        boxes=22,
        map50_95=0.432,
        map50=0.765,
        map50_95_range=(0.371, 0.489),
        score_threshold=0.41,
        per_class=rows,
    )
    split = Split(pictures=3, digest=DIGEST, classes=dict.fromkeys(LABELS, 2))
    suggestion = Suggestion(preprocessing=InputSettings(size_wh=(16, 16)), augmentation=Augmentation())
    return DetectorRecord(
        settings=resolve(TrainConfig(task="detect", seed=5), name="cells", suggestion=suggestion, train_pictures=3),
        dataset=BoxesRecord(
            origin="pictures/cells",
            labels=LABELS,
            splits=dict.fromkeys(("train", "validation", "test"), split),
            digest=DIGEST,
            splits_given=True,
            seed=5,
            boxes=dict.fromkeys(("train", "validation", "test"), dict.fromkeys(LABELS, 11)),
            odd_boxes=("a.xml: no area",),
        ),
        metrics=DetectorMetrics(
            weights=DIGEST,
            test=test,
            epochs=3,
            seconds=12.5,
            threads=2,
            parameters=576551,
            kept_epoch=2,
            pictures_per_s=20.0,
            loss=(3.0, 2.0, 1.5),
            looks=((1, 0.1), (2, 0.4), (3, 0.39)),
            validation_map50_95=0.4,
            software={"python": "3.11.7"},
            machine="x86_64 Linux",
        ),
        reference=reference_of(
            pictures().frames, Answers(["cell"] * 3, np.full(3, 0.9), np.ones(3)), LABELS, made_with=FLOAT
        ),
        curves={label: tuple(np.linspace(1.0, 0.0, 101).tolist()) for label in LABELS},
        shown=gallery(pictures(), FOUND, 0.5, 2, colour="rgb"),
    )


def test_the_report_has_every_figure_and_escapes_every_name() -> None:
    page = detector_report(record())
    for figure in ("0.432", "0.371 to 0.489", "0.765", "576,551", "0.41", "74.7%", "1 odd boxes left out"):
        assert figure in page
    assert "<script" not in page
    assert page.count("data:image/jpeg;base64,") == 3


def test_the_card_has_the_table_and_leaves_open_what_nobody_said() -> None:
    card = detector_card(record())
    assert "mAP50-95 0.432 (95 % interval 0.371 to 0.489" in card
    assert "| cell | 0.432 | 0.765 | 0.500 | 80.0% | 70.0% | 74.7% | 11 |" in card
    assert card.split("## Intended use")[1].strip().startswith("_Not stated")


def test_the_worst_picture_comes_first() -> None:
    shown = gallery(pictures(), FOUND, 0.5, 2, colour="rgb")
    assert [(one.name, one.marked, one.found, one.right) for one in shown] == [
        (HOSTILE, 1, 0, 0), ("a.png", 1, 1, 1), ("c.png", 1, 1, 1),
    ]  # fmt: skip
    assert shown[0].jpeg.startswith(b"\xff\xd8")


def test_the_printout_has_a_line_a_class() -> None:
    lines = list(detection_lines(record().metrics.test))
    assert lines[0] == "mAP50-95 0.432 (95 %: 0.371 to 0.489), mAP50 0.765"
    assert len(lines) == 1 + 1 + 2 + 1


@pytest.mark.parametrize(("colour", "channels"), [("grey", 1), ("rgb", 3), ("bgr", 3)])
def test_pictures_are_shown_in_their_own_colours(colour: str, channels: int) -> None:
    fitted = np.zeros((3, 16, 16, channels), np.uint8)
    fitted[..., 0] = 200
    (first, *_) = gallery(dataclasses.replace(pictures(), frames=fitted), FOUND, 0.5, 2, colour=colour)
    corner = cv2.imdecode(np.frombuffer(first.jpeg, np.uint8), cv2.IMREAD_COLOR)[-20:, -20:].mean(axis=(0, 1))
    expected = {"grey": (200, 200, 200), "rgb": (0, 0, 200), "bgr": (200, 0, 0)}[colour]
    assert corner == pytest.approx(expected, abs=8)
