"""A simulated device fetches a file: over real HTTP, with ranges, up to the digest; its bytes are hashed and let go.

The agent's rules for what may be continued (If-Range by ETag, 206 with the right beginning) hold here too; what it
adds against hostile servers, budgets and disks is not what a simulation is about.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from contract.digest import PREFIX
from contract.errors import UpdateError

_PIECE_BYTES = 256 * 1024
_SILENCE_S = 60.0
_ATTEMPTS = 5
SAMPLE_BYTES = 64 * 1024


class Wanted(NamedTuple):
    """What is to be fetched."""

    url: str
    digest: str
    size_bytes: int


class FetchError(UpdateError):
    """It could not be fetched, or is not what was promised."""


@dataclass(slots=True)
class _Part:
    """What has arrived so far."""

    hashed: hashlib._Hash
    size: int = 0
    etag: str = ""


class _BrokenError(Exception):
    """One attempt brought no more; another one may."""


async def fetch(wanted: Wanted, *, bytes_per_s: float | None = None, cut_at: float | None = None) -> int:
    """Fetch all of it and check the digest; how many bytes came. FetchError where it is not what was promised.

    `cut_at` is a share of the file at which the first connection is cut, so that the rest comes by a range.
    """
    part, received = _Part(hashlib.sha256()), 0
    for attempt in range(_ATTEMPTS):
        stop_at = round(wanted.size_bytes * cut_at) if cut_at is not None and attempt == 0 else None
        before = part.size
        try:
            await _attempt(wanted, part, bytes_per_s, stop_at)
        except (_BrokenError, OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            await asyncio.sleep(0.2 * 2**attempt)
        received += part.size - before
        if part.size >= wanted.size_bytes:
            break
    if part.size != wanted.size_bytes or PREFIX + part.hashed.hexdigest() != wanted.digest:
        raise _failed(f"{part.size} of {wanted.size_bytes} bytes, or not those the assignment names", wanted)
    return received


async def sample(wanted: Wanted) -> int:
    """Ask for the end of the file alone, which proves that it is there and has the promised size; bytes that came."""
    first = max(0, wanted.size_bytes - SAMPLE_BYTES)
    reader, writer = await _asked(wanted.url, {"Range": f"bytes={first}-"})
    try:
        status, headers = await _head(reader)
        data = await asyncio.wait_for(reader.read(-1), _SILENCE_S)
    finally:
        writer.close()
    said = headers.get("content-range", "")
    if status != 206 or not said.endswith(f"/{wanted.size_bytes}") or len(data) != wanted.size_bytes - first:
        raise _failed(f"the server answers {status} and {said!r}", wanted)
    return len(data)


async def _attempt(wanted: Wanted, part: _Part, bytes_per_s: float | None, stop_at: int | None) -> None:
    headers = {"Range": f"bytes={part.size}-"} | ({"If-Range": part.etag} if part.etag else {}) if part.size else {}
    reader, writer = await _asked(wanted.url, headers)
    try:
        status, said = await _head(reader)
        if status in (408, 429, 500, 502, 503, 504):
            raise _BrokenError
        _check(wanted, part, status, said)
        part.etag = said.get("etag", "")
        while part.size < wanted.size_bytes:
            piece = await asyncio.wait_for(reader.read(_PIECE_BYTES), _SILENCE_S)
            if not piece:
                raise _BrokenError
            part.hashed.update(piece)
            part.size += len(piece)
            if stop_at is not None and part.size >= stop_at:
                raise _BrokenError
            if bytes_per_s is not None:
                await asyncio.sleep(len(piece) / bytes_per_s)
    finally:
        writer.close()


def _check(wanted: Wanted, part: _Part, status: int, said: dict[str, str]) -> None:
    """Bytes of this file that continue the part, or FetchError."""
    if status == 200:
        part.hashed, part.size = hashlib.sha256(), 0
        if said.get("content-length", str(wanted.size_bytes)) != str(wanted.size_bytes):
            raise _failed(f"the server's file has {said['content-length']} bytes", wanted)
    elif status != 206 or not said.get("content-range", "").startswith(f"bytes {part.size}-"):
        raise _failed(f"the server answers {status}", wanted)


async def _asked(url: str, headers: dict[str, str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection of its own, as each device has one, with the request on its way."""
    parts = urlsplit(url)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if tls else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=tls, limit=2 * _PIECE_BYTES)
    lines = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    return reader, writer


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status, and headers by lower-case name."""
    data = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _SILENCE_S)
    first, *lines = data.decode("latin-1").strip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


def _failed(what: str, wanted: Wanted) -> FetchError:
    return FetchError(what, where=wanted.url, fix="Check that the fleet server serves this file, and assign again.")
