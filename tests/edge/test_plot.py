from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from contract.errors import ConfigError
from edge.plot import latency_plot, latency_svg, latency_words

SVG = "{http://www.w3.org/2000/svg}"


def timed(around_ms: float, *, count: int = 500) -> list[float]:
    chance = random.Random(around_ms)
    return [around_ms * (1 + chance.expovariate(12)) for _ in range(count)]


def words_of(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_each_series_has_its_bars_its_line_and_its_marks_over_one_axis(tmp_path: Path) -> None:
    path = tmp_path / "latency.svg"
    latency_plot({"bare": timed(4.0), "tick": timed(4.4)}, path, title="things@3 <fast> & light")
    tree = ElementTree.parse(path).getroot()
    assert len(tree.findall(f"{SVG}polyline")) == 2
    assert len([line for line in tree.iter(f"{SVG}line") if line.get("class") == "mark"]) == 6
    words = words_of(path.read_text("utf-8"))
    assert words[0] == "things@3 <fast> & light"
    assert [word for word in words if word in ("bare", "tick")] == ["bare", "tick"]
    assert sum("500 frames" in word for word in words) == 2
    width = float((tree.get("viewBox") or "").split()[2])
    bars = [rect for rect in tree.iter(f"{SVG}rect") if rect.get("fill")]
    assert len(bars) > 40
    assert all(0 <= float(bar.get("x", -1)) <= width and float(bar.get("height", -1)) > 0 for bar in bars)


def test_the_far_tail_is_cut_off_and_said() -> None:
    values = [4.0 + number / 1000 for number in range(500)] + [900.0]
    assert any("; 1 more, up to 900 ms" in word for word in words_of(latency_svg({"tick": values})))
    assert latency_words({"tick": values}).splitlines()[0].endswith("| 1 more, up to 900 ms")


@pytest.mark.parametrize(
    "values", [[], [3.0], [3.0] * 50, [0.0, 0.0], [float("nan"), 2.0, float("inf")], [1e-9, 1e9], [5.0, 4.0, 3.0]]
)
def test_any_numbers_make_a_picture_and_words(values: Sequence[float]) -> None:
    svg = latency_svg({"tick": values})
    ElementTree.fromstring(svg)
    assert "nan" not in svg
    assert latency_words({"tick": values})


def test_nothing_timed_is_said() -> None:
    assert "Nothing was timed." in words_of(latency_svg({}))
    assert latency_words({"bare": []}) == "  nothing was timed"


def test_the_words_line_up() -> None:
    lines = latency_words({"bare": timed(4.0), "tick": timed(5.0)}).splitlines()
    assert [line.split("|")[0] for line in lines[:2]] == ["  bare ", "  tick "]
    assert len(lines) == 3
    assert lines[2].startswith("        4 ms")
    assert lines[2].endswith("ms")
    assert lines[0].split("|")[1].index("█") < lines[1].split("|")[1].index("█")


def test_another_kind_of_file_and_a_place_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Choose a file name that ends in \.svg"):
        latency_plot({}, tmp_path / "latency.png")
    with pytest.raises(ConfigError, match="No such file or directory"):
        latency_plot({}, tmp_path / "nowhere" / "latency.svg")
