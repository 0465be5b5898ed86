"""Files for devices over HTTP: bundles, deltas and metadata, with ranges (RFC 9110, section 14) and validators.

Starlette answers a range well and a malformed one badly: with 400, where the RFC wants the header ignored. So only a
single sound range reaches it; whatever else is asked gets the whole file.
"""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

from contract.digest import digest_of, hex_of
from fleet.parts import Parts
from fleet.refusals import NotFoundError
from fleet.trust.names import DOCUMENT, TIMESTAMP

FOREVER = "public, max-age=31536000, immutable"
"""What is named by its digest or its version never changes."""
_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{1,18})?|-\d{1,18})")


def add_files(app: FastAPI, parts: Parts) -> None:
    """Serve `/bundles` and `/metadata`; everything in them may lie on any web server or CDN instead."""

    @app.api_route("/bundles/{name}", methods=["GET", "HEAD"], include_in_schema=False)
    def bundle(name: str, request: Request) -> Response:
        path = parts.repository.path_of(name)
        if path is None:
            raise NotFoundError("no such bundle", where=f"/bundles/{name[:80]}", fix="See GET /api/releases")
        headers = {"etag": f'"{name.partition(".")[0]}"', "cache-control": FOREVER}
        return _unchanged(request, headers) or RangedFile(path, "application/octet-stream", headers)

    @app.api_route("/metadata/{name}", methods=["GET", "HEAD"], include_in_schema=False)
    def metadata(name: str, request: Request) -> Response:
        data = parts.notary.folder.read(name) if parts.notary and DOCUMENT.fullmatch(name) else None
        if data is None:
            raise NotFoundError("no such document", where=f"/metadata/{name[:80]}", fix="See GET /api/trust")
        # Read at once and not sent as a file: the timestamp may be replaced between asking its size and opening it.
        headers = {
            "etag": f'"{hex_of(digest_of(data))}"',
            "cache-control": "no-cache" if name == TIMESTAMP else FOREVER,
        }
        return _unchanged(request, headers) or Response(data, media_type="application/json", headers=headers)


class RangedFile(FileResponse):
    """A file, or one range of it; a range that is malformed, manifold or not part of a GET is ignored."""

    chunk_size = 256 * 1024
    """Each piece costs a hop to a thread and back: four times starlette's."""

    def __init__(self, path: Path, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(path, media_type=media_type, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as starlette does, a request that has been cleared of what starlette would refuse."""
        kept = [(name, value) for name, value in scope["headers"] if name != b"range" or _is_sound(value)]
        if scope["method"] != "GET" or sum(name == b"range" for name, _ in kept) > 1:
            kept = [(name, value) for name, value in kept if name != b"range"]
        await super().__call__({**scope, "headers": kept}, receive, send)


def _is_sound(header: bytes) -> bool:
    match = _RANGE.fullmatch(header.decode("latin-1").strip().lower())
    return match is not None and (match[1] is None or match[2] is None or int(match[1]) <= int(match[2]))


def _unchanged(request: Request, headers: dict[str, str]) -> Response | None:
    """304 for a client that says it has this very content (RFC 9110, section 13.1.2)."""
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return Response(status_code=304, headers=headers) if known & {headers["etag"], "*"} else None
