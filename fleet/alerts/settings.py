"""`alerts.toml`: what is an alert, how patient to be, and whom to tell. Every key has a default; no file is needed.

Read strictly. An unknown key is refused with the nearest right one, because a misspelled threshold would otherwise
be an alert that never comes.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from contract.codec import from_toml
from contract.errors import ConfigError

Severity = Literal["info", "warning", "critical"]
RANK: dict[str, int] = {severity: rank for rank, severity in enumerate(get_args(Severity))}
Seconds = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Times = Annotated[int, Meta(ge=1)]
Looks = Annotated[int, Meta(ge=1, le=10_000)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


class Offline(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that is gone, or connected and silent."""

    enabled: bool = True
    severity: Severity = "critical"
    after_s: Seconds = 300.0
    """Offline for so long."""
    clear_s: Seconds = 60.0
    """Back for so long."""
    silent_s: Positive = 900.0
    """Connected, and nothing heard for so long and for three of its own reporting windows: as good as offline."""


class Latency(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The p95 of the whole frame (`total`) over a reporting window."""

    enabled: bool = True
    severity: Severity = "warning"
    above_ms: Positive | None = None
    """A fixed limit; none by default, because no limit fits every model."""
    factor: Annotated[float, Meta(gt=1)] | None = 2.0
    """Over what is usual for this device: the median of its last day with this bundle."""
    learn_s: Positive = 3600.0
    """What is usual is known after so much time with a bundle."""
    windows: Looks = 6
    clear_windows: Looks = 6
    clear_share: Share = 0.8
    """Clears below this share of the limit."""


class Drift(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The two lamps of docs/drift.md."""

    enabled: bool = True
    severity: Severity = "warning"
    model_suffering: bool = True
    input_changed: bool = False
    """Off: a fixed camera that was not in the reference's pictures has this lamp lit from the start."""
    windows: Looks = 2
    """Windows of pictures with a lamp lit, in a row, over all cameras of a device."""
    clear_windows: Looks = 3


class Drops(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frames that were captured and never looked at, over captured ones, between two readings."""

    enabled: bool = True
    severity: Severity = "warning"
    above: Share = 0.5
    clear_below: Share = 0.3
    frames: Times = 20
    """Fewer captured frames say nothing."""
    windows: Looks = 6
    clear_windows: Looks = 6


class Heat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Temperature, and what the firmware says about it and about the power supply."""

    enabled: bool = True
    severity: Severity = "warning"
    above_c: float = 80.0
    clear_below_c: float = 75.0
    throttled: bool = True
    under_voltage: bool = True
    windows: Looks = 3
    clear_windows: Looks = 6


class Restarts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The inference process began anew."""

    enabled: bool = True
    severity: Severity = "warning"
    times: Times = 3
    within_s: Positive = 3600.0
    """Clears when there was none for so long."""


class Outages(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A camera went away."""

    enabled: bool = True
    severity: Severity = "warning"
    times: Times = 3
    within_s: Positive = 3600.0


class RolloutHalted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The newest rollout of a model stopped by itself."""

    enabled: bool = True
    severity: Severity = "critical"


class MetadataExpiry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The update repository's documents: devices take nothing after they expire."""

    enabled: bool = True
    severity: Severity = "critical"
    days: Positive = 30.0
    """Before root or targets expire: people sign those."""
    online_hours: Positive = 6.0
    """Before snapshot or timestamp expire: the server renews those by itself, so this means that it cannot."""


class Quarantine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Messages that could not be read."""

    enabled: bool = True
    severity: Severity = "warning"
    messages: Times = 100
    within_s: Positive = 3600.0
    """Clears when fewer than a tenth came in so long."""


class BrokerGone(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server has no broker; meanwhile no device is called offline."""

    enabled: bool = True
    severity: Severity = "critical"
    after_s: Seconds = 60.0
    clear_s: Seconds = 30.0
    settle_s: Seconds = 90.0
    """After the broker is back, or the server began: devices have so long to come back before any is offline."""


class Webhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JSON POST."""

    name: Name
    url: str
    secret_file: str | None = None
    """Its content signs each request; relative to this file."""
    timeout_s: Annotated[float, Meta(gt=0, le=60)] = 10.0
    kinds: tuple[str, ...] = ()
    """Of alerts; empty for all."""
    min_severity: Severity = "info"


class Email(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mail to some people."""

    name: Name
    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    """None for 587 with STARTTLS, 465 with TLS, 25 with none."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    """Where the system lacks the server's authority."""
    sender: str
    to: Annotated[tuple[str, ...], Meta(min_length=1)]
    timeout_s: Annotated[float, Meta(gt=0, le=60)] = 20.0
    kinds: tuple[str, ...] = ()
    min_severity: Severity = "info"


class AlertSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `alerts.toml`."""

    every_s: Annotated[float, Meta(ge=0.05, le=300)] = 5.0
    """Between two looks."""
    group_wait_s: Seconds = 30.0
    """A first alert of a kind waits so long for others, and one message tells them all."""
    group_interval_s: Seconds = 300.0
    """Between two messages about one kind."""
    quiet_s: Seconds = 3600.0
    """What came back within this time is told at most once in it."""
    keep_days: Positive = 90.0
    """Alerts that ended are kept so long."""
    give_up_hours: Positive = 24.0
    """A notification that cannot be sent is tried for so long."""
    offline: Offline = Offline()
    latency: Latency = Latency()
    drift: Drift = Drift()
    drops: Drops = Drops()
    heat: Heat = Heat()
    restarts: Restarts = Restarts()
    outages: Outages = Outages()
    rollout_halted: RolloutHalted = RolloutHalted()
    metadata_expiry: MetadataExpiry = MetadataExpiry()
    quarantine: Quarantine = Quarantine()
    broker: BrokerGone = BrokerGone()
    webhook: tuple[Webhook, ...] = ()
    email: tuple[Email, ...] = ()

    @property
    def channels(self) -> tuple[Webhook | Email, ...]:
        """Everybody to tell."""
        return (*self.webhook, *self.email)

    def severity_of(self, kind: str) -> Severity:
        """How bad an alert of this kind is."""
        severity: Severity = getattr(self, kind.replace("-", "_")).severity
        return severity


KINDS = (
    "offline",
    "latency",
    "drift",
    "drops",
    "heat",
    "restarts",
    "outages",
    "rollout-halted",
    "metadata-expiry",
    "quarantine",
    "broker",
)


def load_settings(path: Path) -> AlertSettings:
    """The settings in the file at `path`, or ConfigError in one sentence."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise ConfigError(f"cannot be read: {problem.strerror}", where=str(path), fix="Check --alerts.") from problem
    return parse_settings(data, where=str(path), folder=path.parent)


def parse_settings(data: bytes, *, where: str, folder: Path = Path()) -> AlertSettings:
    """The settings in `data`; names of files are taken relative to `folder`."""
    try:
        raw = msgspec.toml.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ConfigError(str(problem), where=where, fix="Correct that line.") from problem
    for path, wrong, right in _unknown(raw, AlertSettings, ""):
        near = difflib.get_close_matches(wrong.replace("-", "_"), right, n=1, cutoff=0.4)
        fix = f"Write {near[0]!r}." if near else f"Choose from {', '.join(right)}."
        raise ConfigError(f"there is no key {wrong!r}", where=f"{where}, {path or 'top'}", fix=fix)
    settings = from_toml(data, AlertSettings, where=where, error=ConfigError)
    for sentence, fix in _contradictions(settings):
        raise ConfigError(sentence, where=where, fix=fix)
    return _anchored(settings, folder)


def _unknown(raw: dict[str, Any], kind: type[Struct], path: str) -> Iterator[tuple[str, str, list[str]]]:
    """Keys of `raw` that `kind` does not have: where, which, and those it has."""
    hints = get_type_hints(kind)
    for key, value in raw.items():
        if key not in kind.__struct_fields__:
            yield path, key, list(kind.__struct_fields__)
            continue
        inner = next((t for t in (hints[key], *get_args(hints[key])) if _is_struct(t)), None)
        for table in value if isinstance(value, list) else [value]:
            if inner is not None and isinstance(table, dict):
                yield from _unknown(table, inner, f"{path}.{key}" if path else key)


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _contradictions(settings: AlertSettings) -> Iterator[tuple[str, str]]:
    if settings.drops.clear_below > settings.drops.above:
        yield "drops.clear_below is over drops.above", "Clear below where it is raised."
    if settings.heat.clear_below_c > settings.heat.above_c:
        yield "heat.clear_below_c is over heat.above_c", "Clear below where it is raised."
    names = [channel.name for channel in settings.channels]
    if len(set(names)) < len(names):
        yield "two channels have one name", "Give each webhook and email a name of its own."
    for channel in settings.channels:
        for kind in channel.kinds:
            if kind not in KINDS:
                near = difflib.get_close_matches(kind, KINDS, n=1, cutoff=0.3)
                yield (
                    f"{channel.name} wants alerts of kind {kind!r}, which there is not",
                    (f"Write {near[0]!r}." if near else f"Choose from {', '.join(KINDS)}."),
                )
    for hook in settings.webhook:
        if not _is_address(hook.url):
            yield f"the url of webhook {hook.name} is not an address", "Write https://HOST[:PORT]/PATH."
    for mail in settings.email:
        if mail.user is not None and mail.security == "none" and mail.host not in ("localhost", "127.0.0.1", "::1"):
            yield f"email {mail.name} would send its password in the clear", "Set security to starttls or tls."
        for address in (mail.sender, *mail.to):
            if not _is_mailbox(address):
                yield f"{address!r} of email {mail.name} is not a mail address", "Write NAME@HOST."
    if any(math.isnan(limit) for limit in (settings.heat.above_c, settings.heat.clear_below_c)):
        yield "a temperature is not a number", "Write degrees Celsius."


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and url.isascii() and url.isprintable() and " " not in url


def _is_mailbox(address: str) -> bool:
    """A plain `name@host`: anything fancier belongs to a list behind one such address."""
    name, _, host = address.rpartition("@")
    return bool(name and host) and address.isascii() and address.isprintable() and not set(' <>,;"') & set(address)


def _anchored(settings: AlertSettings, folder: Path) -> AlertSettings:
    """Names of files made independent of where the server was started; ConfigError where one cannot be read."""

    def anchored(channel: Any, *fields: str) -> Any:
        named = {field: getattr(channel, field) for field in fields if getattr(channel, field) is not None}
        return msgspec.structs.replace(
            channel, **{field: _readable(folder / name, f"{field} of {channel.name}") for field, name in named.items()}
        )

    return msgspec.structs.replace(
        settings,
        webhook=tuple(anchored(hook, "secret_file") for hook in settings.webhook),
        email=tuple(anchored(mail, "password_file", "ca_file") for mail in settings.email),
    )


def _readable(path: Path, what: str) -> str:
    """`path`, or ConfigError now rather than when an alert is to be sent."""
    try:
        path.read_bytes()
    except OSError as problem:
        raise ConfigError(
            f"{what} cannot be read: {problem.strerror}", where=str(path), fix="Make that file."
        ) from problem
    return str(path)
