"""Words of the command line to settings."""

from __future__ import annotations

import pytest

from contract.errors import ConfigError
from fleet.judging.limits import Judging
from fleet.judging.options import NAMES, chosen_judging


def test_what_is_said_becomes_settings_and_the_rest_stays() -> None:
    said = chosen_judging(("latency=0.3", "confidence=off", "looks=60,600"))
    assert Judging.model_validate(said) == Judging(latency=0.3, confidence=None, looks_s=(60.0, 600.0))
    assert chosen_judging(()) == {}


def test_every_setting_has_a_name() -> None:
    assert {"looks_s" if name == "looks" else name for name in NAMES} == set(Judging.model_fields)


@pytest.mark.parametrize("words", ["latency", "speed=1", "latency=much", "alpha=off", "looks=soon"])
def test_what_makes_no_sense_is_refused_by_name(words: str) -> None:
    with pytest.raises(ConfigError, match="--judge"):
        chosen_judging((words,))
