"""What travels over MQTT, as frozen structs; `contract/topics.py` says where each one goes.

A device numbers everything it wants kept: (device, boot, sequence), one counter for telemetry, events and reported
states. Messages wait in its outbox until the collector's `Ack`; `Batch.oldest` is the lowest sequence of this boot
the device still holds, so a hole below it is a loss the device admits, `Batch.gone` names those above it, and any
other hole is only late.
Unknown fields are ignored: a newer minor version may send more. Numbers carry their unit in the name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct
from msgspec.json import Decoder

from contract.codec import from_json
from contract.drift import Drift
from contract.errors import LinkError, SignatureError
from contract.kept_files import KeptPicture
from contract.manifest import Digest
from contract.result import Result
from contract.states import Cause, State

SCHEMA = 1
MAX_BYTES = 1 << 20
"""A larger message is not one of ours."""
# No larger than what SQLite and PostgreSQL hold: one such acknowledgement would otherwise break a device's outbox.
Sequence = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Span(NamedTuple):
    """Sequences from `first` to `last`, both included."""

    first: Sequence
    last: Sequence


def spans_of(numbers: Iterable[int]) -> list[Span]:
    """The fewest spans that hold exactly `numbers`, which ascend."""
    spans: list[Span] = []
    for number in numbers:
        if spans and number == spans[-1].last + 1:
            spans[-1] = Span(spans[-1].first, number)
        else:
            spans.append(Span(number, number))
    return spans


class Percentiles(Struct, frozen=True, kw_only=True):
    """Of one stage over one telemetry window, in milliseconds."""

    p50: float
    p95: float
    p99: float


class FrameLedger(Struct, frozen=True, kw_only=True):
    """Every frame since the model was loaded: captured = inferred + gated + sum(dropped) + damaged, always."""

    captured: Count = 0
    inferred: Count = 0
    gated: Count = 0
    """Left out on purpose: nothing moved in them."""
    damaged: Count = 0
    dropped: dict[str, Count] = {}
    """By cause, e.g. `stale` (a newer frame came first), `stopping`."""


class Telemetry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one device did in the last few seconds."""

    sequence: Sequence
    at: str
    """End of the window, UTC, RFC 3339."""
    window_s: float
    model: str
    """`NAME@VERSION`."""
    digest: Digest
    ledger: FrameLedger
    frames_per_s: float
    """Inferred frames over this window."""
    latency_ms: dict[str, Percentiles]
    """By stage: `preprocess`, `invoke`, `postprocess`, `total`, and `age`, the frame's when the model began to look
    at it; empty when nothing was inferred."""
    classes: dict[str, Count] = {}
    """First answers of this window, by label."""
    mean_confidence: float | None = None
    """Of the first answers of this window."""
    rss_bytes: Count = 0
    """Of the agent and its inference processes."""
    temperature_c: float | None = None
    throttled: bool | None = None
    """Whether the firmware holds the processor back at this moment; None where nobody can tell."""
    under_voltage: bool | None = None
    """Whether the power supply is too weak at this moment."""
    drift: dict[str, Drift] = {}
    """By camera, the windows of pictures that closed in this one."""
    restarts: dict[str, Count] = {}
    """Of the inference process since the model was loaded, by cause."""
    outages: dict[str, Count] = {}
    """By camera, how often it went away since the start."""
    left: dict[str, Count] = {}
    """What else left the device since the start: preview `pictures` and their `bytes`. Absent: no pixel did."""
    fallback: str = ""
    """In words, when the accelerator that was wanted does not serve."""
    next_s: float | None = None
    """The next window follows within this time, because nothing happens here; None: within one window's length."""
    outbox_waiting: Count = 0
    outbox_lost: Count = 0
    """Messages the outbox had to give up, or the collector refused, since the outbox was made."""


class Event(Struct, frozen=True, kw_only=True):
    """One frame's result, kept."""

    sequence: Sequence
    result: Result


class Reported(Struct, frozen=True, kw_only=True):
    """How far an assignment has come on this device. Success is `committed` and nothing else."""

    sequence: Sequence
    at: str
    counter: Count
    """Of the assignment this answers."""
    state: State
    digest: Digest
    """The bundle the assignment asks for."""
    running: str
    """`NAME@VERSION` that serves at this moment."""
    running_digest: Digest | None
    cause: Cause | None = None
    detail: str = ""
    """One sentence for a person; `cause` is for machines."""


class Batch(Struct, frozen=True, kw_only=True):
    """Several messages of one kind and boot, in ascending sequence; the topic's kind says which list is filled."""

    schema: int = SCHEMA
    boot: str
    """Made anew at each start of the agent."""
    oldest: Sequence
    """No lower number of this boot will come any more."""
    gone: tuple[Span, ...] = ()
    """Numbers above `oldest` that will not come any more either; ascending, told with what follows or precedes them.
    A boot of which nothing is left is told in a batch without messages."""
    telemetry: tuple[Telemetry, ...] = ()
    events: tuple[Event, ...] = ()
    reported: tuple[Reported, ...] = ()

    def messages(self) -> tuple[Telemetry | Event | Reported, ...]:
        """All of them, in ascending sequence."""
        return tuple(sorted((*self.telemetry, *self.events, *self.reported), key=lambda m: m.sequence))


class Ack(Struct, frozen=True, kw_only=True):
    """Every message of `boot` up to and including `sequence` is stored, or known to be lost."""

    schema: int = SCHEMA
    boot: str
    sequence: Count
    refused: tuple[Sequence, ...] = ()
    """Those among them that it could not read or store: in quarantine there, and lost."""


