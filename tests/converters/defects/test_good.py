"""None of fifty good conversions is refused: a gate that cries wolf is switched off."""

from __future__ import annotations

import pytest

from contract.errors import GateError
from tests.converters.defects.conversion import refusal
from tests.converters.defects.good import GOOD, LOSSY


def test_there_are_enough() -> None:
    assert len(GOOD) >= 50


@pytest.mark.parametrize("name", GOOD)
def test_a_good_conversion_passes(name: str) -> None:
    assert refusal(GOOD[name]()) is None


@pytest.mark.parametrize("name", LOSSY)
def test_a_conversion_that_lost_too_much_by_itself_is_refused(name: str) -> None:
    problem = refusal(LOSSY[name]())
    assert isinstance(problem, GateError)
    assert problem.what.startswith("quantisation lost too much")
