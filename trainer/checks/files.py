"""Files that are no whole picture, each with its cause."""

from __future__ import annotations

from collections.abc import Iterator

from trainer.checks.cause import cause
from trainer.checks.examined import Examined
from trainer.checks.file_facts import file_of
from trainer.checks.finding import Finding, of_pictures
from trainer.data.reading import Unreadable

_NO_REASON = "no picture could be decoded"
"""How `edge.pictures` begins where OpenCV gives none."""


def of_files(seen: Examined) -> Iterator[Finding]:
    """What `edge.pictures` refuses: cut short, damaged, too large, no picture at all."""
    pictures = len(seen.good) + len(seen.bad)
    yield from of_pictures(
        "unreadable", "error", [(picture.listed.name, why(seen, picture)) for picture in seen.bad],
        what=f"{len(seen.bad)} of {pictures} pictures cannot be read",
        fix="Mend or remove them, or train without them: --skip-unreadable",
    )  # fmt: skip


def why(seen: Examined, picture: Unreadable) -> str:
    """The decoder's reason, or a better one where it had none."""
    file = file_of(seen.origin, picture.listed.name)
    if file is None or not picture.why.startswith(_NO_REASON):
        return picture.why
    return cause(file) or picture.why
