"""Who behaves how: exact shares, the same for the same seed."""

from __future__ import annotations

from collections import Counter

import pytest

from contract.errors import ConfigError
from fleet.simulator.behaviours import DEFAULT_MIX, Traits, cast, parse_mix, parse_traits

NAMES = [f"sim-{number}" for number in range(200)]


def test_shares_are_kept_to_the_device() -> None:
    kinds = Counter(one.kind for one in cast(NAMES, parse_mix(DEFAULT_MIX), seed=1))
    assert kinds == {"good": 180, "slow": 6, "crashing": 4, "silent": 4, "lying-clock": 4, "flapping": 2}


def test_a_seed_decides_everything() -> None:
    mix = parse_mix(DEFAULT_MIX)
    one, same, other = (cast(NAMES, mix, seed) for seed in (1, 1, 2))
    assert [c.kind for c in one] == [c.kind for c in same] != [c.kind for c in other]
    assert [c.chance.random() for c in one] == [c.chance.random() for c in same]
    assert one[0].draw("crash") == same[0].draw("crash") != other[0].draw("crash")


@pytest.mark.parametrize("text", ["good=0.5", "good=1,bad=0", "good", "good=1.5,slow=-0.5"])
def test_a_mix_that_is_none_is_one_sentence(text: str) -> None:
    with pytest.raises(ConfigError, match="behaves how"):
        parse_mix(text)


def test_a_bad_release_is_described_in_words() -> None:
    assert parse_traits("digits@3:confidence=0.4,crash=0.3") == ("digits@3", Traits(confidence=0.4, crash=0.3))
    with pytest.raises(ConfigError, match="how a release behaves"):
        parse_traits("digits@3:speed=9")
