"""What the commands print for people."""

from __future__ import annotations

from fleet import printing


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    table = printing.columns(("ID", "STATE"), [(1, "running"), (12, None)])
    assert table == "ID  STATE\n1   running\n12"


def test_a_halted_rollout_says_why_in_its_first_line() -> None:
    target = {"device": "cam-1", "wave": 0, "state": "refused", "cause": "disk", "detail": "no room"}
    answer = {
        "id": 3,
        "release": "d@2",
        "state": "halted",
        "cause": "disk",
        "detail": "cam-1 refused",
        "devices": [target],
    }
    first, _, line = printing.rollout(answer).splitlines()
    assert first == "rollout 3 of d@2: halted (disk: cam-1 refused)"
    assert line.split() == ["cam-1", "1", "refused", "disk", "no", "room"]
