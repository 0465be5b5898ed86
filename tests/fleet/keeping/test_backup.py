"""A store copied out and brought back, in every direction."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from click.testing import CliRunner

import fleet.cli
from contract.codec import to_json
from contract.errors import ConfigError, DataError
from contract.messages import Batch
from contract.topics import Topic
from fleet import tables
from fleet.arrivals import Arrival, refuse
from fleet.ingest import record
from fleet.keeping import partitions
from fleet.keeping.backup import backup, restore
from fleet.store import Store, migrations, open_store
from tests.fleet.simulated import FLEET, reading

NOW_S = 1_770_000_000.0


@contextlib.contextmanager
def emptied(url: str) -> Iterator[Store]:
    """A store that nobody has claimed; cleared at the end."""
    with contextlib.closing(open_store(url, fleet=None)) as store:
        try:
            yield store
        finally:
            with store.writing() as connection:
                command.downgrade(migrations(connection), "base")


def fill(store: Store, readings: int = 2500) -> None:
    """More than two pieces of readings, over two days, and rows of other kinds with every type of column."""
    for begin in range(1, readings, 500):
        said = tuple(reading(n, at_s=NOW_S + 60 * n) for n in range(begin, min(begin + 500, readings + 1)))
        batch = Batch(boot="b1", oldest=1, telemetry=said)
        arrived = Arrival(Topic(FLEET, "cam-1", "telemetry"), batch, to_json(batch), NOW_S + 60 * begin)
        with store.writing() as connection:
            record(connection, [arrived])
    with store.writing() as connection:
        record(connection, [refuse(Topic(FLEET, "cam-1", "events"), "malformed", "ünklar '\"\\", b"\0\xff", NOW_S)])
        values = {"kind": "offline", "subject": "cam-1", "site": "", "profile": "", "tags": "{}", "severity": "high"}
        more = {"words": "away", "since_s": 0.1 + 0.2, "raised_s": 1e-9, "returns": 0, "told": "open", "id": 41}
        connection.execute(tables.ALERTS.insert().values(**values, **more))


def content(store: Store) -> dict[str, list[Any]]:
    """Every row of every table."""
    with store.reading() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for table in tables.METADATA.sorted_tables
        }


@pytest.fixture(params=["sqlite", "postgresql"])
def target_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'other.db'}"
    # A database of its own: the store it comes from may be in the first.
    url = sa.make_url(request.getfixturevalue("postgres_url"))
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if not connection.scalar(sa.text("SELECT 1 FROM pg_database WHERE datname = 'restored'")):
            connection.execute(sa.text("CREATE DATABASE restored"))
    engine.dispose()
    return url.set(database="restored").render_as_string(hide_password=False)


def test_every_row_comes_back_on_either_database(either_store: Store, target_url: str, tmp_path: Path) -> None:
    fill(either_store)
    made = backup(either_store, tmp_path / "a.backup")
    assert made.tables["telemetry"].rows == 2500
    assert (tmp_path / "a.backup").stat().st_mode & 0o077 == 0
    with emptied(target_url) as target:
        assert restore(target, tmp_path / "a.backup") == made
        assert content(target) == content(either_store)
        with target.writing() as connection:
            values = {"kind": "heat", "subject": "cam-1", "site": "", "profile": "", "tags": "{}", "severity": "low"}
            more = {"words": "", "since_s": 1.0, "raised_s": 1.0, "returns": 0, "told": "open"}
            added = connection.execute(tables.ALERTS.insert().values(**values, **more))
            assert added.inserted_primary_key == (42,)
            if target.backend == "postgresql":
                days = {one.day for one in partitions.partitions(connection, "telemetry")}
                assert days == {int(NOW_S // 86400), int(NOW_S // 86400) + 1}
                assert connection.scalar(sa.text("SELECT count(*) FROM telemetry_rest")) == 0


def test_a_backup_is_one_moment(either_store: Store, tmp_path: Path) -> None:
    fill(either_store, 10)
    with either_store.snapshot() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.TELEMETRY)) == 10
        fill_more(either_store)
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.TELEMETRY)) == 10
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.PROGRESS)) == 1
    assert backup(either_store, tmp_path / "b").tables["telemetry"].rows == 11


def fill_more(store: Store) -> None:
    batch = Batch(boot="b2", oldest=1, telemetry=(reading(1, at_s=NOW_S),))
    with store.writing() as connection:
        record(connection, [Arrival(Topic(FLEET, "cam-1", "telemetry"), batch, to_json(batch), NOW_S)])


def test_only_an_empty_store_is_filled(either_store: Store, tmp_path: Path) -> None:
    backup(either_store, tmp_path / "b")
    with pytest.raises(ConfigError, match="not empty: there are fleet"):
        restore(either_store, tmp_path / "b")


def test_nothing_is_overwritten(store: Store, tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"mine")
    with pytest.raises(DataError, match="there already"):
        backup(store, tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"mine"
    with pytest.raises(DataError, match="cannot be written"):
        backup(store, tmp_path / "nowhere" / "b")
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def rewritten(path: Path, **changed: bytes) -> Path:
    """The same archive with other members."""
    new = path.with_suffix(".new")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(new, "w") as out:
        for name in old.namelist():
            out.writestr(name, changed.get(name.partition(".")[0], old.read(name)))
    return new


@pytest.mark.parametrize("damage", ["cut", "other bytes", "no archive", "revision", "columns", "lies"])
def test_what_is_damaged_or_of_another_version_is_refused_whole(store: Store, tmp_path: Path, damage: str) -> None:
    fill(store, 10)
    path = tmp_path / "b"
    backup(store, path)
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    expected = "no sound backup"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "other bytes":
        path, expected = rewritten(path, devices=b"\0" * 99), "the rows of devices are damaged"
    elif damage == "no archive":
        path.write_bytes(b"hello")
    elif damage == "revision":
        manifest["revision"], expected = "0003", "revision 0003, and this version has"
    elif damage == "columns":
        manifest["tables"]["devices"]["columns"][0], expected = "uuid", "devices has other columns than here"
    else:
        manifest["tables"]["telemetry"]["rows"], expected = 11, "telemetry has 11 rows there and 10 here"
    if damage in ("revision", "columns", "lies"):
        path = rewritten(path, manifest=json.dumps(manifest).encode())
    with emptied(f"sqlite:///{tmp_path / 'other.db'}") as target:
        with pytest.raises(DataError, match=expected):
            restore(target, path)
        assert {name for name, rows in content(target).items() if rows} == set()


def test_the_commands(tmp_path: Path) -> None:
    url, other, file = f"sqlite:///{tmp_path / 'a.db'}", f"sqlite:///{tmp_path / 'b.db'}", str(tmp_path / "copy")
    run = CliRunner().invoke
    done = run(fleet.cli.fleet, ["store", "backup", file, "--store", url])
    assert isinstance(done.exception, ConfigError)
    assert not (tmp_path / "a.db").exists()
    with contextlib.closing(open_store(url, fleet=FLEET)) as store:
        fill(store, 10)
    said = json.loads(run(fleet.cli.fleet, ["store", "backup", file, "--store", url, "--json"]).stdout)
    assert (said["fleet"], said["rows"]["telemetry"]) == (FLEET, 10)
    assert "restored" in run(fleet.cli.fleet, ["store", "restore", file, "--store", other]).stdout
    retained = run(fleet.cli.fleet, ["store", "retain", "--store", other, "--json", "--keep-events", "forever"])
    assert json.loads(retained.stdout)["deleted from telemetry"] == 10
