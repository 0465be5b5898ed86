"""Cameras on the network: not read directly yet, and said so with a way that works today."""

from __future__ import annotations

from typing import NoReturn

from contract.errors import ConfigError


def open(text: str) -> NoReturn:
    """Always ConfigError, with the command that reads the same stream through `pipe:`."""
    raise ConfigError(
        "network streams are not read directly",
        where=text,
        fix=f"Let ffmpeg read it: --source 'pipe:ffmpeg -loglevel error -i {text} -f mjpeg -'",
    )
