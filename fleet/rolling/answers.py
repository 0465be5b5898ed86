"""Shapes of the REST API about groups, steps, dry runs and penalties; the string under a field is its description."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, extra="ignore")


class GroupOrder(BaseModel):
    """Make a group: by a filter, whose members change with the devices, or by a list."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
    filter: str | None = None
    """Like `site=dock and tag.line=3`."""
    devices: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class Group(_Answer):
    """A named set of devices."""

    name: str
    filter: str | None
    devices: tuple[str, ...] | None
    """The list it was made of; null for a filter."""
    created_at: str
    created_by: str


class GroupDetail(Group):
    """A group and who is in it at this moment."""

    size: int
    members: tuple[str, ...]
    """By name, at most 1,000."""


class Groups(_Answer):
    """All groups by name."""

    groups: tuple[Group, ...]


class RolloutStep(_Answer):
    """Something that was done with a rollout."""

    at: str
    by: str
    """A person or program, or `server`."""
    what: str
    """created, approved, began, told, scheduled, paused, resumed, joined, halted, done, taken-back."""
    detail: str


class PreviewWave(_Answer):
    """What one wave would be."""

    wave: int
    """From 0."""
    phase: str
    devices: int
    online: int
    bytes: int
    """To be fetched by all of them together."""
    begins_at: str
    """At the earliest, if nothing fails."""
    minutes: float
    """For all its online devices, soaking included."""


class PreviewDevice(_Answer):
    """What one device would be told."""

    device: str
    wave: int
    digest: str
    bytes: int
    delta: bool
    """Whether these bytes are a delta."""
    online: bool


class PreviewBlocker(_Answer):
    """A device that would not be told."""

    device: str
    cause: str
    reason: str


class RolloutPreview(_Answer):
    """What an order would do if it were given now; nothing has been done."""

    release: str
    total: int
    """Devices it is for."""
    waves: tuple[PreviewWave, ...]
    devices: tuple[PreviewDevice, ...]
    """In the order in which they would be told, at most 1,000."""
    already: int
    """Devices that run it."""
    held_back: int
    """Devices left on the old model for good."""
    blocked: tuple[PreviewBlocker, ...]
    """At most 1,000."""
    blocked_counts: dict[str, int]
    """By cause."""
    bytes: int
    minutes: float
    """From the first telling to the end, if nothing fails; devices that are offline are not counted."""
    begins_at: str
    ends_at: str
    problems: tuple[str, ...]
    """Why the order would be refused, if it would."""


class Penalty(_Answer):
    """A device that is told nothing for a while."""

    device: str
    since: str
    until: str
    detail: str


class Penalties(_Answer):
    """Everybody in the penalty box, by name."""

    penalties: tuple[Penalty, ...]
