"""Whose word counts on this device: publishers' for bundles, the fleet's for assignments, each by pinned keys.

Bundles are checked with these keys by `edge/bundles.py`, assignments by `contract/assignments.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract.device import DeviceConfig
from contract.dsse import Verifier
from contract.errors import ConfigError
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
