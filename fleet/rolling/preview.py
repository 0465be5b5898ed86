"""A dry run: what an order would do at this moment, from the same plan that would be kept, with nothing written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.moments import rfc3339
from fleet import deltas, rollouts, tables
from fleet.answers import RolloutOrder
from fleet.planner import Blocker, Placement, Plan
from fleet.rolling import rates
from fleet.rolling.answers import PreviewBlocker, PreviewDevice, PreviewWave, RolloutPreview
from fleet.rolling.choosing import busy
from fleet.rolling.telling import best_offer, offers_to
from fleet.rolling.terms import Terms, opens_at, terms_of
from fleet.rolling.windows import Window

SHOWN = 1000
FETCH_S = 30.0
"""A device is expected to take so long beside its two windows of frames: fetching, tests, the switch."""


class _Offer(NamedTuple):
    bytes: int
    delta: bool
    online: bool


def preview(
    connection: Connection, order: RolloutOrder, now_s: float, may_offer: deltas.MayOffer = lambda _name: True
) -> RolloutPreview:
    """Everything an order would do; ConfigError and NotFoundError for one that could not even be planned."""
    terms = terms_of(order)
    planned = rollouts.planned_for(connection, order, terms, now_s)
    placements = [placement for wave in planned.waves for placement in wave]
    offers = _offers(connection, placements, may_offer)
    taken = busy(connection)
    blocked = [*planned.blocked, *_taken(placements, taken)]
    waves, ends_s = _waves(order, terms, planned, offers, now_s)
    begins_s = opens_at(terms, now_s)
    return RolloutPreview(
        release=order.release,
        total=len(placements) + len(planned.already) + len(planned.held_back) + len(planned.blocked),
        waves=waves,
        devices=_devices(planned, offers),
        already=len(planned.already),
        held_back=len(planned.held_back),
        blocked=tuple(PreviewBlocker(device=b.device, cause=b.cause, reason=b.reason) for b in blocked[:SHOWN]),
        blocked_counts=Counter(b.cause for b in blocked),
        bytes=sum(offer.bytes for offer in offers.values()),
        minutes=(ends_s - begins_s) / 60,
        begins_at=rfc3339(begins_s),
        ends_at=rfc3339(ends_s),
        problems=_problems(order, planned, placements, taken),
    )


def _offers(connection: Connection, placements: Sequence[Placement], may_offer: deltas.MayOffer) -> dict[str, _Offer]:
    """What each device would fetch."""
    digests = {placement.digest for placement in placements}
    release, device = tables.RELEASES.c, tables.DEVICES.c
    sizes = {row.digest: row.size_bytes for row in connection.execute(sa.select(release.digest, release.size_bytes))}
    ways = offers_to(connection, digests, may_offer)
    smaller = {digest: size for found in ways.values() for _, digest, size in found}
    rows = connection.execute(sa.select(device.device, device.online, device.birth))
    known: dict[str, Any] = {row.device: row for row in rows}
    found: dict[str, _Offer] = {}
    for name, digest in placements:
        delta = best_offer(ways, digest, known[name].birth)
        size = sizes[digest] if delta is None else smaller[delta]
        found[name] = _Offer(size, delta is not None, known[name].online)
    return found


def _devices(planned: Plan, offers: dict[str, _Offer]) -> tuple[PreviewDevice, ...]:
    first = ((number, placement) for number, wave in enumerate(planned.waves) for placement in wave)
    return tuple(
        PreviewDevice(device=p.device, wave=number, digest=p.digest, **offers[p.device]._asdict())
        for (number, p), _ in zip(first, range(SHOWN), strict=False)
    )


def _waves(
    order: RolloutOrder, terms: Terms, planned: Plan, offers: dict[str, _Offer], now_s: float
) -> tuple[tuple[PreviewWave, ...], float]:
    """Each wave with the moment at which it would begin, and when the last would end."""
    each_s = FETCH_S + order.limits.health_s + (order.limits.shadow_s if order.limits.shadow_frames else 0.0)
    rate = rates.parse(order.phases[-1])
    found, at_s = [], now_s
    for number, wave in enumerate(planned.waves):
        at_s = opens_at(terms, at_s)
        rated = rate is not None and planned.rated_from is not None and number >= planned.rated_from
        telling_s = rate.minutes_for(len(wave)) * 60 if rate is not None and rated else 0.0
        last = number == len(planned.waves) - 1
        end_s = _told_by(terms, at_s, telling_s) + each_s + (0.0 if last else terms.soak_s)
        mine = [offers[placement.device] for placement in wave]
        found.append(
            PreviewWave(
                wave=number,
                phase=order.phases[-1] if rated else order.phases[min(number, len(order.phases) - 1)],
                devices=len(wave),
                online=sum(offer.online for offer in mine),
                bytes=sum(offer.bytes for offer in mine),
                begins_at=rfc3339(at_s),
                minutes=(end_s - at_s) / 60,
            )
        )
        at_s = end_s
    return tuple(found), at_s


def _told_by(terms: Terms, at_s: float, telling_s: float) -> float:
    """When `telling_s` seconds of open windows are over."""
    window = Window(terms.window)
    for _ in range(10_000):
        closes_s = window.closes_at(at_s)
        if closes_s is None or at_s + telling_s <= closes_s:
            break
        telling_s -= closes_s - at_s
        at_s = window.opens_at(closes_s)
    return at_s + telling_s


def _taken(placements: Sequence[Placement], taken: dict[str, int]) -> list[Blocker]:
    return [
        Blocker(p.device, f"it is still on its way in rollout {taken[p.device]}", "busy")
        for p in placements
        if p.device in taken
    ]


def _problems(
    order: RolloutOrder, planned: Plan, placements: Sequence[Placement], taken: dict[str, int]
) -> tuple[str, ...]:
    found = []
    if not planned.waves and not planned.already:
        found.append(f"nobody can take {order.release}")
    if count := sum(placement.device in taken for placement in placements):
        found.append(f"{count} devices are still on their way in another rollout")
    return tuple(found)
