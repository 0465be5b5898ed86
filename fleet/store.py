"""The database behind the fleet: opened, migrated and handed out one transaction at a time.

SQLite (WAL) by default, PostgreSQL by URL. What SQLAlchemy and the drivers raise while opening becomes one of our
errors here; during work their errors go to the caller, who knows whether to try again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from contract.errors import ConfigError, MissingPartError
from fleet import tables
from fleet.lease import Lock, lock_of

DEFAULT_URL = "sqlite:///edgeferry-fleet.db"
_WRITES = "edgeferry_writes"
MIGRATING = (0x65666572, 1)
"""PostgreSQL's advisory locks have two numbers; `fleet/lease.py` has another."""


class Store:
    """An open, migrated store. Threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.backend: str = engine.dialect.name

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees one state of everything."""
        with self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that is on disk when the block ends, or undone when it raises."""
        with self._engine.connect() as plain, (connection := plain.execution_options(**{_WRITES: True})).begin():
            yield connection

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A reading transaction in which every statement sees the state of the first, on PostgreSQL too."""
        with self._engine.connect() as plain:
            level = {"isolation_level": "REPEATABLE READ"} if self.backend == "postgresql" else {}
            with (connection := plain.execution_options(**level)).begin():
                yield connection

    def lock(self) -> Lock:
        """What one of several servers on this store holds while it moves the rollouts."""
        return lock_of(self._engine)

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def open_store(url: str, *, fleet: str | None) -> Store:
    """The store at `url`, its tables brought up to date; ConfigError where it cannot be, or is another fleet's.

    Without `fleet`, whoever it belongs to, perhaps nobody yet.
    """
    with contextlib.ExitStack() as undo:
        store = Store(connect(url))
        undo.callback(store.close)
        try:
            with store.writing() as connection:
                _one_at_a_time(connection)
                command.upgrade(migrations(connection), "head")
                if fleet is not None:
                    _claim(connection, fleet, _shown(url))
        except (SQLAlchemyError, CommandError) as problem:
            raise ConfigError(
                f"the store cannot be opened: {_first_line(problem)}",
                where=_shown(url),
                fix="Give --store a writable sqlite:///FILE, or postgresql+psycopg://USER@HOST/NAME that runs.",
            ) from problem
        undo.pop_all()
    return store


def connect(url: str) -> Engine:
    """An engine for `url` that has not connected yet."""
    try:
        engine = sa.create_engine(url)
    except ModuleNotFoundError as missing:
        raise MissingPartError(
            f"the driver {missing.name!r} is not installed", where=_shown(url), fix="pip install 'edgeferry[scale]'"
        ) from missing
    except (ArgumentError, NoSuchModuleError, ValueError) as problem:
        raise ConfigError(
            f"not a database address: {problem}", where="--store", fix="Write sqlite:///FILE or postgresql+psycopg://…"
        ) from problem
    if engine.dialect.name == "sqlite":
        if engine.url.database in (None, "", ":memory:"):
            raise ConfigError("a store in memory forgets", where="--store", fix="Write sqlite:///FILE.")
        _tune_sqlite(engine)
    return engine


def migrations(connection: Connection) -> Config:
    """What Alembic's commands need to work within the caller's transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _one_at_a_time(connection: Connection) -> None:
    """Several servers may start at once: the first migrates, the others wait and find it done.

    Until the transaction ends; SQLite's write transactions are one at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*MIGRATING)))


def _claim(connection: Connection, fleet: str, where: str) -> None:
    """Make the store this fleet's, if it is nobody's yet."""
    owner = connection.scalar(sa.select(tables.FLEET.c.name))
    if owner is None:
        connection.execute(tables.FLEET.insert().values(name=fleet))
    elif owner != fleet:
        raise ConfigError(
            f"it holds the fleet {owner!r}, not {fleet!r}", where=where, fix="Give each fleet a store of its own."
        )


def _tune_sqlite(engine: Engine) -> None:
    """WAL, so that readers never wait for the writer; FULL, because an acknowledged message is deleted elsewhere.

    The driver's own idea of transactions is switched off: a write transaction takes its lock at once, so that two
    of them wait for each other in the beginning and not in the middle, where SQLite would refuse one.
    """

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        # The first counts for new files alone; `fleet/keeping/retention.py` gives pages back there.
        for pragma in (
            "auto_vacuum = INCREMENTAL",
            "journal_mode = WAL",
            "synchronous = FULL",
            "busy_timeout = 10000",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _shown(url: str) -> str:
    """`url` without its password."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "--store"


def _first_line(problem: Exception) -> str:
    return str(getattr(problem, "orig", None) or problem).splitlines()[0]
