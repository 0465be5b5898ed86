"""A store as one file that any database can be filled from: a ZIP with a stream a table, and a manifest at its end.

`TABLE.rows.zst` is a zstd stream (RFC 8878) of pieces; each piece is its length in four bytes (big-endian) and that
many bytes of msgpack: a list of rows, each a list of values in the order of the manifest's columns. `manifest.json`
names the schema's revision, and of each table the columns, the number of rows and the SHA-256 of its member. Written
and read a piece at a time, so that memory does not grow with the store.
"""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import zstandard

from contract.codec import from_json, to_pretty_json
from contract.errors import DataError

MANIFEST = "manifest.json"
_LARGEST_PIECE = 1 << 28
_LARGEST_MANIFEST = 1 << 20
_READ = 1 << 20
_AGAIN = "Take another backup."


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What the manifest says of one table."""

    columns: tuple[str, ...]
    rows: int
    sha256: str
    """Of the member as it lies in the ZIP, in hex."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive holds."""

    schema: int = 1
    revision: str
    """Of the store's tables (`fleet/migrations`)."""
    fleet: str
    made_at: str
    tables: dict[str, Held]


class Writer:
    """Fills an archive; `finish` once, at the end, and `close` however it ends."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        self._held: dict[str, Held] = {}

    def add(self, table: str, columns: Sequence[str], pieces: Iterable[Sequence[Sequence[Any]]]) -> int:
        """One table; how many rows came."""
        count, hashed = 0, hashlib.sha256()
        with self._zip.open(_member(table), "w", force_zip64=True) as member:
            both = _Hashing(member, hashed)
            with zstandard.ZstdCompressor(level=3).stream_writer(cast("IO[bytes]", both), closefd=False) as stream:
                for rows in pieces:
                    packed = msgspec.msgpack.encode(rows)
                    stream.write(len(packed).to_bytes(4, "big") + packed)
                    count += len(rows)
        self._held[str(table)] = Held(columns=tuple(columns), rows=count, sha256=hashed.hexdigest())
        return count

    def finish(self, *, revision: str, fleet: str, made_at: str) -> Manifest:
        """Write the manifest."""
        manifest = Manifest(revision=revision, fleet=fleet, made_at=made_at, tables=self._held)
        self._zip.writestr(MANIFEST, to_pretty_json(manifest))
        return manifest

    def close(self) -> None:
        """Write the directory; the file stays open."""
        self._zip.close()


class Reader:
    """An archive whose every byte was checked against its manifest before anything is taken out of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._readable():
            self._zip = zipfile.ZipFile(path)
            with self._zip.open(MANIFEST) as file:
                said = file.read(_LARGEST_MANIFEST)
        self.manifest = from_json(said, Manifest, where=f"{path}: {MANIFEST}", error=DataError)

    def check(self) -> None:
        """DataError where a table is missing or not what the manifest says."""
        for table, held in self.manifest.tables.items():
            hashed = hashlib.sha256()
            with self._readable(), self._zip.open(_member(table)) as member:
                while data := member.read(_READ):
                    hashed.update(data)
            if hashed.hexdigest() != held.sha256:
                raise DataError(f"the rows of {table} are damaged", where=str(self._path), fix=_AGAIN)

    def pieces(self, table: str) -> Iterator[list[list[Any]]]:
        """The table's rows, some at a time."""
        decoder = msgspec.msgpack.Decoder(list[list[Any]])
        with self._readable(), self._zip.open(_member(table)) as member:
            stream = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(member)
            while head := _exactly(stream, 4):
                size = int.from_bytes(head, "big")
                if len(head) < 4 or size > _LARGEST_PIECE:
                    raise EOFError("a piece has no sound length")
                yield decoder.decode(_exactly(stream, size))

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, KeyError, zipfile.BadZipFile, zstandard.ZstdError, msgspec.DecodeError) as problem:
            raise DataError(f"no sound backup: {problem}", where=str(self._path), fix=_AGAIN) from problem


class _Hashing:
    """Whatever is written goes through a hash."""

    def __init__(self, file: IO[bytes], hashed: Any) -> None:
        self._file, self._hashed = file, hashed

    def write(self, data: bytes) -> int:
        self._hashed.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        """The archive decides by itself."""


def _member(table: str) -> str:
    return f"{table}.rows.zst"


def _exactly(stream: Any, size: int) -> bytes:
    """`size` bytes, or fewer at the end."""
    found = b""
    while len(found) < size and (data := stream.read(size - len(found))):
        found += data
    return found
