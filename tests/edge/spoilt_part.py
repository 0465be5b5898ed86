"""What a download's part may look like after the machine was down."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec.structs import replace

from edge.part_file import Journal, journal_of


def journal_in(part: Path) -> Journal:
    """The journal beside `part`."""
    return msgspec.json.decode(journal_of(part).read_bytes(), type=Journal)


def cut_power(part: Path, *, tail: bytes = b"", overwrite: bool = False) -> None:
    """The machine boots anew; `tail` stands after what was synced, or over the middle of it."""
    journal = journal_in(part)
    with part.open("r+b") as file:
        file.truncate(journal.size_bytes)
        file.seek(journal.size_bytes // 2 if overwrite else journal.size_bytes)
        file.write(tail)
    journal_of(part).write_bytes(msgspec.json.encode(replace(journal, boot="another")))
