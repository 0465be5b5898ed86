"""The options of a rollout and the limits an assignment carries are the same, with the same defaults."""

from __future__ import annotations

import msgspec

from contract.messages import Limits
from fleet.answers import HealthLimits
from fleet.limit_options import OPTIONS


def test_every_limit_of_the_contract_can_be_set_and_has_its_default() -> None:
    defaults = msgspec.to_builtins(Limits())
    assert {field: default for _, field, _, default, _ in OPTIONS} == defaults
    assert HealthLimits().for_device() == Limits()
    assert set(HealthLimits.model_fields) - {"judging"} == set(defaults)
