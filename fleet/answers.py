"""What the REST API answers and is asked, and what the page is drawn from. Times are RFC 3339 in UTC."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from contract.messages import Limits
from fleet.judging.limits import Judging
from fleet.rolling.answers import RolloutPreview as RolloutPreview
from fleet.rolling.answers import RolloutStep


class _Answer(BaseModel):
    """Frozen; the string under a field is its description in `/openapi.json`."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, extra="ignore")


class Latency(_Answer):
    """Percentiles of one stage over one window, in milliseconds."""

    p50: float
    p95: float
    p99: float


class Ledger(_Answer):
    """Every frame since the model was loaded: captured = inferred + gated + sum(dropped) + damaged."""

    captured: int = 0
    inferred: int = 0
    gated: int = 0
    """Left out on purpose: nothing moved in them."""
    damaged: int = 0
    dropped: dict[str, int] = {}
    """By cause."""

    @property
    def drop_share(self) -> float:
        """Dropped frames over captured ones, 0..1."""
        return sum(self.dropped.values()) / self.captured if self.captured else 0.0


class Reading(_Answer):
    """What one device did in one window."""

    sequence: int
    at: str
    """End of the window, by the device's clock."""
    window_s: float
    model: str
    """`NAME@VERSION`."""
    digest: str
    """Of the bundle that served."""
    ledger: Ledger
    frames_per_s: float
    """Inferred frames over this window."""
    latency_ms: dict[str, Latency] = {}
    """By stage: `preprocess`, `invoke`, `postprocess`, `total`."""
    classes: dict[str, int] = {}
    """First answers of this window, by label."""
    mean_confidence: float | None = None
    """Of the first answers, 0..1."""
    rss_bytes: int = 0
    """Memory of the device's process."""
    temperature_c: float | None = None
    next_s: float | None = None
    """The next reading follows within this time, because nothing happens there."""
    outbox_waiting: int = 0
    """Messages not yet acknowledged."""
    outbox_lost: int = 0
    """Messages the device had to give up, ever."""


class Update(_Answer):
    """One step of an update, as the device reported it."""

    at: str
    counter: int
    """Of the assignment it answers."""
    state: str
    digest: str
    """The bundle asked for."""
    running: str
    """`NAME@VERSION` that served at that moment."""
    cause: str | None = None
    detail: str = ""


class Stored(_Answer):
    """Messages in the store, by kind."""

    telemetry: int = 0
    events: int = 0
    reported: int = 0


class Device(_Answer):
    """One device at this moment."""

    id: str
    site: str = ""
    tags: dict[str, str] = {}
    profile: str = ""
    """Empty until the device has said it."""
    online: bool
    """As its connection to the broker says."""
    last_seen: str | None
    """When it last said anything, by the server's clock."""
    model: str = ""
    """`NAME@VERSION` that serves."""
    digest: str | None = None
    backend: str = ""
    edgeferry: str = ""
    """Version of the software on the device."""
    boot: str | None = None
    telemetry: Reading | None = None
    """The newest reading."""
    update: Update | None = None
    """The newest step of an update."""
    stored: Stored = Stored()
    lost: int = 0
    """Messages the device gave up before they could be stored."""


class Gap(_Answer):
    """Messages a device gave up: numbers `first` to `last` of one boot."""

    boot: str
    first: int
    last: int
    noticed_at: str


class Target(_Answer):
    """One device of a rollout."""

    device: str
    rollout: int
    release: str
    wave: int | None
    """From 0; null for a device that is not to be told."""
    digest: str | None
    counter: int | None
    """Of its assignment; null until it has been told."""
    state: str
    """waiting, away, assigned, the device's own states, blocked, held-back, silent, missed or withdrawn."""
    cause: str | None
    detail: str
    deadline: str | None
    delta: str | None
    """The delta it was offered, if any."""
    updated_at: str


class DeviceDetail(Device):
    """One device, and how it came here."""

    desired: Target | None = None
    """What the newest rollout that told it wants."""
    history: tuple[Update, ...] = ()
    """Steps of updates, newest first, at most 50."""
    gaps: tuple[Gap, ...] = ()
    """Newest first, at most 50."""


class Devices(_Answer):
    """The whole fleet, or a page of it."""

    devices: tuple[Device, ...]
    total: int = 0
    """Devices in all pages."""
    offset: int = 0
    """Devices before this page."""


class Telemetry(_Answer):
    """Readings of one device, oldest first."""

    device: str
    minutes: float
    thinned: int
    """Every how many-th reading is here; 1 means all of them."""
    readings: tuple[Reading, ...]


