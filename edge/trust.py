"""Whose word counts on this device: publishers' for bundles, the fleet's for assignments, each by pinned keys.

Bytes and keys only: nothing here reads an assignment's meaning beyond whom it is for. Bundles are checked with these
keys by `edge/bundles.py`; whether an assignment is new and in time is `edge/updater.py`'s matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract.codec import plain
from contract.device import DeviceConfig
from contract.dsse import ASSIGNMENT_TYPE, Verifier, parse_envelope, payload_of, verify
from contract.errors import ConfigError, SignatureError
from contract.messages import Assignment, decode_assignment
from devices.keys import load_verifiers


@dataclass(frozen=True)
class Trust:
    """The pinned keys, by key id."""

    publishers: Mapping[str, Verifier]
    fleet: Mapping[str, Verifier]


def pinned(config: DeviceConfig) -> Trust:
    """The keys `device.toml` names; ConfigError where one cannot be read, or no publisher is named at all."""
    if not config.trust.publishers:
        raise ConfigError(
            "no publisher's key is pinned, so no bundle could ever be trusted",
            where="trust.publishers",
            fix="Name the public key of whoever signs your bundles.",
        )
    return Trust(
        publishers=load_verifiers(Path(p) for p in config.trust.publishers),
        fleet=load_verifiers(Path(p) for p in config.trust.fleet),
    )


def checked_assignment(payload: bytes, trusted: Mapping[str, Verifier], *, fleet: str, device: str) -> Assignment:
    """The assignment in a signed envelope, if a fleet's key signed it for this very device; SignatureError if not."""
    where = "assignment"
    envelope = parse_envelope(payload, where=where)
    body = payload_of(envelope, where=where)
    verify(envelope, ASSIGNMENT_TYPE, body, trusted, where=where)
    assignment = decode_assignment(body, where=where)
    if (assignment.fleet, assignment.device) != (fleet, device):
        raise SignatureError(
            f"it is for {plain(f'{assignment.fleet}/{assignment.device}')}, and this is {fleet}/{device}",
            where=where,
            fix="Publish each assignment on its own device's topic.",
        )
    return assignment
