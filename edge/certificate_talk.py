"""What the agent and the process that asks for a certificate say to each other: one line of JSON each way."""

from __future__ import annotations

from msgspec import Struct


class Task(Struct, frozen=True, kw_only=True):
    """Enrol with a code, or renew."""

    state_dir: str
    fleet: str
    device: str
    server: str
    ca_file: str | None = None
    claim: str | None = None
    """The code; None to renew."""


class Done(Struct, frozen=True, kw_only=True):
    """How it went."""

    words: str = ""
    wait_s: float = 0.0
    """Until asking again."""
    problem: str = ""
    """Empty where all is well."""
    refused: bool = False
    """Trying again will not help by itself."""
