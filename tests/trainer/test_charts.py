"""Charts: every value inside the frame, and axes a person can read."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from trainer.charts import line_chart


def points(chart: str) -> list[list[tuple[float, float]]]:
    lines = re.findall(r'points="([^"]*)"', chart)
    return [[(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())] for line in lines]


def test_a_chart_is_valid_xml_with_a_line_each_and_its_epochs() -> None:
    chart = line_chart("Loss", {"training": [2.3, 0.9, 0.4], "validation": [2.1, 1.0, 0.6]})
    ElementTree.fromstring(chart)
    assert [len(line) for line in points(chart)] == [3, 3]
    assert ">3</text>" in chart


def test_values_stay_inside_and_lower_values_lie_lower() -> None:
    (line,) = points(line_chart("Loss", {"training": [4.9, 2.0, 0.0]}))
    assert all(0 <= x <= 460 and 0 <= y <= 240 for x, y in line)
    assert [y for _, y in line] == sorted(y for _, y in line)


@pytest.mark.parametrize("values", [[0.5], [0.0, 0.0]])
def test_one_epoch_and_nothing_but_zeros_can_be_drawn(values: list[float]) -> None:
    assert points(line_chart("Loss", {"training": values}))


def test_a_title_cannot_become_markup() -> None:
    assert "<b>" not in line_chart("<b>", {"<b>": [1.0]})
