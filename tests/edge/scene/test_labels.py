from __future__ import annotations

from msgspec.structs import replace

from contract.result import ClassScore
from contract.scene import Labels
from edge.scene.labels import counted
from tests.edge.scene.views import answer, found

ALL = answer(0, found(0.5, 0.5), found(0.2, 0.5, label="cat", score=0.6), found(0.8, 0.5, label="dog", score=0.3))


def labels_left(labels: Labels) -> list[str]:
    return [detection.label for detection in counted(ALL, labels).detections or ()]


def test_allow_deny_and_score() -> None:
    assert labels_left(Labels(allow=("person", "cat"))) == ["person", "cat"]
    assert labels_left(Labels(allow=("person", "cat"), deny=("cat",))) == ["person"]
    assert labels_left(Labels(min_score=0.6)) == ["person", "cat"]
    assert labels_left(Labels(allow=("bus",))) == []


def test_without_a_word_the_answer_is_the_same_object() -> None:
    assert counted(ALL, Labels()) is ALL


def test_classes_are_left_out_too() -> None:
    scores = tuple(ClassScore(index=n, label=label, score=0.5) for n, label in enumerate(("person", "cat")))
    result = counted(replace(ALL, classes=scores), Labels(deny=("cat",)))
    assert [score.label for score in result.classes or ()] == ["person"]
