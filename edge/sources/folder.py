"""A folder of pictures with everything below it, sorted by path: class folders and days of a camera alike."""

from __future__ import annotations

from pathlib import Path

from contract.errors import SourceError
from edge.pictures import PICTURE_SUFFIXES
from edge.sources.picture import PictureSource


def open(text: str) -> PictureSource:
    """Every picture file below the folder at the path `text`; SourceError when there is none."""
    folder = Path(text)
    try:
        next(folder.iterdir(), None)  # rglob passes over a folder it may not read
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    except OSError as problem:
        raise SourceError(
            f"the folder cannot be read: {problem.strerror}", where=text, fix="Check its permissions."
        ) from problem
    if not paths:
        endings = ", ".join(sorted(PICTURE_SUFFIXES))
        raise SourceError("the folder holds no picture", where=text, fix=f"Pictures are files that end in {endings}.")
    return PictureSource(folder.name, paths, below=folder)
