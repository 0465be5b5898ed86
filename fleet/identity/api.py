"""The calls about identity: `/enroll/…` for devices, which prove themselves, and `/api/identity` for people."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from contract.codec import from_json, to_json
from contract.enrolment import CLAIM_PATH, LIMIT_BYTES, RENEW_PATH, ClaimRequest, RenewRequest
from contract.errors import ConfigError, FerryError, LinkError
from contract.moments import rfc3339
from fleet.answers import Problem
from fleet.identity import claims
from fleet.identity.answers import (
    BrokerNews,
    CodeOrder,
    Identity,
    MadeCode,
    MadeCodes,
    Revoked,
    RevokeOrder,
)
from fleet.identity.broker_files import RELOAD
from fleet.identity.claims import Wish
from fleet.identity.folder import SERVICE_PREFIX
from fleet.identity.knocking import Knocking
from fleet.identity.overview import overview
from fleet.identity.registrar import Registrar
from fleet.parts import Parts
from fleet.people.actor import actor_of
from fleet.refusals import NotFoundError

T = TypeVar("T", ClaimRequest, RenewRequest)
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}
_REFUSED: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "Refused: what, where, and what to do."}
}


def add_enrolment(app: FastAPI, parts: Parts) -> None:
    """Calls under `/enroll`, for devices. They know no users: a code or a certificate speaks for itself."""
    door = Knocking()

    @app.post(CLAIM_PATH, openapi_extra=_BODY, responses=_REFUSED)
    async def claim(request: Request) -> Response:
        """A certificate for the holder of a claim code (`contract/enrolment.py`)."""
        return await _judged(door, request, ClaimRequest, _registrar(parts).claim)

    @app.post(RENEW_PATH, openapi_extra=_BODY, responses=_REFUSED)
    async def renew(request: Request) -> Response:
        """The next certificate for the holder of the present one (`contract/enrolment.py`)."""
        return await _judged(door, request, RenewRequest, _registrar(parts).renew)


def add_identity(api: APIRouter, parts: Parts) -> None:
    """Calls under `/identity`, for people."""

    @api.get("/identity")
    def identity() -> Identity:
        """Certificates of the fleet and its devices, unused claim codes, and warnings."""
        if parts.registrar is None:
            return Identity(enabled=False)
        with parts.store.reading() as connection:
            return overview(parts.registrar, connection, now_s=time.time())

    @api.get("/identity/broker")
    def broker() -> BrokerNews:
        """The list of revocations and the banished devices, for a broker on another machine."""
        crl, banished = _registrar(parts).revocations()
        return BrokerNews(crl=crl, banished=tuple(banished))

    @api.post("/identity/codes", status_code=201)
    def codes(order: CodeOrder, request: Request) -> MadeCodes:
        """Claim codes for new devices, or for boards in the place of others. They are shown this once."""
        _registrar(parts)
        wishes = [
            Wish(device, order.profile, order.site, order.tags) for device in claims.numbered(order.device, order.count)
        ]
        drawn = claims.draw(len(wishes))
        with parts.store.writing() as connection:
            made = claims.make(
                connection,
                wishes,
                replaces=order.replace,
                life_s=order.expires_hours * 3600,
                now_s=time.time(),
                by=actor_of(request).name,
                drawn=drawn,
            )
        return MadeCodes(
            codes=tuple(MadeCode(device=one.device, code=one.code, expires=rfc3339(one.expires_s)) for one in made)
        )

    @api.post("/identity/{device}/revoke")
    def revoke(device: str, order: RevokeOrder, request: Request) -> Revoked:
        """End every certificate of a device, or the one of a service (`fleet-…`), and say so to the broker."""
        registrar, by = _registrar(parts), actor_of(request).name
        if device.startswith(SERVICE_PREFIX) or device == "broker":
            ended = [registrar.revoke_service(device, reason=order.reason, by=by)]
        else:
            ended = registrar.revoke(device, reason=order.reason, by=by)
        told = registrar.broker_files is not None and registrar.broker_files.told
        return Revoked(
            name=device,
            serials=tuple(one.serial for one in ended),
            broker="told" if told else "must be told",
            what_to_do="" if told else _what_to_do(registrar),
        )


def _what_to_do(registrar: Registrar) -> str:
    if registrar.broker_files is not None:
        return f"On the broker: {RELOAD}"
    return f"On the broker: edgeferry fleet broker refresh --out DIR --server URL, then {RELOAD}"


async def _judged(door: Knocking, request: Request, kind: type[T], judge: Callable[[T], Any]) -> Response:
    """Read, judge on a thread, answer; refusals are counted for the address they went to."""
    address = request.client.host if request.client else ""
    door.check(address)
    try:
        asked = from_json(await _received(request), kind, where="body", error=ConfigError)
        answer = await run_in_threadpool(judge, asked)
    except FerryError as refusal:
        if not isinstance(refusal, LinkError):
            door.failed(address)
        raise
    return Response(to_json(answer), media_type="application/json", headers={"cache-control": "no-store"})


async def _received(request: Request) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > 3 * LIMIT_BYTES:
            raise ConfigError("the request is too large", where="body", fix="Let `edgeferry enroll` make it.")
    return bytes(data)


def _registrar(parts: Parts) -> Registrar:
    if parts.registrar is None:
        raise NotFoundError(
            "this server has no certificate authority",
            where="identity",
            fix="Make one with edgeferry fleet ca init, and start the server with --ca DIR.",
        )
    return parts.registrar
