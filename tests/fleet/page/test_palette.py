"""Contrast of everything that is written, computed from the palette."""

from __future__ import annotations

import pytest

from fleet.page.palette import DARK, LIGHT, contrast, tokens

TEXT, DRAWN = 4.5, 3.0
"""WCAG 2.2 AA: text below 18 pt, and parts of the interface."""
PALETTES = {"light": LIGHT, "dark": DARK}


def test_black_on_white_is_the_most_there_is() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", PALETTES)
def test_whatever_is_written_can_be_read(name: str) -> None:
    palette = PALETTES[name]
    grounds = ("ground", "surface", "soft", "sea")
    pairs = [(text, ground) for text in ("ink", "dim", "accent") for ground in grounds]
    pairs += [(tone, f"{tone}-soft") for tone in ("good", "busy", "bad", "warn")]
    pairs += [("ink", f"{tone}-soft") for tone in ("good", "busy", "bad", "warn")]
    pairs += [("surface", "accent"), ("surface", "bad")]
    poor = {pair: contrast(palette[pair[0]], palette[pair[1]]) for pair in pairs}
    assert {pair: value for pair, value in poor.items() if value < TEXT} == {}


@pytest.mark.parametrize("name", PALETTES)
def test_dots_bars_edges_and_the_focus_can_be_seen(name: str) -> None:
    palette = PALETTES[name]
    drawn = [(tone, g) for tone in ("good", "busy", "bad", "warn", "accent", "edge") for g in ("ground", "surface")]
    assert {pair for pair in drawn if contrast(palette[pair[0]], palette[pair[1]]) < DRAWN} == set()


def test_both_palettes_have_the_same_names_and_reach_the_style_sheet() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert tokens().count(f"--ink: {DARK['ink']};") == 2
