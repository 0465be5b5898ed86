"""What is known of a picture before its pixels: size, kind of file, compression, and what is written about it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from edge.jpeg import START
from trainer.checks.examined import Seen
from trainer.data.origin import Origin

_HEAD = 4096
"""Bytes read of a file; a JPEG has its quantisation tables within, unless it carries a preview first."""
_TABLES = b"\xff\xdb"


def file_facts(origin: Origin, read: Seen) -> dict[str, str]:
    """Facts by name. Nothing of the file itself where the pictures are no files."""
    facts = {"size": "{}x{}".format(*read.size_wh), "colour": "grey" if read.made.grey else "coloured"}
    facts |= {f"column {key}": value for key, value in read.listed.columns.items() if value}
    file = file_of(origin, read.listed.name)
    if file is not None:
        facts["format"] = file.suffix.lower()
        compression = _compression(file)
        facts |= {"compression": compression} if compression else {}
    return facts


def file_of(origin: Origin, name: str) -> Path | None:
    """The file of the picture `name`, if there is one: names are paths below what the person named, or beside it."""
    root = Path(origin.text)
    for folder in (root, root.parent):
        if (folder / name).is_file():
            return folder / name
    return None


def _compression(file: Path) -> str | None:
    """A short digest of a JPEG's quantisation tables: those of one camera, program and quality are the same."""
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
    if not head.startswith(START):
        return None
    tables, at = b"", 0
    while (at := head.find(_TABLES, at)) >= 0:
        length = int.from_bytes(head[at + 2 : at + 4], "big")
        tables += head[at : at + 2 + length]
        at += 2 + length
    return f"table {sha256(tables).hexdigest()[:6]}" if tables else None
