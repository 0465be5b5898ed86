"""What the agent and its vision process say to each other: one message a packet (SOCK_SEQPACKET), MessagePack.

The agent sends `Begin` first, then one order at a time; each order is answered by one `Answer`. Everything else the
vision process says at its own time. Neither side imports an inference library to read this file.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from contract.device import DeviceConfig
from contract.health import Comparison, Numbers
from contract.manifest import Digest
from contract.messages import FrameLedger
from contract.result import Result
from edge.telemetry import Window
from edge.trouble import Trouble

LARGEST_MESSAGE_BYTES = 128 * 1024
"""Below what a packet may hold on any Linux (net.core.wmem_default, 208 KiB)."""


class Begin(Struct, frozen=True, kw_only=True, tag=True):
    """Open this model and the cameras, and serve."""

    config: DeviceConfig
    slots: str
    """The folder of all slots."""
    digest: Digest
    golden: bool
    """Whether the golden frames must be answered as promised first."""
    patient: bool = False
    """Whether cameras that are not there are waited for: they have been right before."""


class Prepare(Struct, frozen=True, kw_only=True, tag=True):
    """Load another model beside the serving one, and have it answer its golden frames."""

    digest: Digest


class Shadow(Struct, frozen=True, kw_only=True, tag=True):
    """Have the prepared model answer so many live frames, unheard."""

    frames: int


class Switch(Struct, frozen=True, tag=True):
    """The prepared model answers the very next frame, and is watched; the one before stays loaded."""


class Back(Struct, frozen=True, tag=True):
    """What was there before serves again, or goes on alone: the other model is let go."""


class Settle(Struct, frozen=True, tag=True):
    """The model that serves has proved itself: the one before is let go."""


class Stop(Struct, frozen=True, tag=True):
    """End after the frame in hand. Answered by `Ended`."""


class Serving(Struct, frozen=True, kw_only=True, tag=True):
    """Who answers the next frame. Said when it begins, and after each change."""

    digest: Digest
    release: str
    backend: str
    """The library and its version."""
    labels: tuple[str, ...] = ()


class Answer(Struct, frozen=True, kw_only=True, tag=True):
    """An order was carried out, or why not."""

    trouble: Trouble | None = None


class Pulse(Struct, frozen=True, kw_only=True, tag=True):
    """A sign of life from the loop itself."""

    results: int
    """Since the start, with and without an answer."""
    away: bool
    """Whether a camera is being waited for."""
    slowest_s: float
    """The longest step since the last pulse."""
    health: Numbers | None = None
    """Of the model that is being watched."""
    shadow: Comparison | None = None


class Told(Struct, frozen=True, kw_only=True, tag=True):
    """One result that is worth an event."""

    result: Result


class Closed(Struct, frozen=True, kw_only=True, tag=True):
    """One telemetry window."""

    window: Window


class GaveUp(Struct, frozen=True, kw_only=True, tag=True):
    """The serving model's inference dies again and again."""

    digest: Digest


class Ended(Struct, frozen=True, kw_only=True, tag=True):
    """The last word: every source is over, or what stopped the loop."""

    ledger: FrameLedger = FrameLedger()
    live: bool = False
    """Whether a source ended that should not."""
    where: str = ""
    """The cameras as they were configured."""
    trouble: Trouble | None = None


Order = Prepare | Shadow | Switch | Back | Settle | Stop
Said = Serving | Answer | Pulse | Told | Closed | GaveUp | Ended
to_packet = msgspec.msgpack.Encoder().encode
_begin: msgspec.msgpack.Decoder[Begin] = msgspec.msgpack.Decoder(Begin)
_order: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
_said: msgspec.msgpack.Decoder[Said] = msgspec.msgpack.Decoder(Said)
begin_of, order_of, said_of = _begin.decode, _order.decode, _said.decode