class Stats(_Answer):
    """Counts over the whole store."""

    devices: int
    online: int
    messages: Stored
    stored: int
    """All messages together."""
    gaps: int
    """Holes that will never be filled."""
    lost: int
    """Messages in those holes."""
    quarantined: int
    """Messages that could not be read."""


class Evidence(_Answer):
    """What was measured before the bundle was written."""

    pictures: int = 0
    metric: str = "accuracy"
    source: float | None = None
    """Of the floating-point model."""
    artifact: float | None = None
    """Of the file in the bundle."""
    agreement: float | None = None
    """Share of pictures with the same first answer."""


class ReleasedBundle(_Answer):
    """One bundle of a release."""

    profile: str
    digest: str
    format: str
    task: str
    size_bytes: int
    keyid: str
    """Who signed."""
    verified: bool
    """Whether the server was told to trust that key."""
    evidence: Evidence
    note: str
    added_at: str
    url: str
    """Path on this server."""


class Release(_Answer):
    """NAME@VERSION and its bundles, one a profile."""

    release: str
    bundles: tuple[ReleasedBundle, ...]


class Releases(_Answer):
    """Everything in the repository, newest first."""

    releases: tuple[Release, ...]


class Uploaded(_Answer):
    """What became of an upload."""

    digest: str
    release: str
    profile: str
    new: bool
    """False where the very bundle was there already."""


class UploadedDelta(_Answer):
    """What became of an upload."""

    digest: str
    base: str
    """The bundle it starts from."""
    target: str
    """The bundle it leads to."""
    release: str
    """That bundle's `NAME@VERSION`."""
    profile: str
    size_bytes: int
    new: bool
    """False where the very delta was there already."""


class HealthLimits(BaseModel):
    """What the new model must hold on the device: in its shadow run, or it never serves; in its health window, or the
    device goes back. Confidence, latency and errors count in both.
    """

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, extra="forbid")

    shadow_frames: Annotated[int, Field(ge=0, le=1_000_000)] = 10
    """Live frames it answers beside the serving model before it may take over; 0 for none."""
    shadow_s: Annotated[float, Field(gt=0, le=60 * 60 * 24 * 30)] = 60.0
    """These frames must have come within this time."""
    min_agreement: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the shadow run's frames on which both models gave the same first answer."""
    max_latency_ratio: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """Its latency p95 over the serving model's, in the shadow run."""
    max_memory_mib: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Of the process it is run in."""
    health_frames: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    """Frames of the health window."""
    health_s: Annotated[float, Field(gt=0, le=60 * 60 * 24 * 30)] = 60.0
    """The health window's frames must have come within this time."""
    min_mean_confidence: Annotated[float, Field(ge=0, le=1)] = 0.0
    max_latency_p95_ms: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    max_error_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    judging: Judging = Judging()
    """What halts the rollout by comparison with devices on the old model; it stays on the server."""

    def for_device(self) -> Limits:
        """As they travel in an assignment."""
        return Limits(**self.model_dump(exclude={"judging"}))


class RolloutOrder(BaseModel):
    """Carry a release to devices."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, extra="forbid")

    release: str
    """`NAME@VERSION`."""
    devices: tuple[str, ...] | None = None
    """Only these; null for all."""
    group: str | None = None
    """Only this group; at most one of `devices`, `group` and `where`."""
    where: str | None = None
    """Only devices this filter fits, like `site=dock and tag.line=3`."""
    phases: tuple[str, ...] = ("1", "all")
    """Devices told by each wave, counted from the beginning: numbers, shares like `10%`, and at the end `all` or a rate
    like `50/min`, `600/h` or `50/min*2..400`, which doubles each minute up to 400."""
    soak_minutes: Annotated[float, Field(ge=0, le=60 * 24 * 30)] = 0.0
    """How long a wave is watched after its last device finished, before the next begins; unless it is 0, also until
    the statistics have looked at each of them once."""
    window: str = ""
    """When devices may be told, like `Mon-Fri 22:00-05:00 Europe/Berlin`; several are joined by `;`. Empty: always."""
    not_before: str | None = None
    """RFC 3339: nobody is told earlier."""
    needs_approval: bool = False
    """Wait until somebody else has approved."""
    state_minutes: dict[str, Annotated[float, Field(gt=0, le=60 * 24 * 30)]] = {}
    """How long a device may stay in a state like `downloading`, beside the overall deadline."""
    max_failures: str = "auto"
    """More failures than this halt it: a number, a share like `5%` of the devices that finished, or `auto`: one is
    enough among at most 50 devices, and among more what the statistics call too many."""
    min_finished: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Within a wave a share is judged from so many finished devices on; at the end of a wave, always."""
    control_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """This part stays on the old model until everybody else has the new one, to compare with."""
    control_for_good: bool = False
    """Whether that part is not told at the end either."""
    catch_up_days: Annotated[float, Field(ge=0, le=365)] = 7.0
    """So long the rollout stays open for devices that were offline when their turn came."""
    dynamic: bool = False
    """Whether devices that come to fit later join, as long as it is open."""
    limits: HealthLimits = HealthLimits()
    deadline_minutes: Annotated[float, Field(gt=0, le=60 * 24 * 30)] = 30.0
    """From being told; a device that has not finished by then counts as failed."""
    whole_if_delta_fails: bool = False
    """Whether a device may fetch the whole bundle where a delta did not lead to it; on a metered link that costs."""
    budget_mib: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """What one device may fetch in all attempts together; null for no limit beside its own."""

    @property
    def budget_bytes(self) -> int | None:
        """The same in bytes, rounded up."""
        return None if self.budget_mib is None else math.ceil(self.budget_mib * 2**20)


