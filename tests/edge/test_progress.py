"""What a restart means in each state of the walk."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import UpdateError
from contract.messages import Assignment
from contract.progress import MOST_TRIES, Progress, after_restart
from contract.states import State
from edge.durable import Disk
from edge.progress import ProgressFile

DIGEST = "sha256:" + "1" * 64
ASSIGNMENT = Assignment(
    fleet="f", device="d", counter=4, digest=DIGEST, name="m", version=2, size_bytes=1, url="", deadline=""
)


def at(state: State, tries: int = 1) -> Progress:
    return Progress(state=state, assignment=ASSIGNMENT, tries=tries)


@pytest.mark.parametrize("state", ["downloading", "verifying", "staging", "testing"])
def test_before_the_switch_the_walk_begins_again(state: State) -> None:
    after = after_restart(at(state), provisional=False, current=None)
    assert (after.state, after.unfinished, after.counter) == ("idle", True, 4)


def test_an_assignment_that_keeps_killing_the_agent_is_refused() -> None:
    after = after_restart(at("testing", tries=MOST_TRIES), provisional=False, current=None)
    assert (after.state, after.cause) == ("refused", "interrupted")


@pytest.mark.parametrize(("state", "provisional"), [("switching", False), ("switching", True), ("provisional", True)])
def test_after_the_switch_the_device_goes_back(state: State, provisional: bool) -> None:
    after = after_restart(at(state), provisional=provisional, current=DIGEST if provisional else None)
    assert (after.state, after.cause) == ("rolled-back", "interrupted")


def test_a_commit_that_reached_only_the_slots_counts() -> None:
    assert after_restart(at("provisional"), provisional=False, current=DIGEST).state == "committed"


def test_a_roll_back_that_reached_only_the_slots_counts() -> None:
    assert after_restart(at("provisional"), provisional=False, current="sha256:old").state == "rolled-back"


@pytest.mark.parametrize("state", ["committed", "refused", "rolled-back"])
def test_a_finished_walk_stays_as_it_was(state: State) -> None:
    assert after_restart(at(state), provisional=False, current=None) == at(state)


def test_the_record_survives_a_restart_and_a_new_device_has_none(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path, Disk())
    assert file.load() == Progress()
    assert not Progress().unfinished
    file.save(at("testing"))
    assert ProgressFile(tmp_path, Disk()).load() == at("testing")
    (tmp_path / "update.json").write_bytes(b"\0" * 20)
    with pytest.raises(UpdateError, match="Delete this file"):
        file.load()
