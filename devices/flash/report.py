"""What became of one flashing, for people and for `--json`. It names files and sizes, never contents."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from devices.flash.plan import Plan


class Report(Struct, frozen=True, kw_only=True):
    """One target."""

    to: str
    result: Literal["installed", "unchanged", "dry-run"]
    first_boot: str = ""
    """The format the image reads."""
    because: str = ""
    """How that was told."""
    written: dict[str, int] = {}
    """Size in bytes by path."""
    removed: tuple[str, ...] = ()
    unchanged_files: int = 0
    copy_s: float = 0.0
    customise_s: float = 0.0
    """Beyond the copy: planning, writing and reading back."""
    diff: tuple[str, ...] = ()
    """Lines, of a dry run."""
    commands: tuple[str, ...] = ()
    """What is left for a person to run."""


def written_by(plan: Plan) -> dict[str, int]:
    """Sizes by path."""
    return {path: want.file.size_bytes for path, want in plan.write.items()}
