"""What flashing would change, file by file, for `--dry-run`: words for a person, and never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import unified_diff
from typing import Literal, NamedTuple

from devices.payload import SUMS, Payload

TEXTS = (".toml", ".txt", ".service", ".rules")
"""Files whose lines are compared; of all others it is said only that they differ."""


class Change(NamedTuple):
    """One file."""

    path: str
    change: Literal["new", "changed", "gone"]
    diff: str = ""
    """Unified, for a text that is no secret."""


def is_text(path: str) -> bool:
    """Whether its lines may be compared and shown."""
    return path.endswith(TEXTS)


def changes(payload: Payload, present: Mapping[str, bytes]) -> list[Change]:
    """Between the payload that serves (its digests, and the texts among its files) and this one, by path."""
    before = sums_of(present.get(SUMS, b""))
    after = sums_of(b"".join(payload.files[SUMS].chunks()))
    return [
        Change(
            path=path,
            change="gone" if path not in after else "new" if path not in before else "changed",
            diff=_diff(path, payload, present),
        )
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def words(change: Change) -> list[str]:
    """One line, and the differing lines below it."""
    sign = {"new": "+", "changed": "~", "gone": "-"}[change.change]
    return [f"{sign} {change.path}", *(f"    {line}" for line in change.diff.splitlines())]


def sums_of(text: bytes) -> dict[str, str]:
    """Paths and digests as sha256sum(1) lists them: 64 digits, two spaces, path."""
    return {line[66:]: line[:64] for line in text.decode().splitlines()}


def _diff(path: str, payload: Payload, present: Mapping[str, bytes]) -> str:
    if path in payload.secrets or not is_text(path):
        return ""
    old = present.get(path, b"").decode(errors="replace").splitlines()
    file = payload.files.get(path)
    new = [] if file is None else b"".join(file.chunks()).decode(errors="replace").splitlines()
    return "\n".join(
        line for line in unified_diff(old, new, lineterm="", n=0) if not line.startswith(("---", "+++", "@@"))
    )
