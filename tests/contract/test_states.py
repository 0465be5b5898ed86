"""The update's table of states."""

from __future__ import annotations

from typing import get_args

import pytest

from contract.states import FINAL, TABLE, Event, State, next_state


def test_the_good_way_ends_committed() -> None:
    state: State = "idle"
    events: list[Event] = ["assigned", "arrived", "trusted", "staged", "passed", "agreed", "switched", "healthy"]
    for event in events:
        state = next_state(state, event)
    assert state == "committed"


def test_every_state_can_be_reached_and_every_unfinished_one_can_fail() -> None:
    states, reached = set(get_args(State)), set(TABLE.values())
    assert states - reached == {"idle"}
    for state in states - FINAL:
        assert next_state(state, "failed") in {"refused", "rolled-back"}
    for state in FINAL:
        assert next_state(state, "assigned") == "downloading"


def test_before_the_switch_failure_refuses_and_after_it_rolls_back() -> None:
    assert {next_state(s, "failed") for s in ("downloading", "verifying", "staging", "testing", "shadowing")} == {
        "refused"
    }
    assert {next_state(s, "failed") for s in ("switching", "provisional")} == {"rolled-back"}


def test_a_step_the_table_does_not_have_is_a_bug() -> None:
    with pytest.raises(ValueError, match="no way"):
        next_state("idle", "healthy")
