"""Deltas written by hand: a base folder, a target, and whichever segments a test wants between them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import zstandard

from contract.delta import Header, Method, Piece, Segment, Source, write_delta
from contract.digest import digest_of

MANIFEST = b"{}\n"


class Part(NamedTuple):
    """One segment, with what it stores."""

    method: Method
    size_bytes: int
    blob: bytes = b""
    reference: tuple[Piece, ...] = ()


def frame(content: bytes, dictionary: bytes = b"", level: int = 1) -> bytes:
    """`content` as one zstd frame that says its size."""
    known = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if dictionary else None
    sizes = {"source_size": len(content), "dict_size": len(dictionary)}
    chosen = zstandard.ZstdCompressionParameters.from_level(level, **sizes)
    return zstandard.ZstdCompressor(compression_params=chosen, dict_data=known).compress(content)


def changes(stays: bytes, added: bytes) -> bytes:
    """What a segment of changes stores."""
    first = frame(stays)
    return len(first).to_bytes(4, "little") + first + frame(added)


def write_base(folder: Path, model: bytes) -> Path:
    """A slot's folder, as far as a delta looks at it: file 0 is the model."""
    folder.mkdir()
    (folder / "model.tflite").write_bytes(model)
    (folder / "manifest.json").write_bytes(MANIFEST)
    return folder


def write(path: Path, model: bytes, target: bytes, parts: Sequence[Part]) -> Path:
    """The delta in `path`, promising `target`."""
    header = Header(
        base=digest_of(b"base"),
        base_manifest=digest_of(MANIFEST),
        target=digest_of(target),
        size_bytes=sum(part.size_bytes for part in parts),
        name="made",
        version=2,
        profile="rpi4",
        sources=(Source("model.tflite", len(model)), Source("manifest.json", len(MANIFEST))),
        segments=tuple(Segment(p.method, p.size_bytes, len(p.blob), p.reference) for p in parts),
    )
    with path.open("wb") as stream:
        write_delta(stream, header, [part.blob for part in parts])
    return path
