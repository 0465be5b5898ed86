"""What the API says about identity."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CertificateState = Literal["good", "expiring", "expired", "revoked"]


class Certificate(BaseModel):
    """One certificate of a device, or of the fleet itself."""

    name: str
    serial: str
    issued: str
    expires: str
    state: CertificateState
    reason: str | None = None
    """Why it was revoked."""


class OpenClaim(BaseModel):
    """A code somebody may still use."""

    device: str
    claim: str
    expires: str
    made_by: str
    failed_tries: int


class Identity(BaseModel):
    """Everything about certificates."""

    enabled: bool
    """Whether this server has an authority."""
    fingerprint: str | None = None
    """Of the root's certificate."""
    own: tuple[Certificate, ...] = ()
    """Root, issuing authority, broker and services."""
    devices: tuple[Certificate, ...] = ()
    """By device; of those that were renewed, the newest."""
    claims: tuple[OpenClaim, ...] = ()
    warnings: tuple[str, ...] = ()


class CodeOrder(BaseModel):
    """Whom codes are wanted for."""

    model_config = ConfigDict(extra="forbid")

    device: str
    count: int = Field(1, ge=1, le=1000)
    """More than one makes NAME-001, NAME-002 …"""
    profile: str = Field("", max_length=63)
    site: str = Field("", max_length=200)
    tags: dict[str, str] = {}
    expires_hours: float = Field(24.0, gt=0, le=90 * 24)
    replace: bool = False
    """Another board takes the place of one that has a certificate."""


class MadeCode(BaseModel):
    """Shown this once."""

    device: str
    code: str
    expires: str


class MadeCodes(BaseModel):
    """In the order of their devices."""

    codes: tuple[MadeCode, ...]


class RevokeOrder(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=200)


class Revoked(BaseModel):
    """What ended, and whether the broker knows."""

    name: str
    serials: tuple[str, ...]
    broker: Literal["told", "must be told"]
    """`must be told`: have mosquitto read its files again."""
    what_to_do: str


class BrokerNews(BaseModel):
    """What a broker on another machine needs to know."""

    crl: str
    banished: tuple[str, ...]
