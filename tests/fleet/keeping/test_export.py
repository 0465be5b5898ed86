"""Rows for other programs."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec import structs

import fleet.cli
from contract.codec import to_json
from contract.errors import ConfigError, DataError, MissingPartError
from contract.messages import Batch
from contract.moments import rfc3339
from contract.topics import Topic
from fleet import tables
from fleet.arrivals import Arrival, refuse
from fleet.ingest import record
from fleet.keeping.export import Format, export, since
from fleet.keeping.exported import What
from fleet.store import Store
from tests.fleet.simulated import DIGEST, FLEET, reading

NOW_S = 1_770_000_000.0
COUNT = 1200


@pytest.fixture
def filled(either_store: Store) -> Store:
    """Two devices' readings, an event, a rollout, something refused."""
    with either_store.writing() as connection:
        for device, arrived_s in (("cam-1", NOW_S), ("cam-2", NOW_S - 1000)):
            said = tuple(reading(n, at_s=NOW_S + n) for n in range(1, (COUNT if device == "cam-1" else 3) + 1))
            said = (structs.replace(said[0], latency_ms={}, temperature_c=-4.5, model="=1+1@2"), *said[1:])
            batch = Batch(boot="b1", oldest=1, telemetry=said)
            record(connection, [Arrival(Topic(FLEET, device, "telemetry"), batch, to_json(batch), arrived_s)])
        record(connection, [refuse(Topic(FLEET, "cam-1", "events"), "malformed", '@x,"y"\nz', b"\0\xff", NOW_S)])
        stamps = {"device": "cam-1", "boot": "b1", "sequence": 9, "at_s": NOW_S, "received_s": NOW_S}
        connection.execute(tables.EVENTS.insert().values(**stamps, body='{"sequence":9}'))
        rollout = {"name": "digits", "version": 2, "phases": "[]", "limits": "{}", "deadline_s": 60.0, "detail": ""}
        connection.execute(tables.ROLLOUTS.insert().values(id=7, **rollout, state="running", created_s=NOW_S))
        told = {"rollout": 7, "device": "cam-1", "wave": 1, "digest": DIGEST, "state": "installing", "detail": "-x"}
        connection.execute(tables.ASSIGNMENTS.insert().values(**told, updated_s=NOW_S))
    return either_store


def read(path: Path) -> list[dict[str, Any]]:
    """Whatever was written."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    from pyarrow import parquet  # type: ignore[import-untyped]

    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_every_kind_is_written(filled: Store, tmp_path: Path, format: Format) -> None:
    counts: dict[What, int] = {"readings": COUNT + 3, "events": 1, "devices": 2, "rollouts": 1, "quarantine": 1}
    for what, count in counts.items():
        path = tmp_path / f"{what}.{format}"
        assert export(filled, what, path, format=format) == count
        assert len(read(path)) == count
    (told,) = read(tmp_path / f"rollouts.{format}")
    assert (str(told["rollout"]), told["release"], told["state"]) == ("7", "digits@2", "installing")
    (refused,) = read(tmp_path / f"quarantine.{format}")
    assert refused["sample_hex"] == "00ff"
    first = next(row for row in read(tmp_path / f"readings.{format}") if str(row["sequence"]) == "2")
    assert (first["at"], str(first["captured"]), str(first["dropped"])) == (rfc3339(NOW_S + 2), "110", "8")
    assert float(first["latency_p95_ms"]) == 6.5
    assert json.loads(first["classes"]) == {"3": 40, "7": 9, "9": 1}


def test_csv_is_safe_in_a_spreadsheet_and_numbers_stay_numbers(filled: Store, tmp_path: Path) -> None:
    export(filled, "readings", tmp_path / "r.csv", format="csv", device="cam-2")
    odd = next(row for row in read(tmp_path / "r.csv") if row["sequence"] == "1")
    assert (odd["model"], odd["temperature_c"], odd["latency_p50_ms"]) == ("'=1+1@2", "-4.5", "")
    export(filled, "quarantine", tmp_path / "q.csv", format="csv")
    assert read(tmp_path / "q.csv")[0]["detail"].startswith("'@x")
    export(filled, "rollouts", tmp_path / "o.csv", format="csv")
    assert read(tmp_path / "o.csv")[0]["detail"] == "'-x"


def test_parquet_has_types_and_leaves_text_alone(filled: Store, tmp_path: Path) -> None:
    export(filled, "readings", tmp_path / "r.parquet", format="parquet", device="cam-2")
    odd = next(row for row in read(tmp_path / "r.parquet") if row["sequence"] == 1)
    assert (odd["model"], odd["temperature_c"], odd["latency_p50_ms"], odd["throttled"]) == ("=1+1@2", -4.5, None, None)


def test_narrowed_by_device_and_by_arrival(filled: Store, tmp_path: Path) -> None:
    assert export(filled, "readings", tmp_path / "a", format="csv", since_s=NOW_S - 10) == COUNT
    assert export(filled, "readings", tmp_path / "b", format="csv", device="cam-2") == 3
    assert export(filled, "quarantine", tmp_path / "c", format="csv", device="cam-2") == 0
    assert export(filled, "quarantine", tmp_path / "d", format="csv", device="cam-1") == 1
    assert export(filled, "rollouts", tmp_path / "e", format="parquet", device="cam-2") == 0
    assert read_schema(tmp_path / "e")[:2] == ["rollout", "release"]


def read_schema(path: Path) -> list[str]:
    from pyarrow import parquet

    names: list[str] = parquet.read_schema(path).names
    return names


def test_nothing_is_overwritten_or_half_written(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(DataError, match="there already"):
        export(filled, "devices", tmp_path / "mine", format="csv")
    with filled.writing() as connection:
        stamps = {"device": "cam-3", "boot": "b", "sequence": 1, "at_s": 1.0, "received_s": 1.0}
        connection.execute(tables.TELEMETRY.insert().values(**stamps, body="no JSON"))
    for format in ("csv", "parquet"):
        with pytest.raises(DataError, match="reading 1 of cam-3"):
            export(filled, "readings", tmp_path / "new", format=format)
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("fleet.db")) == ["mine"]


def test_without_pyarrow_it_says_how_to_get_it(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPartError, match=r"pip install 'edgeferry\[export\]'"):
        export(store, "devices", tmp_path / "new", format="parquet")
    assert not (tmp_path / "new").exists()


def test_since_when() -> None:
    assert since("7d", NOW_S) == NOW_S - 7 * 86400
    assert since(rfc3339(NOW_S), 0.0) == NOW_S
    for text in ("yesterday", "2026-03-01T00:00:00", "forever!"):
        with pytest.raises(ConfigError, match="is no moment"):
            since(text, NOW_S)


def test_the_command(store: Store, tmp_path: Path) -> None:
    with store.writing() as connection:
        connection.execute(tables.DEVICES.insert().values(device="cam-1", online=True, model="m@1", first_seen_s=1.0))
    words = ["devices", "--format", "csv", "--out", str(tmp_path / "d.csv"), "--json"]
    done = CliRunner().invoke(fleet.cli.fleet, ["export", *words, "--store", f"sqlite:///{tmp_path / 'fleet.db'}"])
    assert json.loads(done.stdout)["rows"] == 1
    assert read(tmp_path / "d.csv")[0]["online"] == "true"
