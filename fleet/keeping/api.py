"""Calls about longer times and long lists."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query

from fleet.keeping import lists, ranges
from fleet.keeping.answers import Events, Quarantine, Series, Shares
from fleet.parts import Parts

Minutes = Annotated[float, Query(gt=0, le=60 * 24 * 400)]
Name = Annotated[str, Query(max_length=200)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Limit = Annotated[int, Query(ge=1, le=500)]


def add_keeping(api: APIRouter, parts: Parts) -> None:
    """Calls under `/series`, `/percentiles`, `/quarantine`, and two more of a device."""

    @api.get("/devices/{device}/series")
    def device_series(device: str, minutes: Minutes = 60.0, stage: Name = "total") -> Series:
        """One device over the last minutes, in at most 600 points."""
        with parts.store.reading() as connection:
            return ranges.series(connection, device, minutes=minutes, now_s=time.time(), stage=stage)

    @api.get("/devices/{device}/events")
    def device_events(device: str, offset: Offset = 0, limit: Limit = 50) -> Events:
        """One device's events, the latest first."""
        with parts.store.reading() as connection:
            return lists.events(connection, device, offset=offset, limit=limit)

    @api.get("/series")
    def fleet_series(
        minutes: Minutes = 60.0, stage: Name = "total", profile: Name | None = None, model: Name | None = None
    ) -> Series:
        """All devices together over the last minutes, or those of a profile or model, in at most 600 points."""
        with parts.store.reading() as connection:
            return ranges.series(
                connection, None, minutes=minutes, now_s=time.time(), stage=stage, profile=profile, model=model
            )

    @api.get("/percentiles")
    def percentiles(minutes: Minutes = 60.0, stage: Name = "total", by: ranges.By = "both") -> Shares:
        """Latency over the last minutes by profile and model, of every frame of every device."""
        with parts.store.reading() as connection:
            return ranges.percentiles(connection, minutes=minutes, now_s=time.time(), stage=stage, by=by)

    @api.get("/quarantine")
    def quarantine(offset: Offset = 0, limit: Limit = 50, search: Name = "") -> Quarantine:
        """What could not be read or stored, the latest first, with a sample each."""
        with parts.store.reading() as connection:
            return lists.quarantine(connection, offset=offset, limit=limit, search=search)
