"""How long what is kept, as options of the server."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import sqlalchemy as sa
from click.testing import CliRunner

import fleet.cli
from contract.errors import ConfigError
from fleet import tables
from fleet.keeping.options import chosen_terms
from fleet.keeping.terms import DAY_S, Terms
from fleet.store import open_store
from tests.broker import Broker
from tests.fleet.server_process import ServerProcess, eventually
from tests.fleet.simulated import FLEET


def test_options_become_terms_and_leave_the_rest() -> None:
    given = {"keep_readings": "1d", "keep_events": "2d", "keep_minutes": "3d", "keep_rollups": "4d", "other": 1}
    assert chosen_terms(given) == Terms(DAY_S, 2 * DAY_S, 3 * DAY_S, 4 * DAY_S)
    assert given == {"other": 1}


def test_the_server_has_them_and_refuses_what_is_no_length_of_time() -> None:
    helped = CliRunner().invoke(fleet.cli.fleet, ["serve", "--help"]).output
    assert all(f"--keep-{name} TIME" in helped for name in ("readings", "events", "minutes", "rollups"))
    done = CliRunner().invoke(fleet.cli.fleet, ["serve", "--fleet", "barn", "--keep-readings", "soon"])
    assert isinstance(done.exception, ConfigError)
    assert "'soon' is no length of time" in str(done.exception)


def test_a_running_server_cleans_up(tmp_path: Path, broker: Broker) -> None:
    with contextlib.closing(open_store(f"sqlite:///{tmp_path / 'fleet.db'}", fleet=FLEET)) as store:
        stamps = {"device": "cam-1", "boot": "b1", "at_s": 1.0, "body": "{}"}
        two_days_ago_s = time.time() - 2 * DAY_S
        with store.writing() as connection:
            connection.execute(tables.EVENTS.insert().values(sequence=1, received_s=two_days_ago_s, **stamps))
            connection.execute(tables.EVENTS.insert().values(sequence=2, received_s=time.time(), **stamps))

        def left() -> list[int]:
            with store.reading() as connection:
                return list(connection.scalars(sa.select(tables.EVENTS.c.sequence)))

        server = ServerProcess(tmp_path, broker.url, "--keep-events", "1d")
        assert eventually(lambda: left() == [2])
        assert server.stop() == 0
        assert "Traceback" not in server.words.read_text()
