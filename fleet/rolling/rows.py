"""Rows of `assignments` before anybody has been told, and of `rollouts` as answers."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from sqlalchemy.engine import Row

from contract.moments import rfc3339
from fleet.answers import HealthLimits
from fleet.planner import Plan
from fleet.rolling.terms import Terms, opens_at

_EMPTY = dict.fromkeys(("wave", "digest", "counter", "cause", "deadline_s", "told_s", "delta", "before"))


def blank(rollout: int, device: str, now_s: float, **said: Any) -> dict[str, Any]:
    """One row with nothing but what is said."""
    moments = {"updated_s": now_s, "state_s": now_s}
    return {**_EMPTY, "detail": "", "unsent": False, "rollout": rollout, "device": device, **moments, **said}


def rows_of(rollout: int, planned: Plan, now_s: float) -> list[dict[str, Any]]:
    """A row for every device of a plan."""
    rows = [
        blank(rollout, p.device, now_s, wave=number, digest=p.digest, state="waiting")
        for number, wave in enumerate(planned.waves)
        for p in wave
    ]
    kept = "it stays on the old model to compare with"
    rows += [blank(rollout, p.device, now_s, state="held-back", detail=kept) for p in planned.held_back]
    already = "it ran this bundle already"
    rows += [blank(rollout, device, now_s, state="committed", detail=already) for device in planned.already]
    rows += [blank(rollout, b.device, now_s, state="blocked", cause=b.cause, detail=b.reason) for b in planned.blocked]
    return rows


def terms_in(row: Row[Any]) -> Terms:
    """The terms kept with a rollout."""
    return msgspec.json.decode(row.terms, type=Terms)


def facts(row: Row[Any]) -> dict[str, Any]:
    """What a rollout's row says, under the names of `RolloutSummary`."""
    terms, now_s = terms_in(row), time.time()
    opens_s = opens_at(terms, now_s) if row.state in ("unapproved", "scheduled") else now_s
    return {
        "id": row.id,
        "release": f"{row.name}@{row.version}",
        "state": row.state,
        "cause": row.cause,
        "detail": row.detail,
        "phases": msgspec.json.decode(row.phases, type=tuple[str, ...]),
        "limits": HealthLimits.model_validate_json(row.limits),
        "deadline_minutes": row.deadline_s / 60,
        "whole_if_delta_fails": row.whole_if_delta_fails,
        "budget_mib": None if row.budget_bytes is None else row.budget_bytes / 2**20,
        "created_at": rfc3339(row.created_s),
        "ended_at": None if row.ended_s is None else rfc3339(row.ended_s),
        "created_by": row.created_by,
        "target": terms.target.words,
        "back_of": row.back_of,
        "window": terms.window,
        "opens_at": rfc3339(opens_s) if opens_s > now_s else None,
        "soak_minutes": terms.soak_s / 60,
        "max_failures": terms.max_failures,
        "control_share": terms.control_share,
        "catch_up_days": terms.catch_up_days,
        "dynamic": terms.dynamic,
    }
