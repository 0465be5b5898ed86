"""What a look at pictures and labels found before anything is converted with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from contract.errors import DataError


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or may be."""

    level: Literal["error", "warning"]
    """An error refuses the conversion; a warning is said."""
    check: str
    """A word for machines, e.g. `leak`."""
    what: str
    fix: str


def raise_errors(findings: Sequence[Finding], *, where: str) -> None:
    """DataError naming every error among `findings`, with the first one's fix; nothing where there is none."""
    errors = [finding for finding in findings if finding.level == "error"]
    if errors:
        raise DataError("; ".join(error.what for error in errors), where=where, fix=errors[0].fix)