class RolloutSummary(_Answer):
    """One rollout without its devices."""

    id: int
    release: str
    state: Literal["unapproved", "scheduled", "running", "paused", "halted", "done"]
    cause: str | None
    """Why it halted, as a word."""
    detail: str
    """Why it halted, as a sentence."""
    phases: tuple[str, ...]
    limits: HealthLimits
    deadline_minutes: float
    whole_if_delta_fails: bool
    budget_mib: float | None
    created_at: str
    ended_at: str | None
    counts: dict[str, int]
    """Devices by state."""
    created_by: str
    target: str
    """Whom it is for, in words."""
    back_of: int | None
    """The rollout it takes back, if it does."""
    window: str
    opens_at: str | None
    """When somebody may be told, if not now."""
    soak_minutes: float
    max_failures: str
    control_share: float
    catch_up_days: float
    dynamic: bool


class Rollout(RolloutSummary):
    """One rollout."""

    devices: tuple[Target, ...]
    """By wave, then by name: a page of them."""
    devices_total: int
    """Of all pages, in the states asked for."""
    offset: int
    steps: tuple[RolloutStep, ...]
    """What was done with it, oldest first, at most the newest 200."""


class Rollouts(_Answer):
    """All of them, newest first."""

    rollouts: tuple[RolloutSummary, ...]


class TrustRole(_Answer):
    """One document of the update repository's metadata."""

    role: Literal["root", "targets", "snapshot", "timestamp"]
    version: int
    expires: str
    """Root and targets are renewed by people, the others by the server."""
    keys: tuple[str, ...]
    """Ids of the keys that may sign it; one signature is enough."""


class Unvouched(_Answer):
    """A file of the repository that the signed list does not name."""

    digest: str
    kind: Literal["bundle", "delta"]
    size_bytes: int
    release: str
    """What it is, or leads to."""
    profile: str


class Trust(_Answer):
    """What devices with a pinned root may install, and until when they believe it."""

    metadata_url: str = ""
    """Where devices find the metadata; empty where this server has none, and nothing below counts."""
    roles: tuple[TrustRole, ...] = ()
    listed: int = 0
    """Files in the signed list."""
    security_floor: int = 0
    """Bundles of a lower security level are not installed."""
    revoked: tuple[str, ...] = ()
    """Bundles that must not be installed any more."""
    unvouched: tuple[Unvouched, ...] = ()
    """What devices with a pinned root refuse until it is signed."""
    warnings: tuple[str, ...] = ()
    """What a person has to do soon."""


class Health(_Answer):
    """Whether the server does its work."""

    ok: bool
    """The broker is connected and the store answers."""
    fleet: str
    broker: str
    broker_connected: bool
    waiting: int
    """Messages received and not yet committed."""
    let_go: int
    """Messages not taken because too many waited; devices send them again."""
    heard: dict[str, int] = {}
    """Readable messages this process has heard since its start, by kind; replies are counted here alone."""
    warnings: tuple[str, ...] = ()
    """What a person has to do soon, e.g. renew the update repository's metadata."""
    metadata_expires_s: dict[str, float] = {}
    """When each document of that metadata expires, by role, in seconds since 1970."""


class Problem(_Answer):
    """Any refusal: what, where, what to do, and a word for machines."""

    what: str
    where: str
    fix: str
    cause: str
