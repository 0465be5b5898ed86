"""Claim codes as the server keeps them: made, tried and used up.

A code is drawn here, printed once and forgotten; the store has what was stretched from it. It works once: the key that
used it may ask again and gets the same certificate, any other key is refused. Ten failed tries end a code.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract import claim_code
from contract.claim_code import ClaimKeys
from contract.codec import to_json
from contract.errors import ConfigError
from contract.topics import checked_name
from fleet import tables
from fleet.identity import ledger
from fleet.identity.folder import SERVICE_PREFIX
from fleet.people.audit import note
from fleet.refusals import ConflictError, NotFoundError

MOST_TRIES = 10
MOST_AT_ONCE = 1000
LONGEST_S = 90 * 86400.0
_CLAIMS = tables.CLAIMS


class Wish(NamedTuple):
    """Whom a code is for."""

    device: str
    profile: str = ""
    site: str = ""
    tags: Mapping[str, str] = {}


class Code(NamedTuple):
    """A code for its label; nobody can print it again."""

    device: str
    code: str
    expires_s: float


class Drawn(NamedTuple):
    """A code and what was stretched from it."""

    code: str
    keys: ClaimKeys


class Claim(NamedTuple):
    """One row of `claims`."""

    id: str
    device: str
    key: str
    replaces: bool
    profile: str
    site: str
    tags: str
    created_s: float
    created_by: str
    expires_s: float
    tries: int
    voided_s: float | None
    serial: str | None


def numbered(device: str, count: int) -> list[str]:
    """`count` device ids: the name itself for one, NAME-001 … for more."""
    width = max(3, len(str(count)))
    return [device] if count == 1 else [f"{device}-{n:0{width}d}" for n in range(1, count + 1)]


def draw(count: int) -> list[Drawn]:
    """New codes. It takes seconds for a thousand, so it is done before the store is locked."""
    codes = [
        claim_code.spelled([secrets.randbelow(32) for _ in range(claim_code.RANDOM_CHARACTERS)]) for _ in range(count)
    ]
    return [Drawn(code, claim_code.keys_of(code)) for code in codes]


def make(
    connection: Connection,
    wishes: Sequence[Wish],
    *,
    replaces: bool,
    life_s: float,
    now_s: float,
    by: str,
    drawn: Sequence[Drawn] | None = None,
) -> list[Code]:
    """A code for each, or ConfigError, ConflictError and none at all.

    A device that has a certificate gets a code only with `replaces`: when it is used, the certificates before end.
    """
    if not 0 < len(wishes) <= MOST_AT_ONCE:
        raise ConfigError(
            f"{len(wishes)} codes at once", where="enroll code", fix=f"Ask for 1 to {MOST_AT_ONCE} at a time."
        )
    if not 60 <= life_s <= LONGEST_S:
        raise ConfigError("no such life of a code", where="--expires", fix="Between a minute and 90 days.")
    for wish in wishes:
        _check(connection, wish, replaces=replaces)
    drawn = drawn or draw(len(wishes))
    return [
        _make_one(connection, wish, one, replaces, life_s, now_s, by) for wish, one in zip(wishes, drawn, strict=True)
    ]


def _check(connection: Connection, wish: Wish, *, replaces: bool) -> None:
    checked_name(wish.device, what="device")
    if wish.device.startswith(SERVICE_PREFIX):
        raise ConfigError(
            f"names with {SERVICE_PREFIX!r} belong to the fleet's own programs",
            where=wish.device,
            fix="Choose another device id.",
        )
    if not replaces and ledger.standing(connection, wish.device):
        raise ConflictError(
            "this device has a certificate already",
            where=wish.device,
            fix="To put another board in its place, say --replace: the certificates before end then.",
        )


def _make_one(
    connection: Connection, wish: Wish, drawn: Drawn, replaces: bool, life_s: float, now_s: float, by: str
) -> Code:
    code, keys = drawn
    void(connection, wish.device, now_s=now_s)
    row = Claim(
        id=keys.id,
        device=wish.device,
        key=keys.key.hex(),
        replaces=replaces,
        profile=wish.profile,
        site=wish.site,
        tags=to_json(dict(wish.tags)).decode(),
        created_s=now_s,
        created_by=by,
        expires_s=now_s + life_s,
        tries=0,
        voided_s=None,
        serial=None,
    )
    connection.execute(_CLAIMS.insert().values(**row._asdict()))
    note(connection, by=by, act="claim code made", about=wish.device, detail=f"claim {keys.id}")
    return Code(wish.device, code, row.expires_s)


def void(connection: Connection, device: str, *, now_s: float) -> None:
    """Codes of a device that were not used yet work no more: the newest alone counts."""
    unused = (_CLAIMS.c.device == device, _CLAIMS.c.serial.is_(None), _CLAIMS.c.voided_s.is_(None))
    connection.execute(_CLAIMS.update().where(*unused).values(voided_s=now_s))


def proved(connection: Connection, claim_id: str, csr: str, proof: str) -> Claim | None:
    """The claim whose code the sender holds; None, and a try less, for a wrong proof. NotFoundError for no such code.

    Whether it is still good is `check_usable`'s matter.
    """
    row = connection.execute(sa.select(_CLAIMS).where(_CLAIMS.c.id == claim_id)).first()
    if row is None:
        raise NotFoundError("nobody here made this claim code", where="claim code", fix="Check it, and the server.")
    claim = Claim(*row)
    if claim.serial is None and claim.tries >= MOST_TRIES:
        raise _used_up("this claim code was tried too often")
    if not hmac.compare_digest(claim_code.request_proof(bytes.fromhex(claim.key), csr), proof):
        connection.execute(_CLAIMS.update().where(_CLAIMS.c.id == claim_id).values(tries=claim.tries + 1))
        note(connection, by="device", act="claim code tried in vain", about=claim.device, detail=f"claim {claim.id}")
        return None
    return claim


def check_usable(claim: Claim, *, now_s: float) -> None:
    """ConflictError where it was used, withdrawn, or is too old."""
    if claim.serial is not None:
        raise _used_up("this claim code was used already, by another board")
    if claim.voided_s is not None:
        raise _used_up("this claim code was withdrawn, or a newer one was made")
    if now_s >= claim.expires_s:
        raise _used_up("this claim code has expired")


def use(connection: Connection, claim: Claim, serial: str) -> bool:
    """Write down where it led; False where somebody else was quicker."""
    unused = (_CLAIMS.c.id == claim.id, _CLAIMS.c.serial.is_(None))
    return connection.execute(_CLAIMS.update().where(*unused).values(serial=serial)).rowcount == 1


def open_claims(connection: Connection, *, now_s: float) -> list[Claim]:
    """Codes somebody may still use, by device."""
    good = (_CLAIMS.c.serial.is_(None), _CLAIMS.c.voided_s.is_(None), _CLAIMS.c.expires_s > now_s)
    return [Claim(*row) for row in connection.execute(sa.select(_CLAIMS).where(*good).order_by(_CLAIMS.c.device))]


def tags_of(claim: Claim) -> dict[str, str]:
    """As they were wished."""
    return msgspec.json.decode(claim.tags, type=dict[str, str])


def _used_up(what: str) -> ConflictError:
    return ConflictError(what, where="claim code", fix="Ask for a new one: edgeferry fleet enroll code --device ID")