class Birth(Struct, frozen=True, kw_only=True):
    """Who a device is; sent at each connection."""

    schema: int = SCHEMA
    at: str
    boot: str
    profile: str
    edgeferry: str
    """Version of this software."""
    python: str
    backend: str
    """Inference library and its version, e.g. `ai-edge-litert 2.3.0`."""
    model: str
    digest: Digest | None
    holds: tuple[Digest, ...] = ()
    """Bundles in its slots."""
    site: str = ""
    tags: dict[str, str] = {}


class Presence(Struct, frozen=True, kw_only=True):
    """Retained; the offline one is the connection's last will."""

    schema: int = SCHEMA
    boot: str
    online: bool


class Limits(Struct, frozen=True, kw_only=True):
    """What a new model must hold on the device: in its shadow run, or it never serves; in its health window, or the
    device goes back. Confidence, latency and errors count in both.
    """

    shadow_frames: Annotated[int, Meta(ge=0)] = 10
    """Live frames it answers beside the serving model before it may take over; 0 for none."""
    shadow_s: Annotated[float, Meta(gt=0)] = 60.0
    """These frames must have come within this time."""
    min_agreement: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Share of the shadow run's frames on which both models gave the same first answer."""
    max_latency_ratio: Annotated[float, Meta(gt=0)] | None = None
    """Its latency p95 over the serving model's, in the shadow run."""
    max_memory_mib: Annotated[int, Meta(ge=1)] | None = None
    """Of the process it is run in."""
    health_frames: Annotated[int, Meta(ge=1)] = 30
    health_s: Annotated[float, Meta(gt=0)] = 60.0
    """The health window's frames must have come within this time."""
    min_mean_confidence: Annotated[float, Meta(ge=0, le=1)] = 0.0
    max_latency_p95_ms: Annotated[float, Meta(gt=0)] | None = None
    max_error_share: Annotated[float, Meta(ge=0, le=1)] = 0.0


class DeltaOffer(Struct, frozen=True, kw_only=True):
    """The bundle as a difference to one the device holds: `contract/delta.py`."""

    base: Digest
    """The bundle it starts from."""
    digest: Digest
    """Of the delta's own file."""
    size_bytes: Count
    url: str


class Assignment(Struct, frozen=True, kw_only=True):
    """What the fleet wants on one device: signed, retained, and good for this device alone."""

    schema: int = SCHEMA
    fleet: str
    device: str
    counter: Sequence
    """Only a larger one than the last accepted counts; replaying an old assignment does nothing."""
    digest: Digest
    name: str
    version: int
    size_bytes: Count
    url: str
    deadline: str
    """UTC, RFC 3339: not finished by then is failed."""
    issued_at: str = ""
    """UTC, RFC 3339, when it was signed: no device's clock may be behind it."""
    metadata_url: str = ""
    """Where the update repository's metadata lies (TUF); a device with a pinned root installs nothing without it."""
    delta: DeltaOffer | None = None
    """Fetched instead of the whole bundle."""
    whole_if_delta_fails: bool = False
    """Never by itself: a whole bundle may cost a metered link a month's money."""
    budget_bytes: Count | None = None
    """All attempts together may fetch so much; None for no limit beside the device's own."""
    limits: Limits = Limits()


Verb = Literal["ping", "rebirth", "list-kept", "read-kept"]


class Command(Struct, frozen=True, kw_only=True):
    """Asked of a device by an operator."""

    schema: int = SCHEMA
    id: str
    verb: Verb
    name: str = ""
    """`list-kept`: only pictures whose names come after it; `read-kept`: the file."""
    offset: Count = 0
    """`read-kept`: from this byte on."""


class Reply(Struct, frozen=True, kw_only=True):
    """A device's answer to a command."""

    schema: int = SCHEMA
    id: str
    ok: bool
    detail: str = ""
    gone: bool = False
    """To `read-kept`: the file is not kept, or not any more."""
    pictures: tuple[KeptPicture, ...] = ()
    """To `list-kept`: by name, which begins with the moment; not necessarily all."""
    data: bytes = b""
    """To `read-kept`: a piece of the file, base64 in the message."""
    size_bytes: Count = 0
    """Of the whole file."""


Message = Batch | Ack | Birth | Presence | Command | Reply
_TYPES: dict[str, type[Message]] = {
    "telemetry": Batch,
    "events": Batch,
    "reported": Batch,
    "ack": Ack,
    "birth": Birth,
    "presence": Presence,
    "command": Command,
    "reply": Reply,
}


def prepare() -> None:
    """Let msgspec look at every type that travels, before threads decode any.

    Its first look at a struct is not safe from two threads at once (0.22 ends in a segmentation fault).
    """
    for kind in {*_TYPES.values(), Telemetry, Event, Reported, Assignment}:
        Decoder(kind)


def decode(kind: str, payload: bytes, *, where: str) -> Message:
    """The message in `payload`, or LinkError. `desired` is an envelope: see `decode_assignment`."""
    if len(payload) > MAX_BYTES:
        raise LinkError(f"{len(payload)} bytes, at most {MAX_BYTES} allowed", where=where, fix="Send smaller batches.")
    return from_json(payload, _TYPES[kind], where=where, error=LinkError, newest_schema=SCHEMA)


def decode_assignment(payload: bytes, *, where: str) -> Assignment:
    """The assignment inside a verified envelope."""
    return from_json(payload, Assignment, where=where, error=SignatureError, newest_schema=SCHEMA)
