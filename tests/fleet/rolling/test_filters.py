"""Which devices a filter picks, and what it says when it cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError
from fleet.rolling.filters import Facts, parse

MUNICH = {"lat": "48.137", "lon": "11.575", "line": "3", "floor name": "2 b"}
CAM = Facts("cam-7", "dock", "rpi4", "digits@2", MUNICH)


@pytest.mark.parametrize(
    "text",
    [
        "site=dock",
        "site=dock and profile in (rpi4,rpi5) and tag.line=3 and not model=digits@1 and within(48.1,11.5,20km)",
        "id=cam-*",
        "id=cam-?",
        "model=digits",
        "site=gate or profile=rpi4",
        "not (site=gate or profile=rpi5)",
        "site!=gate",
        'tag.none=""',
        'site="dock"',
    ],
)
def test_what_fits(text: str) -> None:
    assert parse(text)(CAM)


@pytest.mark.parametrize(
    "text",
    [
        "site=gate",
        "site=dock and profile in (rpi5)",
        "within(52.5,13.4,100km)",
        "id=cam",
        "model=digit",
        "not id=cam-7 or site=gate and id=cam-7",
    ],
)
def test_what_does_not(text: str) -> None:
    assert not parse(text)(CAM)


def test_and_binds_closer_than_or() -> None:
    assert parse("site=dock or site=gate and profile=none")(CAM)
    assert not parse("(site=dock or site=gate) and profile=none")(CAM)


def test_a_distance_is_measured_on_the_sphere() -> None:
    berlin = "within(52.520,13.405,{}km)"  # 504 km from Munich
    assert parse(berlin.format(506))(CAM)
    assert not parse(berlin.format(502))(CAM)
    assert not parse("within(48,11,20000km)")(CAM._replace(tags={"lat": "nowhere", "lon": "11"}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "its end came where a field was expected"),
        ("site", "its end came where `=` was expected"),
        ("colour=red", "'colour' is none of id, site, profile, model, tag.NAME"),
        ("site=dock profile=rpi4", "'profile' at character 11 came where `and` or `or` was expected"),
        ("profile in (rpi4", "its end came where `)` was expected"),
        ("within(48,11,20)", "'20' is not a distance like 20km"),
        ("within(99,11,20km)", "'99' is not a number up to 90"),
        ("site=dock;drop", "nothing can be made of ';drop'"),
        ("(" * 60, "nested deeper"),
        ("tag.=3", "'tag.' is none of"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse(text)
    assert words in refusal.value.what


@given(st.text(alphabet='site=dock()nota,.*"!@ 1km', max_size=40))
def test_any_text_is_a_filter_or_a_config_error(text: str) -> None:
    try:
        found = parse(text)
    except ConfigError:
        return
    assert found(CAM) in (True, False)
