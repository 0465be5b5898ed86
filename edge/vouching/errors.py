"""Why the update repository does not vouch for a file."""

from __future__ import annotations

from contract.errors import UpdateError


class MetadataError(UpdateError):
    """What the repository says cannot be had, or must not be believed, or does not name this file."""


class ExpiredError(MetadataError):
    """What vouches for the file is out of date, or this device's clock is wrong."""
