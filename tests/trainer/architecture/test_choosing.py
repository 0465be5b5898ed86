"""The largest network that fits is taken, and where nothing does the nearest miss is named."""

from __future__ import annotations

from typing import Any

import pytest

from contract.errors import ConfigError
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.architecture.budget import parse_budgets
from trainer.architecture.choosing import candidates, choose
from trainer.settings import InputSettings, NetworkSettings

pytestmark = WITH_TENSORFLOW
PREP = InputSettings(size_wh=(32, 32), colour="grey")


def build(prep: InputSettings, network: NetworkSettings) -> Any:
    from trainer.architecture.networks import build_classifier

    return build_classifier(prep, 10, network)


def small() -> list[Any]:
    return [one for one in candidates(PREP, NetworkSettings(), sized=True) if one.network.depth == 1]


def test_a_size_that_was_said_stays_and_others_are_around_the_suggested_one() -> None:
    assert {one.prep.size_wh for one in candidates(PREP, NetworkSettings(), sized=True)} == {(32, 32)}
    sizes = {one.prep.size_wh for one in candidates(PREP, NetworkSettings(), sized=False)}
    assert (32, 32) in sizes
    assert len(sizes) > 2


def test_the_largest_that_fits_is_chosen() -> None:
    tried = small()
    choice = choose(tried, parse_budgets(["rpi4:100KB"]), build)
    larger = [one for one in tried if one.bulk > choice.candidate.bulk]
    assert choice.predicted["rpi4"].size_bytes <= 100_000
    assert min(larger, key=lambda one: one.bulk).network.width == 1.5
    assert choice.candidate.network.width == 1.0


def test_where_nothing_fits_the_nearest_is_named_with_what_it_would_need() -> None:
    with pytest.raises(ConfigError, match=r"nearest is residual of width 0.25, depth 1 at 32x32: rpi4 0.\d\d MB where"):
        choose(small()[-2:], parse_budgets(["rpi4:1KB"]), build)
