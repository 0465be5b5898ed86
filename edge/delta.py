"""A delta carried out: the bundle it leads to, written segment by segment, and right or not there at all.

Beside the base's open files, one segment is in memory at a time: at most its reference (2 MiB), what is stored for it
and what it becomes (1 MiB each), so a device needs less than 16 MB more than it had, whatever the model's size.
Nothing is resumed: after a power cut the agent begins again, for it is quicker than reading back what is there.
The format is `contract/delta.py`'s; whether the bundle may be installed is for those who read it afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from contract.bundle import SMALL_BYTES
from contract.delta import DeltaError, Header, Segment, damaged, read_header
from contract.digest import PREFIX, digest_of
from contract.manifest import NAME
from edge.delta_base import Base, base_at
from edge.durable import Disk, disk_error
from edge.residue import ResidueError, target_bytes


def apply_delta(delta: Path, base: Path, out: Path, *, disk: Disk, check: Callable[[], None] = lambda: None) -> None:
    """Write the bundle that `delta` makes of `base` into `out`, synced; its size and sha256 are the promised ones.

    `base` is a slot's folder (members, `manifest.json` and `signature.json` with their exact bytes), or a bundle's
    file. `check` is called before each segment and may raise to end the work. Raises DeltaError where the delta is
    damaged, hostile or for another base, or the result is wrong; BundleError for a base that is a damaged file;
    DiskError. Whatever is raised, nothing is left in `out`; after a power cut something may be, and is overwritten.
    """
    with ExitStack() as files, _removed_on_failure(out, disk):
        stream = files.enter_context(_opened(delta))
        header = _header(stream, delta)
        sources = _sources(header, base, files)
        _write(_pieces(header, stream, sources, delta, check), header, out, disk, where=str(delta))


@contextmanager
def _removed_on_failure(out: Path, disk: Disk) -> Iterator[None]:
    whole = False
    try:
        yield
        whole = True
    finally:
        if not whole and out.is_file():
            # What went wrong before is the news; a file that stays is overwritten the next time.
            with suppress(OSError):
                disk.remove(out)


def _write(pieces: Iterator[bytes | bytearray], header: Header, out: Path, disk: Disk, *, where: str) -> None:
    """Through `disk`, the digest running beside."""
    running = hashlib.sha256()
    try:
        disk.write(out, b"")
        for piece in pieces:
            running.update(piece)
            disk.append(out, bytes(piece))
        if PREFIX + running.hexdigest() != header.target:
            raise damaged("it does not lead to the bundle it promises: the delta or the base is damaged", where)
        disk.sync(out)
    except OSError as problem:
        raise disk_error("writing the bundle", out, problem) from problem


def _pieces(
    header: Header, stream: IO[bytes], sources: list[IO[bytes]], delta: Path, check: Callable[[], None]
) -> Iterator[bytes | bytearray]:
    """The target's bytes, one segment after the other."""
    for number, segment in enumerate(header.segments):
        check()
        try:
            reference = _reference(segment, sources)
            blob = stream.read(segment.stored_bytes)
        except OSError as problem:
            raise damaged(f"segment {number} cannot be read: {problem.strerror or problem}", str(delta)) from problem
        try:
            yield target_bytes(segment, reference, blob)
        except ResidueError as problem:
            raise damaged(f"segment {number}: {problem}", str(delta)) from problem


def _reference(segment: Segment, sources: list[IO[bytes]]) -> bytearray:
    """The segment's pieces in one place."""
    reference = bytearray()
    for piece in segment.reference:
        source = sources[piece.source]
        source.seek(piece.offset)
        reference += source.read(piece.size_bytes)
    if len(reference) != segment.reference_bytes:
        raise OSError("a file of the base is shorter than it was")
    return reference


def _header(stream: IO[bytes], delta: Path) -> Header:
    try:
        return read_header(stream, where=str(delta))
    except OSError as problem:
        raise damaged(f"the delta cannot be read: {problem.strerror}", str(delta)) from problem


def _opened(delta: Path) -> IO[bytes]:
    try:
        return delta.open("rb")
    except OSError as problem:
        raise damaged(f"the delta cannot be read: {problem.strerror}", str(delta)) from problem


def _sources(header: Header, path: Path, files: ExitStack) -> list[IO[bytes]]:
    """The base's files as the header names them, once it is sure that they are the base's."""
    try:
        base = base_at(path)
        with base.open(NAME) as stream:
            found = digest_of(stream.read(SMALL_BYTES))
        if found != header.base_manifest:
            raise _other_base(f"it starts from bundle {header.base}, and this is another one", path)
        return [_source(base, source.name, source.size_bytes, path, files) for source in header.sources]
    except OSError as problem:
        raise _other_base(f"the base cannot be read: {problem.strerror or problem}", path) from problem


def _source(base: Base, name: str, size_bytes: int, path: Path, files: ExitStack) -> IO[bytes]:
    stream = files.enter_context(base.open(name))
    found = stream.seek(0, 2)
    if found != size_bytes:
        raise _other_base(f"its {name!r} has {found} bytes, the delta starts from {size_bytes}", path)
    return stream


def _other_base(what: str, path: Path) -> DeltaError:
    return DeltaError(what, where=str(path), fix="Use a delta made for the bundle that is held, or the whole bundle.")
