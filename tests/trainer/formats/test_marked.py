"""What all formats with boxes share."""

from __future__ import annotations

from trainer.data.boxes import Box
from trainer.formats.marked import most_frequent, size_mismatch


def test_the_class_most_boxes_have_is_the_pictures() -> None:
    assert most_frequent([Box(2, (0, 0, 1, 1)), Box(1, (0, 0, 1, 1)), Box(2, (0, 0, 2, 2))]) == 2
    assert most_frequent([Box(2, (0, 0, 1, 1)), Box(1, (0, 0, 1, 1))]) == 1
    assert most_frequent([]) == -1


def test_sizes_agree_are_unknown_or_are_told_apart() -> None:
    assert size_mismatch((40, 30), (40, 30)) is None
    assert size_mismatch(None, (40, 30)) is None
    assert "turned upright" in str(size_mismatch((40, 30), (30, 40)))
    assert "elsewhere" in str(size_mismatch((40, 30), (80, 60)))
