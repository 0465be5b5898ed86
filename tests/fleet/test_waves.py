"""Whether a rollout goes on."""

from __future__ import annotations

import pytest

from fleet.waves import Done, Halt, Target, Tell, Wait, decide


def target(device: str, wave: int | None, state: str, cause: str | None = None, detail: str = "") -> Target:
    return Target(device, wave, state, cause, detail)


def test_the_first_wave_begins_at_once() -> None:
    assert decide([target("a", 0, "waiting"), target("b", 1, "waiting")]) == Tell(0)


@pytest.mark.parametrize("state", ["assigned", "downloading", "testing", "switching", "provisional"])
def test_no_wave_begins_while_one_is_under_way(state: str) -> None:
    assert decide([target("a", 0, state), target("b", 1, "waiting")]) == Wait()


def test_the_next_wave_begins_when_all_of_this_one_have_committed() -> None:
    assert decide([target("a", 0, "committed"), target("b", 1, "waiting")]) == Tell(1)


@pytest.mark.parametrize("state", ["refused", "rolled-back", "silent"])
def test_one_failure_halts_and_says_whose_and_why(state: str) -> None:
    found = decide([target("a", 0, state, "golden", "frame 3 differs"), target("b", 0, "downloading")])
    assert found == Halt("golden", f"a {state}: frame 3 differs")


def test_all_committed_is_done_and_devices_not_told_do_not_matter() -> None:
    assert decide([target("a", 0, "committed"), target("b", None, "blocked", "profile")]) == Done()
    assert decide([]) == Done()
