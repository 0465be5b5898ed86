"""The part of the API about the update repository's metadata: what it says, and documents people signed elsewhere."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.engine import Connection

from contract.errors import SignatureError
from fleet import answers
from fleet.deltas import delta_name, list_deltas
from fleet.parts import Parts
from fleet.refusals import NotFoundError
from fleet.releases import bundle_name, list_releases

LIMIT_BYTES = 5_000_000
"""Of a signed document: what devices read at most."""
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}


def add_trust(api: APIRouter, parts: Parts) -> None:
    """Calls under `/trust`."""

    @api.get("/trust")
    def trust() -> answers.Trust:
        """What devices with a pinned root may install, and what they refuse until it is signed."""
        return _trust(parts)

    @api.post("/trust/targets", openapi_extra=_BODY)
    async def targets(request: Request) -> answers.Trust:
        """Publish a list of targets signed with an offline key: the body is the document itself."""
        data = await _received(request)
        return await run_in_threadpool(_publish_targets, parts, data)

    @api.post("/trust/root", openapi_extra=_BODY)
    async def root(request: Request) -> answers.Trust:
        """Publish a root signed with the keys of the one before and its own: the body is the document itself."""
        data = await _received(request)
        return await run_in_threadpool(_publish_root, parts, data)


async def _received(request: Request) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LIMIT_BYTES:
            raise SignatureError("it is too large for metadata", where="upload", fix="Upload a signed document.")
    return bytes(data)


def _publish_targets(parts: Parts, data: bytes) -> answers.Trust:
    if parts.notary is None:
        raise _no_metadata()
    parts.notary.publish_targets(data, time.time())
    return _trust(parts)


def _publish_root(parts: Parts, data: bytes) -> answers.Trust:
    if parts.notary is None:
        raise _no_metadata()
    parts.notary.publish_root(data, time.time())
    return _trust(parts)


def _trust(parts: Parts) -> answers.Trust:
    notary = parts.notary
    if notary is None:
        return answers.Trust()
    from fleet.trust.published import describe

    with parts.store.reading() as connection:
        held = _held(connection)
    said = describe(notary.published)
    return said.model_copy(
        update={
            "metadata_url": parts.metadata_url,
            "unvouched": tuple(
                file for name, file in held if not notary.vouches_for(name) and file.digest not in said.revoked
            ),
        }
    )


def _held(connection: Connection) -> list[tuple[str, answers.Unvouched]]:
    """Everything in the repository by its file's name; whether it is vouched for is not decided here."""
    bundles = [
        (
            bundle_name(bundle.digest),
            answers.Unvouched(
                digest=bundle.digest,
                kind="bundle",
                size_bytes=bundle.size_bytes,
                release=release.release,
                profile=bundle.profile,
            ),
        )
        for release in list_releases(connection)
        for bundle in release.bundles
    ]
    deltas = [
        (
            delta_name(row.digest),
            answers.Unvouched(
                digest=row.digest,
                kind="delta",
                size_bytes=row.size_bytes,
                release=f"{row.name}@{row.version}",
                profile=row.profile,
            ),
        )
        for row in list_deltas(connection)
    ]
    return bundles + deltas


def _no_metadata() -> NotFoundError:
    return NotFoundError(
        "this server keeps no metadata", where="trust", fix="Make it with edgeferry fleet trust init, then restart."
    )
