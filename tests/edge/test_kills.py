"""The campaign of `scripts/bench updates_kills --short`: killed at a hundred moments, a device always serves."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from contract.messages import Assignment
from contract.progress import Progress
from contract.states import State
from scripts.benchmarks._kills_bundles import Fate, Published
from scripts.benchmarks._kills_check import Found, Pointers, Truth, outcome_fault, phase, record_fault
from scripts.benchmarks._packed import packed, unpacked
from scripts.benchmarks.updates_kills import SHORT, run
from tests.broker import MOSQUITTO

A, B, C = ("sha256:" + letter * 64 for letter in "abc")
TRIAL = Pointers(current=C, fallback=A, provisional=True, earlier=B)


@pytest.mark.skipif(not shutil.which(MOSQUITTO), reason="mosquitto is not installed")
def test_a_hundred_kills_leave_a_verified_model_serving_and_a_true_record() -> None:
    tally = run(SHORT)
    assert tally.faults == []
    assert tally.kills == SHORT.kills
    assert len(tally.quick_s) > SHORT.kills // 4
    assert len(tally.phases) > 6


def published(fate: Fate) -> Published:
    return Published(path=Path(), version=3, fate=fate, digest=C, size_bytes=1, confidence=0.9, members={})


@pytest.mark.parametrize(
    ("fate", "found", "stand"),
    [
        ("good", Pointers(current=A, fallback=B), "before"),
        ("good", TRIAL, "trial"),
        ("good", Pointers(current=C, fallback=A), "after"),
        ("health", TRIAL, "trial"),
        ("health", Pointers(current=C, fallback=A), None),
        ("golden", TRIAL, None),
        ("good", Pointers(current=A), None),
        ("good", Pointers(current=B, fallback=A), None),
        ("good", Pointers(current=C, fallback=B), None),
        ("good", replace(TRIAL, earlier=None), None),
    ],
)
def test_the_judge_knows_where_the_slots_may_stand(fate: Fate, found: Pointers, stand: str | None) -> None:
    assert Truth(A, B, published(fate)).stand(found) == stand


@pytest.mark.parametrize(
    ("state", "stand", "true"),
    [
        ("testing", "before", True),
        ("committed", "before", False),
        ("committed", "after", True),
        ("provisional", "after", True),
        ("rolled-back", "trial", False),
        ("refused", "after", False),
    ],
)
def test_the_judge_sees_an_untrue_record(state: State, stand: str, true: bool) -> None:
    found = record_fault(Truth(A, B, published("good")), stand, walking(state))  # type: ignore[arg-type]
    assert (found == "") == true


@pytest.mark.parametrize(
    ("state", "pointers", "pending", "where"),
    [
        ("downloading", Pointers(current=A, fallback=B), None, "download"),
        ("switching", Pointers(current=A, fallback=B), None, "switch"),
        ("switching", TRIAL, None, "switch"),
        ("provisional", TRIAL, None, "health"),
        ("provisional", TRIAL, Pointers(current=C, fallback=A), "commit"),
        ("provisional", Pointers(current=C, fallback=A), None, "commit"),
        ("provisional", TRIAL, Pointers(current=A, fallback=B), "rollback"),
        ("provisional", Pointers(current=A, fallback=B), None, "rollback"),
        ("committed", Pointers(current=C, fallback=A), None, "collection"),
    ],
)
def test_a_kill_is_counted_where_it_fell(
    state: State, pointers: Pointers, pending: Pointers | None, where: str
) -> None:
    found = Found(pointers, walking(state), pending, leftovers=True, fresh=True)
    assert phase(found, recovering=False, told_back=False) == where


def test_a_walk_may_end_as_its_bundle_deserves_or_be_unlucky() -> None:
    assert outcome_fault("good", "committed", None) == ""
    assert outcome_fault("health", "rolled-back", "interrupted") == ""
    assert "golden" in outcome_fault("golden", "committed", None)


def test_the_stand_ins_messagepack_is_msgspecs() -> None:
    value = {"a": [1, -5, 2.5, None, True, False, "x" * 300, {"b": [300] * 40}], "c": -70_000, "d": 1 << 40, "e": ""}
    assert unpacked(msgspec.msgpack.encode(value)) == value
    assert msgspec.msgpack.decode(packed(value)) == value
    assert unpacked(msgspec.msgpack.encode(b"bytes")) == b"bytes"


def walking(state: State) -> Progress:
    assignment = Assignment(
        fleet="f", device="d", counter=1, digest=C, name="tiny", version=3, size_bytes=1, url="", deadline=""
    )
    return Progress(state=state, assignment=assignment, accepted=1)
