"""The digest a source's lineage names."""

from __future__ import annotations

from pathlib import Path

from contract.digest import digest_of, digest_of_chunks

_CHUNK_BYTES = 1 << 20


def digest_of_model(model: Path) -> str:
    """Of a file's bytes, or of a folder's files with their names."""
    if model.is_file():
        with model.open("rb") as stream:
            return digest_of_chunks(iter(lambda: stream.read(_CHUNK_BYTES), b""))
    files = sorted(path for path in model.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(model).as_posix()} {digest_of_model(path)}\n" for path in files]
    return digest_of("".join(lines).encode())
