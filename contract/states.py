"""How an update walks on a device: a table one can read aloud, and `next_state` beneath it.

idle ─assigned→ downloading ─arrived→ verifying ─trusted→ staging ─staged→ testing ─passed→ shadowing
     ─agreed→ switching ─switched→ provisional ─healthy→ committed
idle ─serving→ committed: what the assignment asks for serves already.
before the switch every failure ends in `refused`: the old model never stopped serving;
after it every failure, and every restart that is not healthy, ends in `rolled-back`; so does a committed model whose
processes die again and again.
"""

from __future__ import annotations

from typing import Literal

State = Literal[
    "idle",
    "downloading",
    "verifying",
    "staging",
    "testing",
    "shadowing",
    "switching",
    "provisional",
    "committed",
    "refused",
    "rolled-back",
]
Event = Literal[
    "assigned", "arrived", "trusted", "staged", "passed", "agreed", "switched", "healthy", "serving", "failed"
]
Cause = Literal[
    "metadata",  # the update repository does not vouch for it
    "expired",  # what vouches for it is out of date, or this device's clock is wrong
    "budget",  # it would take more bytes than are allowed
    "download",  # could not be fetched, or was not what the assignment named
    "delta",  # the ordered difference does not lead to the bundle, or from one this device holds
    "bundle",  # damaged or hostile
    "signature",  # unsigned, or by a foreign key
    "floor",  # below the security level this device accepts
    "profile",  # made for another kind of device
    "disk",  # no room, or the disk refused
    "backend",  # the inference library would not load it
    "golden",  # known pictures gave wrong answers on this device
    "agreement",  # beside the serving model it answered otherwise too often
    "memory",  # takes more memory than the assignment allows
    "crash",  # the process that ran it died
    "confidence",  # less sure than the assignment allows
    "latency",  # slower than the assignment allows
    "errors",  # frames without an answer
    "silence",  # the health window never filled
    "deadline",  # not finished in time
    "interrupted",  # power or process went away while provisional
    "operator",  # somebody at the device asked for it
]

TABLE: dict[tuple[State, Event], State] = {
    ("idle", "assigned"): "downloading",
    ("committed", "assigned"): "downloading",
    ("refused", "assigned"): "downloading",
    ("rolled-back", "assigned"): "downloading",
    ("idle", "serving"): "committed",
    ("downloading", "arrived"): "verifying",
    ("verifying", "trusted"): "staging",
    ("staging", "staged"): "testing",
    ("testing", "passed"): "shadowing",
    ("shadowing", "agreed"): "switching",
    ("switching", "switched"): "provisional",
    ("provisional", "healthy"): "committed",
    ("downloading", "failed"): "refused",
    ("verifying", "failed"): "refused",
    ("staging", "failed"): "refused",
    ("testing", "failed"): "refused",
    ("shadowing", "failed"): "refused",
    ("switching", "failed"): "rolled-back",
    ("provisional", "failed"): "rolled-back",
    ("committed", "failed"): "rolled-back",
}
FINAL: frozenset[State] = frozenset({"idle", "committed", "refused", "rolled-back"})


def next_state(state: State, event: Event) -> State:
    """Where `event` leads from `state`; ValueError for a step the table does not have, which is a bug."""
    try:
        return TABLE[state, event]
    except KeyError:
        raise ValueError(f"no way from {state!r} by {event!r}") from None
