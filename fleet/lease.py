"""Which of several servers on one store moves its rollouts: one at a time, and another within seconds when it dies.

On PostgreSQL the lease is a session's advisory lock: it ends with the connection that holds it, however the process or
its machine ends. On SQLite it is a lock on a file beside the database, which ends with the process. Two that both
believe for a moment that they lead do no harm: each step locks its rollout's row, and an assignment told twice is the
same bytes.
"""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

LOG = logging.getLogger(__name__)
CONDUCTING = (0x65666572, 2)
LOOK_S = 1.0
"""How often it is asked for, or confirmed."""


class Lock(Protocol):
    """Something that one process can hold."""

    def held(self) -> bool:
        """Take it if it is free; whether it is ours now."""

    def let_go(self) -> None:
        """Leave it to another."""


class Lease:
    """`start` and `close` once. `on_gained` runs on the lease's thread whenever the lease becomes ours."""

    def __init__(self, lock: Lock, on_gained: Callable[[], None]) -> None:
        self.ours = False
        self._lock, self._on_gained = lock, on_gained
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease")

    def start(self) -> None:
        """Ask for it now, and from then on in the background."""
        self._look()
        self._thread.start()

    def close(self) -> None:
        """Leave it to another server at once."""
        self._closing.set()
        self._thread.join()
        self.ours = False
        self._lock.let_go()

    def _run(self) -> None:
        while not self._closing.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        before, self.ours = self.ours, self._lock.held()
        if self.ours and not before:
            LOG.info("this server moves the rollouts")
            self._on_gained()
        elif before and not self.ours:
            LOG.warning("another server may move the rollouts now: the store went away")


def lock_of(engine: Engine) -> Lock:
    """What the servers on this store hold one after the other."""
    if engine.dialect.name == "postgresql":
        return _SessionLock(engine)
    assert engine.url.database is not None
    return _FileLock(Path(f"{engine.url.database}.conductor"))


class _SessionLock:
    """PostgreSQL's, on a connection of its own that does nothing else."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._mine = False

    def held(self) -> bool:
        try:
            if self._connection is None:
                self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            ask = sa.select(sa.literal(True)) if self._mine else sa.select(sa.func.pg_try_advisory_lock(*CONDUCTING))
            self._mine = bool(self._connection.scalar(ask))
        except SQLAlchemyError as problem:
            LOG.warning("the lease cannot be asked for: %s", problem)
            self.let_go()
        return self._mine

    def let_go(self) -> None:
        """The session ends, and the lock with it; a pooled connection would keep it."""
        connection, self._connection, self._mine = self._connection, None, False
        if connection is not None:
            connection.invalidate()
            connection.close()


class _FileLock:
    """The kernel's, on a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def held(self) -> bool:
        if self._file is None:
            file = self._path.open("ab")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return False
            self._file = file
        return True

    def let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
