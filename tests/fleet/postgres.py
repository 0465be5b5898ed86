"""A real PostgreSQL in a folder of its own, for tests of what must be portable."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.broker import free_port


def programs() -> dict[str, str] | None:
    """Paths of the server's programs; Debian keeps them off the PATH, a folder a major version."""
    kept = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    path = os.pathsep.join([os.environ["PATH"], *map(str, reversed(kept))])
    found = {name: shutil.which(name, path=path) for name in ("initdb", "pg_ctl")}
    return {name: where for name, where in found.items() if where} if all(found.values()) else None


@contextmanager
def postgres(*, fsync: bool = False) -> Iterator[str]:
    """The address of an empty database; skipped where PostgreSQL is not installed. `fsync` as in earnest."""
    program = programs()
    if program is None:
        pytest.skip("PostgreSQL is not installed")
    folder, port = Path(tempfile.mkdtemp(prefix="edgeferry-postgres-")), free_port()
    data = folder / "data"
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(*command: str) -> None:
        subprocess.run([*as_user, program[command[0]], *command[1:]], check=True, capture_output=True, cwd=folder)

    run("initdb", "-D", str(data), "-U", "tester", "-A", "trust", "--no-sync")
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync={'on' if fsync else 'off'}"
    run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)
