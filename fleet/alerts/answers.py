"""What the REST API answers and is asked about alerts, silences and channels. Times are RFC 3339 in UTC."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    """Frozen; the string under a field is its description in `/openapi.json`."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, extra="ignore")


class Alert(_Answer):
    """One thing that is, or was, wrong."""

    id: int
    kind: str
    """offline, latency, drift, drops, heat, restarts, outages, rollout-halted, metadata-expiry, quarantine or
    broker."""
    subject: str
    """What it is about: the device, or in words."""
    device: str | None
    site: str
    """Of the device."""
    rollout: int | None
    severity: str
    """info, warning or critical."""
    words: str
    since: str
    """When the state behind it began."""
    ended: str | None
    returns: int
    """How often it came back within the quiet period after it had ended."""
    silenced_until: str | None
    """Nobody is told until then; null when not silenced."""


class Alerts(_Answer):
    """Alerts: the open ones first, the worst first, then the newest."""

    alerts: tuple[Alert, ...]


class Silence(_Answer):
    """What need not be told until a moment: an alert for which every part that is not null fits."""

    id: int
    alert: int | None
    kind: str | None
    device: str | None
    """A device, or a pattern like `cam-*`."""
    site: str | None
    profile: str | None
    tag: str | None
    """`KEY=VALUE` of the device's birth."""
    until: str
    made_by: str
    why: str
    made_at: str


class Silences(_Answer):
    """Those in force, the longest first."""

    silences: tuple[Silence, ...]


Minutes = Annotated[float, Field(gt=0, le=60 * 24 * 366)]
Why = Annotated[str, Field(min_length=1, max_length=500)]
Word = Annotated[str, Field(min_length=1, max_length=200)]


class _Order(BaseModel):
    """Read strictly."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, extra="forbid")


class AlertSilence(_Order):
    """Silence one alert: give `minutes` or `until`."""

    minutes: Minutes | None = None
    until: AwareDatetime | None = None
    why: Why


class SilenceOrder(AlertSilence):
    """Silence every alert that fits all of what is given; at least one."""

    alert: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    kind: Word | None = None
    device: Word | None = None
    """A device, or a pattern like `cam-*`."""
    site: Word | None = None
    profile: Word | None = None
    tag: Annotated[str, Field(pattern=r"^[^=]+=.*$", max_length=200)] | None = None
    """`KEY=VALUE`."""


class Delivery(_Answer):
    """What became of a trial."""

    channel: str
    ok: bool
    detail: str


class Deliveries(_Answer):
    """One a channel; empty where `alerts.toml` names none."""

    deliveries: tuple[Delivery, ...]
