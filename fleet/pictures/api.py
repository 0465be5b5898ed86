"""Calls about pictures that lie on devices. For operators, and each call is in the audit."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from fleet.answers import Problem
from fleet.device_rows import check_known
from fleet.parts import Parts
from fleet.pictures.answers import Picture, Pictures
from fleet.pictures.asking import kept_file, kept_pictures

_AWAY: dict[int | str, dict[str, Any]] = {503: {"model": Problem, "description": "The device is away, or refuses."}}
_CONTENT: dict[str, dict[str, Any]] = {"image/jpeg": {}, "application/json": {}}
_TYPES = {"jpg": "image/jpeg", "json": "application/json"}


def add_pictures(api: APIRouter, parts: Parts) -> None:
    """Calls under `/pictures`."""

    def check(device: str) -> None:
        with parts.store.reading() as connection:
            check_known(connection, device)

    @api.get("/pictures/{device}", responses=_AWAY)
    def pictures(device: str, after: Annotated[str, Query(max_length=200)] = "") -> Pictures:
        """Pictures a device keeps, where it shares them: names that come after `after`. It is asked at this moment."""
        check(device)
        found = kept_pictures(parts.commands, device, after=after)
        return Pictures(
            device=device, pictures=tuple(Picture(name=one.name, size_bytes=one.size_bytes) for one in found)
        )

    @api.get("/pictures/{device}/{name}", response_class=Response, responses={200: {"content": _CONTENT}, **_AWAY})
    def picture(device: str, name: str) -> Response:
        """One of them as JPEG, or with `.json` the result it was kept with. Nothing of it stays on the server."""
        check(device)
        content = kept_file(parts.commands, device, name)
        return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers={"cache-control": "no-store"})
