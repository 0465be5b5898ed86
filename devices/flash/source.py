"""A stock image as it is downloaded: plain, `.xz`, `.gz` or `.zst`, told by its first bytes and read as a stream.

Every way in which such a file can be cut off or damaged ends in one UpdateError: a half image boots, and fails later.
"""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from contract.errors import ConfigError, UpdateError

CHUNK_BYTES = 1 << 20


def chunks_of(path: Path, *, progress: Callable[[float], None]) -> Iterator[bytes]:
    """The image's bytes; `progress` hears the part read so far, 0 to 1.

    ConfigError where it cannot be read, UpdateError where it is damaged.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as raw:
            for chunk in _expanded(raw, path):
                progress(raw.tell() / size if size else 1.0)
                yield chunk
    except OSError as problem:
        raise ConfigError(
            f"the image cannot be read: {problem.strerror}", where=str(path), fix="Check the path."
        ) from problem


def _expanded(raw: IO[bytes], path: Path) -> Iterator[bytes]:
    magic = raw.read(6)
    raw.seek(0)
    if magic == b"\xfd7zXZ\0":
        expand = _xz
    elif magic[:2] == b"\x1f\x8b":
        expand = _gz
    elif magic[:4] == b"\x28\xb5\x2f\xfd":
        expand = _zst
    elif magic[:4] == b"PK\x03\x04":
        raise ConfigError("this is a ZIP archive", where=str(path), fix="Unpack it, and give the .img inside.")
    else:
        expand = _plain
    try:
        yield from expand(raw)
    except (lzma.LZMAError, EOFError, gzip.BadGzipFile, zlib.error, _CutShort) as problem:
        raise UpdateError(
            "the image is damaged or cut short", where=str(path), fix="Download it again, and compare its SHA-256."
        ) from problem


class _CutShort(Exception):
    """A zstd stream that ends inside a frame, or is none; the library says neither in one way."""


def _plain(raw: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while chunk := raw.read(CHUNK_BYTES):
        yield chunk


def _xz(raw: IO[bytes]) -> Iterator[bytes]:
    with lzma.open(raw) as stream:
        yield from _plain(stream)


def _gz(raw: IO[bytes]) -> Iterator[bytes]:
    with gzip.open(raw) as stream:
        yield from _plain(stream)


def _zst(raw: IO[bytes]) -> Iterator[bytes]:
    import zstandard

    left = b""
    while left or (left := raw.read(CHUNK_BYTES)):
        frame = zstandard.ZstdDecompressor().decompressobj()
        try:
            while not frame.eof:
                if not left and not (left := raw.read(CHUNK_BYTES)):
                    raise _CutShort
                expanded, left = frame.decompress(left), b""
                if expanded:
                    yield expanded
        except zstandard.ZstdError as problem:
            raise _CutShort from problem
        left = frame.unused_data
