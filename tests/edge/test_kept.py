"""Which leading rows make a batch."""

from __future__ import annotations

import pytest

from contract.codec import to_json
from edge.kept import Row, one_run
from tests.edge.test_outbox import event, reading


def row(boot: int, sequence: int, kind: str = "telemetry") -> Row:
    body = to_json(reading(sequence) if kind == "telemetry" else event(sequence))
    return Row(boot, sequence, kind, body)  # type: ignore[arg-type]


def numbers(rows: list[Row], max_bytes: int = 1 << 20) -> list[int]:
    return [message.sequence for _, message in one_run(rows, max_bytes)]


def test_a_run_ends_with_its_boot_its_kind_or_its_room() -> None:
    assert numbers([row(1, 1), row(1, 2), row(2, 3)]) == [1, 2]
    assert numbers([row(1, 1), row(1, 2, "events"), row(1, 3)]) == [1]
    assert numbers([row(1, 1), row(1, 2), row(1, 3)], max_bytes=2 * len(row(1, 1).body) + 2) == [1, 2]


def test_a_first_row_larger_than_the_room_goes_alone() -> None:
    assert numbers([row(1, 1), row(1, 2)], max_bytes=1) == [1]


def test_a_run_ends_before_what_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    spoilt = Row(1, 2, "telemetry", b"{}")
    assert numbers([row(1, 1), spoilt]) == [1]
    assert numbers([spoilt, row(1, 3)]) == []
    assert "message 2 (telemetry) is given up" in caplog.text
