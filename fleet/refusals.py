"""The fleet server's own refusals, which its API turns into 404 and 409."""

from __future__ import annotations

from contract.errors import ConfigError


class NotFoundError(ConfigError):
    """A device, release or rollout nobody here knows."""


class NotAdmittedError(ConfigError):
    """Somebody who has not proved that he may."""


class ConflictError(ConfigError):
    """Something that would contradict what is there already."""
