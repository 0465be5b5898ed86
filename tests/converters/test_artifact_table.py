"""The table on a terminal: columns that stand under their headings, dashes for what nobody measured."""

from __future__ import annotations

from converters.artifact_table import artifact_lines
from tests.converters.pages import rows


def test_columns_stand_under_their_headings() -> None:
    head, first, *_ = artifact_lines(rows())
    for name, value in (("SIZE", "234.4 KiB"), ("ACCURACY", "98.80%"), ("SQNR", "exact"), ("THERE", "2.13 ms")):
        assert head.index(name) + len(name) == first.index(value) + len(value), name
    assert head.index("VERDICT") == first.index("passed")


def test_a_refused_artifact_says_why_below_and_dashes_for_the_rest() -> None:
    lines = list(artifact_lines(rows()))
    refused = next(line for line in lines if line.startswith("onnx-int8 "))
    assert refused.split() == ["onnx-int8", "70.3", "KiB", "94.10%", "-", "-", "-", "-", "-", "refused"]
    assert lines[-1].startswith("onnx-int8: accuracy fell")


def test_another_metric_has_its_own_heading_and_no_percent() -> None:
    head, first, *_ = artifact_lines(rows(), metric="mean error", is_share=False)
    assert "MEAN ERROR" in head
    assert " 0.988 " in first
