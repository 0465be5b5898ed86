"""The part of the API that changes rollouts, and groups and penalties."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi import Path as PathParameter

from fleet import answers, rollouts
from fleet.parts import Parts
from fleet.people.actor import actor_of
from fleet.rolling import answers as shapes
from fleet.rolling import groups, penalties

RolloutId = Annotated[int, PathParameter(ge=1, lt=2**31)]


def add_rolling(api: APIRouter, parts: Parts) -> None:
    """Calls under `/rollouts`, `/groups` and `/penalties`."""
    _add_orders(api, parts)
    _add_acts(api, parts)
    _add_groups(api, parts)
    _add_penalties(api, parts)


def _add_orders(api: APIRouter, parts: Parts) -> None:
    @api.post("/rollouts", status_code=201)
    def create(order: answers.RolloutOrder, request: Request) -> answers.Rollout:
        """Carry a release to devices, wave by wave."""
        return parts.conductor.create(order, actor_of(request).name)

    @api.post("/rollouts/preview")
    def preview(order: answers.RolloutOrder) -> shapes.RolloutPreview:
        """A dry run: who would get what, when, and at what cost. Nothing is done."""
        return parts.conductor.preview(order)

    @api.get("/rollouts/{rollout}")
    def show(
        rollout: RolloutId,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
        limit: Annotated[int, Query(ge=0, le=5000)] = rollouts.PAGE,
        state: str | None = None,
    ) -> answers.Rollout:
        """One rollout with a page of its devices, in one state if asked, and the cause where it failed."""
        with parts.store.reading() as connection:
            return rollouts.show(connection, rollout, offset=offset, limit=limit, state=state)


def _add_acts(api: APIRouter, parts: Parts) -> None:
    conductor = parts.conductor

    @api.post("/rollouts/{rollout}/approve")
    def approve(rollout: RolloutId, request: Request) -> answers.Rollout:
        """Let it begin; where users exist, somebody else than who ordered it has to."""
        return conductor.approve(rollout, actor_of(request).name)

    @api.post("/rollouts/{rollout}/pause")
    def pause(rollout: RolloutId, request: Request) -> answers.Rollout:
        """Tell nobody until it is resumed; devices under way finish."""
        return conductor.pause(rollout, actor_of(request).name)

    @api.post("/rollouts/{rollout}/resume")
    def resume(rollout: RolloutId, request: Request) -> answers.Rollout:
        """Go on with a paused one."""
        return conductor.resume(rollout, actor_of(request).name)

    @api.post("/rollouts/{rollout}/abort")
    def abort(rollout: RolloutId, request: Request) -> answers.Rollout:
        """Stop it: no further wave, and unfinished devices are told no more."""
        return conductor.abort(rollout, actor_of(request).name)

    @api.post("/rollouts/{rollout}/rollback", status_code=201)
    def roll_back(rollout: RolloutId, request: Request) -> answers.Rollout:
        """Begin a rollout that takes every device touched by this one back to what it ran before."""
        return conductor.roll_back(rollout, actor_of(request).name)


def _add_groups(api: APIRouter, parts: Parts) -> None:
    @api.get("/groups")
    def list_groups() -> shapes.Groups:
        """All groups by name."""
        with parts.store.reading() as connection:
            return shapes.Groups(groups=groups.list_groups(connection))

    @api.post("/groups", status_code=201)
    def create_group(order: shapes.GroupOrder, request: Request) -> shapes.GroupDetail:
        """Name a set of devices, by a filter or by a list."""
        with parts.store.writing() as connection:
            groups.create(connection, order, time.time(), actor_of(request).name)
            return groups.show(connection, order.name)

    @api.get("/groups/{name}")
    def show_group(name: str) -> shapes.GroupDetail:
        """One group and its members at this moment."""
        with parts.store.reading() as connection:
            return groups.show(connection, name)

    @api.delete("/groups/{name}")
    def delete_group(name: str) -> shapes.Groups:
        """Forget it; returns the groups that are left."""
        with parts.store.writing() as connection:
            groups.delete(connection, name)
            return shapes.Groups(groups=groups.list_groups(connection))


def _add_penalties(api: APIRouter, parts: Parts) -> None:
    @api.get("/penalties")
    def list_penalties() -> shapes.Penalties:
        """Devices that are told nothing for a while."""
        with parts.store.reading() as connection:
            return shapes.Penalties(penalties=penalties.list_penalties(connection, time.time()))

    @api.delete("/penalties/{device}")
    def release(device: str) -> shapes.Penalties:
        """Let one device out; returns who is left."""
        with parts.store.writing() as connection:
            penalties.release(connection, device, time.time())
            return shapes.Penalties(penalties=penalties.list_penalties(connection, time.time()))
