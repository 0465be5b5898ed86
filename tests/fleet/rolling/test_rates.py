"""How many devices a rate allows by when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError
from fleet.rolling.rates import Rate, parse


def test_an_even_rate_tells_one_at_once_and_the_rest_evenly() -> None:
    rate = parse("60/min")
    assert rate is not None
    assert [rate.allowed(s) for s in (0, 0.9, 1, 10, 60, 600)] == [1, 1, 2, 11, 61, 601]
    assert rate.minutes_for(601) == 10
    assert parse("60/h") == Rate(1.0, 1.0, 1.0)


def test_a_growing_rate_doubles_each_minute_up_to_its_most() -> None:
    rate = parse("50/min*2..400")
    assert rate is not None
    assert [rate.allowed(60.0 * m) - 1 for m in range(6)] == [0, 50, 150, 350, 750, 1150]
    assert rate.minutes_for(751) == 4
    assert rate.minutes_for(951) == 4.5


@given(
    st.builds(
        lambda count, factor, most: parse(f"{count}/min*{factor}..{most}"),
        st.integers(1, 500),
        st.sampled_from(["1", "1.001", "1.5", "2", "10"]),
        st.integers(1, 5000),
    ),
    st.lists(st.floats(0, 1e6), min_size=2, max_size=6),
)
def test_what_is_allowed_never_shrinks(rate: Rate, moments: list[float]) -> None:
    allowed = [rate.allowed(s) for s in sorted(moments)]
    assert allowed == sorted(allowed)


def test_other_phases_are_no_rates_and_bad_rates_are_refused() -> None:
    assert parse("10%") is None
    for text in ("0/min", "5/s", "5/min*0.5", "5/min*11", "/"):
        with pytest.raises(ConfigError, match="is not a rate"):
            parse(text)
