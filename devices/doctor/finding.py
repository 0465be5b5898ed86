"""What the doctor says about one thing: well, doubtful or bad, in a sentence, and what to do."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Status = Literal["ok", "warn", "bad"]


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    check: str
    """What was looked at, in a word: `clock`, `onnxruntime`, `broker` …"""
    status: Status
    what: str
    fix: str = ""
    """What to do; empty where all is well."""


def ok(check: str, what: str) -> Finding:
    """All is well."""
    return Finding(check=check, status="ok", what=what)


def warn(check: str, what: str, fix: str) -> Finding:
    """It will work, or may, but not as it should."""
    return Finding(check=check, status="warn", what=what, fix=fix)


def bad(check: str, what: str, fix: str) -> Finding:
    """Something the device is there for will not work."""
    return Finding(check=check, status="bad", what=what, fix=fix)
