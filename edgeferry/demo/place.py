"""Where the demo works: checked before its minutes of training, so that a slip is told at once."""

from __future__ import annotations

import socket
from pathlib import Path

from contract.errors import ConfigError


def check_folder(work: Path) -> None:
    """ConfigError unless `work` is an empty folder, or one that can be made."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        used = any(work.iterdir())
    except OSError as problem:
        raise ConfigError(
            f"the demo cannot work there: {problem.strerror}", where=str(work), fix="Choose another --work folder."
        ) from problem
    if used:
        raise ConfigError("the folder is not empty", where=str(work), fix="Give --work an empty or a new folder.")


def check_port(port: int) -> None:
    """ConfigError where somebody else listens on `port` of this machine."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as problem:
        raise ConfigError(
            f"the page cannot listen there: {problem.strerror}",
            where=f"--port {port}",
            fix="Choose another --port, or none for a free one.",
        ) from problem
