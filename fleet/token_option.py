"""The options by which a command finds a server and is let in: its address, and a token from a file or the environment.

A token is never an argument, which other users of the machine could read from the list of processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from contract.errors import ConfigError

DEFAULT_SERVER = "http://127.0.0.1:8080"
VARIABLE = "EDGEFERRY_TOKEN"
_META = "edgeferry.token-file"
_LONGEST_BYTES = 4096


def server_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--server`, which the command gets, and `--token-file`, which `given_token` reads."""
    server = click.option("--server", default=DEFAULT_SERVER, show_default=True, help="Address of the fleet server.")
    token = click.option(
        "--token-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=f"File with the token that lets this command in.  [default: the variable {VARIABLE}]",
        expose_value=False,
        callback=_remember,
    )
    return server(token(command))


def given_token() -> str:
    """The token of the command that is running, or of the environment; empty where there is none."""
    context = click.get_current_context(silent=True)
    file = context.meta.get(_META) if context else None
    token = _read(file) if file is not None else os.environ.get(VARIABLE, "").strip()
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ConfigError("that is not a token", where=str(file or VARIABLE), fix="Make one: edgeferry fleet token new")
    return token


def _remember(context: click.Context, _parameter: click.Parameter, file: Path | None) -> None:
    if file is not None:
        context.meta[_META] = file


def _read(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return stream.read(_LONGEST_BYTES).decode("utf-8", "replace").strip()
    except OSError as problem:
        raise ConfigError(
            f"cannot be read: {problem.strerror}", where=str(file), fix="Give a file with a token."
        ) from problem
