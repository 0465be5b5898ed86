"""Where frames come from: one kind a file, behind one protocol and chosen in one table."""

from __future__ import annotations

import importlib
import re
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from contract.errors import ConfigError, SourceError
from edge.frames import Frame


class Source(Protocol):
    """A row of frames. Read by one thread; closed once nobody reads any more.

    Live sources that pass over frames for newer ones count them in `skipped`; those that come back after an outage
    have `outages`, `reopened` and `last_error` (`reconnecting.py`). One whose frames are no pictures says so by
    `gives_numbers`.
    """

    name: str
    """What its frames' results call it, unless the frame has a name of its own (a picture's)."""
    live: bool
    """Whether frames come at their own time, so that only the latest counts."""

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame; None at the end.

        TimeoutError when a source that can tell had none within `timeout_s` and may have one later; others take
        the time they take. SourceError when there is nothing more to hope for. A frame that came damaged is a
        frame with an error.
        """
        ...

    def close(self) -> None:
        """Give the camera, file or process back."""
        ...


class _Kind(NamedTuple):
    """A file of this folder, and the texts it is for."""

    module: str
    pattern: re.Pattern[str]
    returns: bool
    """Whether it may go away and come back."""


KINDS = (
    _Kind("edge.sources.synthetic", re.compile(r"synthetic:"), returns=False),
    _Kind("edge.sources.pipe", re.compile(r"pipe:"), returns=True),
    _Kind("edge.sources.v4l2", re.compile(r"/dev/|\d+(\?|$)"), returns=True),
    _Kind("edge.sources.network", re.compile(r"(rtsps?|https?)://", re.IGNORECASE), returns=True),
    _Kind("edge.sources.numbers", re.compile(r"tensor:|.*\.(npy|csv)$", re.IGNORECASE), returns=False),
)
"""Told by how the text begins, or by its ending where it is a file of numbers. Anything else is a path."""
_PICTURES = "edge.sources.folder"
VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mjpeg", ".mjpg"})


def open_source(text: str, *, name: str | None = None, patient: bool = False) -> Source:
    """The source that `--source TEXT` means; `name` is what results call a camera.

    A picture file, a folder of pictures, a video file, `/dev/videoN` or `N`, an `rtsp://` or `http://` address,
    `pipe:COMMAND`, `synthetic:`, or numbers in `.npy` and `.csv` files. Cameras, streams and commands are opened anew
    when they fail after their first frame, and `patient` also before it. SourceError when it is not there, ConfigError
    when the text means nothing.
    """
    source = _source(text, patient)
    if name is not None:
        source.name = name
    return source


def _source(text: str, patient: bool) -> Source:
    for kind in KINDS:
        if kind.pattern.match(text):
            return _reconnecting(kind.module, text, patient) if kind.returns else _opened(kind.module, text)
    if not text:
        raise ConfigError("no source is named", where="--source", fix="Name a picture, folder, video or camera.")
    path = Path(text)
    if path.is_dir():
        return _opened(_folder_module(path), text)
    if not path.is_file():
        raise SourceError("there is no such picture, folder, video or camera", where=text, fix="Check --source.")
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return _opened("edge.sources.video", text)
    return _opened("edge.sources.picture", text)


def _folder_module(folder: Path) -> str:
    """Pictures, unless there are only numbers in it."""
    from edge.pictures import PICTURE_SUFFIXES
    from edge.sources.numbers import SUFFIXES

    numbers = False
    for path in folder.rglob("*"):
        suffix = path.suffix.lower()
        if suffix in PICTURE_SUFFIXES:
            return _PICTURES
        numbers = numbers or suffix in SUFFIXES
    return "edge.sources.numbers" if numbers else _PICTURES


def _opened(module: str, text: str) -> Source:
    source: Source = importlib.import_module(module).open(text)
    return source


def _reconnecting(module: str, text: str, patient: bool) -> Source:
    from edge.sources.reconnecting import ReconnectingSource

    return ReconnectingSource(partial(_opened, module, text), patient=patient)
