"""One picture file: a source of one frame."""

from __future__ import annotations

from pathlib import Path

from contract.errors import DamagedFrameError
from edge.frames import Frame
from edge.pictures import read_picture


class PictureSource:
    """The pictures at `paths`, in that order, each a frame named by its path below the folder `below`."""

    live = False

    def __init__(self, name: str, paths: list[Path], *, below: Path) -> None:
        self.name = name
        self._paths, self._below = paths, below
        self._next = 0

    def read(self, timeout_s: float) -> Frame | None:
        """The next picture; one that cannot be decoded is a frame with an error."""
        if self._next == len(self._paths):
            return None
        path, index = self._paths[self._next], self._next
        self._next += 1
        name = path.relative_to(self._below).as_posix()
        try:
            return Frame.now(name, index, read_picture(path))
        except DamagedFrameError as problem:
            return Frame.now(name, index, problem)

    def close(self) -> None:
        """Nothing is held open."""


def open(text: str) -> PictureSource:
    """The picture file at the path `text`."""
    path = Path(text)
    return PictureSource(path.name, [path], below=path.parent)
