"""A folder of pictures, sorted by name. Folders inside it are left alone."""

from __future__ import annotations

from pathlib import Path

from contract.errors import SourceError
from edge.pictures import PICTURE_SUFFIXES
from edge.sources.picture import PictureSource


def open(text: str) -> PictureSource:
    """Every picture file in the folder at the path `text`; SourceError when there is none."""
    folder = Path(text)
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    except OSError as problem:
        raise SourceError(
            f"the folder cannot be read: {problem.strerror}", where=text, fix="Check its permissions."
        ) from problem
    if not paths:
        endings = ", ".join(sorted(PICTURE_SUFFIXES))
        raise SourceError("the folder holds no picture", where=text, fix=f"Pictures are files that end in {endings}.")
    return PictureSource(folder.name, paths)
