"""What the API answers and is asked about people. Times are RFC 3339 in UTC; no answer holds a password or a hash."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from fleet.people.actor import Role
from fleet.people.tokens import LONGEST_DAYS, Scope
from fleet.people.users import NAME

Password = Annotated[SecretStr, Field(min_length=12, max_length=1024)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, extra="ignore")


class _Order(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, extra="forbid")


class Me(_Answer):
    """Who is asking."""

    name: str
    role: Role
    kind: Literal["local", "token", "session"]
    """How they were recognised; `local` where the server has no users."""
    must_change: bool
    """Whether they must choose another password before anything else."""


class User(_Answer):
    """One person."""

    name: str
    role: Role
    disabled: bool
    must_change: bool
    """Whether they must choose another password at their next login."""
    created_at: str
    seen_at: str | None
    """Their last login."""


class Users(_Answer):
    """All of them, by name."""

    users: tuple[User, ...]


class NewUser(_Order):
    """Somebody to be added; they choose a password of their own at their first login."""

    name: Annotated[str, Field(pattern=NAME)]
    role: Role
    password: Password


class UserChange(_Order):
    """What is to change; what is null stays. Any change ends their sessions."""

    role: Role | None = None
    disabled: bool | None = None
    password: Password | None = None
    """They must choose another one at their next login."""


class Token(_Answer):
    """One token of a program."""

    id: int
    name: str
    scope: Scope
    owner: str | None
    """Null where it was made on the store itself."""
    created_at: str
    expires_at: str | None
    used_at: str | None
    """Within a minute."""
    revoked_at: str | None


class Tokens(_Answer):
    """All of them, by id."""

    tokens: tuple[Token, ...]


class NewToken(_Order):
    """A token to be made."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_ .@:/-]{1,64}$")]
    """What it is for."""
    scope: Scope
    """`read`: look; `rollout`: release and roll out; `admin`: everything."""
    expires_days: Annotated[float, Field(gt=0, le=LONGEST_DAYS)] | None = 90
    """Null for one that never expires."""


class TokenMade(Token):
    """A token just made."""

    token: str
    """Shown once: keep it now."""


class AuditEntry(_Answer):
    """One act."""

    number: int
    at: str
    who: str
    address: str
    act: str
    about: str
    outcome: str
    """`done`, `refused`, or the status of the answer."""
    detail: str
    hash: str
    """SHA-256 over this entry and the hash of the one before."""


class Audit(_Answer):
    """Acts, newest first."""

    head: str
    """`NUMBER:HASH` of the newest: kept elsewhere, it shows later whether anything was rewritten or cut off."""
    entries: tuple[AuditEntry, ...]
    before: int | None
    """Ask with `before=` this for the next page; null at the end."""


class AuditState(_Answer):
    """Whether the chain holds."""

    holds: bool
    head: str
    broken: int | None
    """The first entry that is not as it was written."""
    why: str
