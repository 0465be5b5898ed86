"""Charts of an evaluation: valid, inside their frame, and true to the numbers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from trainer.measurement.evaluation_charts import bar, heat_map, reliability_diagram
from trainer.measurement.measures import Bin, Ranged


def test_dots_lie_above_the_diagonal_where_the_model_was_too_modest() -> None:
    bins = (Bin(pictures=20, sureness=0.5, right=0.75), Bin(pictures=5, sureness=0.9, right=0.8))
    chart = reliability_diagram("Scores <as> they are", bins)
    ElementTree.fromstring(chart)
    dots = [tuple(map(float, pair)) for pair in re.findall(r'cx="([0-9.]+)" cy="([0-9.]+)"', chart)]
    ideal = [float(y) for y in re.findall(r'class="gap"[^>]* y2="([0-9.]+)"', chart)]
    assert dots[0][1] < ideal[0]  # SVG counts downwards
    assert dots[1][1] > ideal[1]
    assert all(0 <= value <= 320 for dot in dots for value in dot)
    ElementTree.fromstring(reliability_diagram("none", ()))


def test_a_bar_is_as_long_as_its_share_and_stays_inside() -> None:
    drawn = bar(Ranged(value=0.5, low=-0.1, high=1.2))
    ElementTree.fromstring(drawn)
    assert 'class="filled" width="60.0"' in drawn
    assert 'x1="0.0" x2="120.0"' in drawn
    assert bar(None) == ""


def test_a_heat_map_is_deepest_where_the_loss_is_largest() -> None:
    drawn = heat_map("Grid", {"fog": (0.9, 0.5), "<b>": (0.1, 0.0)}, ("1", "2"), best=0.9)
    ElementTree.fromstring(drawn)
    depths = [float(depth) for depth in re.findall(r"--miss\), ([0-9.]+)\)", drawn)]
    assert depths == sorted(depths)
    assert depths[0] == 0.0
    assert "<b>" not in drawn
    heat_map("Grid", {"fog": (0.0,)}, ("1",), best=0.0)
