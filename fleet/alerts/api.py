"""The part of the API about alerts, silences and trials of channels."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from fleet.alerts import answers, silences
from fleet.alerts.listing import list_alerts
from fleet.parts import Parts
from fleet.people.actor import actor_of
from fleet.refusals import NotFoundError

Number = Annotated[int, Path(ge=1, lt=2**31)]


def add_alerts(api: APIRouter, parts: Parts) -> None:
    """Calls under `/alerts` and `/silences`."""

    @api.get("/alerts")
    def alerts(is_open: Annotated[bool | None, Query(alias="open")] = None) -> answers.Alerts:
        """What is wrong now (`open=true`), what was (`open=false`, the last 500), or both."""
        with parts.store.reading() as connection:
            return answers.Alerts(alerts=list_alerts(connection, is_open=is_open))

    @api.post("/alerts/{alert}/silence", status_code=201)
    def silence_alert(alert: Number, order: answers.AlertSilence, request: Request) -> answers.Silence:
        """Tell nobody of this alert until then."""
        with parts.store.writing() as connection:
            return silences.for_alert(connection, alert, order, actor_of(request).name, time.time())

    @api.post("/alerts/test")
    def trial(channel: Annotated[str | None, Query(max_length=63)] = None) -> answers.Deliveries:
        """Send a trial message now, to one channel or to all of them."""
        assert parts.alerts is not None
        done = parts.alerts.trial(channel, time.time())
        if channel is not None and not done:
            raise NotFoundError(f"no channel {channel!r}", where="alerts.toml", fix="Name one that is there.")
        return answers.Deliveries(deliveries=done)

    _add_silences(api, parts)


def _add_silences(api: APIRouter, parts: Parts) -> None:
    @api.get("/silences")
    def list_silences() -> answers.Silences:
        """Those in force, the longest first."""
        with parts.store.reading() as connection:
            return answers.Silences(silences=silences.listed(connection))

    @api.post("/silences", status_code=201)
    def silence(order: answers.SilenceOrder, request: Request) -> answers.Silence:
        """Tell nobody of alerts that fit, until then."""
        with parts.store.writing() as connection:
            return silences.make(connection, order, actor_of(request).name, time.time())

    @api.delete("/silences/{silence}")
    def end(silence: Number, request: Request) -> answers.Silences:
        """End one before its time; answers those that are left."""
        with parts.store.writing() as connection:
            silences.end(connection, silence, actor_of(request).name, time.time())
            return answers.Silences(silences=silences.listed(connection))
