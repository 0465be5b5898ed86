"""What the commands about people print: answers as lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.printing import columns

Json = Mapping[str, Any]


def users(answer: Json) -> str:
    """One line a user."""
    rows = [(u["name"], u["role"], _state(u), u["created_at"], u["seen_at"]) for u in answer["users"]]
    return columns(("NAME", "ROLE", "STATE", "ADDED", "LAST LOGIN"), rows)


def tokens(answer: Json) -> str:
    """One line a token."""
    rows = [
        (t["id"], t["name"], t["scope"], t["owner"], t["expires_at"] or "never", t["used_at"], t["revoked_at"])
        for t in answer["tokens"]
    ]
    return columns(("ID", "NAME", "SCOPE", "OWNER", "EXPIRES", "LAST USE", "REVOKED"), rows)


def audit(answer: Json) -> str:
    """One line an entry, newest first."""
    rows = [
        (e["number"], e["at"], e["who"], e["address"], e["act"], e["about"], e["outcome"], e["detail"])
        for e in answer["entries"]
    ]
    return columns(("NUMBER", "AT", "WHO", "FROM", "ACT", "ABOUT", "OUTCOME", "DETAIL"), rows)


def audit_state(answer: Json) -> str:
    """Whether the chain holds."""
    if not answer["holds"]:
        return f"broken at entry {answer['broken']}: {answer['why']}"
    number = answer["head"].partition(":")[0]
    return f"{number} entries, each as it was written; head {answer['head']}"


def _state(user: Json) -> str:
    if user["disabled"]:
        return "disabled"
    return "must change password" if user["must_change"] else "active"
