"""A device's kept pictures, shown to the fleet's operators where `device.toml` says so: names, and pieces of files.

The vision process writes them (`edge/scene/keeping.py`) and deletes the oldest at any moment; here they are only read.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from contract.device import DeviceConfig
from contract.kept_files import NAMES_AT_ONCE, PIECE_BYTES, KeptPicture, is_kept_name
from contract.messages import Command, Reply


class KeptFiles:
    """The pictures in `folders` and what is said about them. May be asked from any thread."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(dict.fromkeys(folders))

    def answer(self, command: Command) -> Reply:
        """To `list-kept` (pictures named after `command.name`, the oldest first) or `read-kept` (a piece of a file)."""
        try:
            if command.verb == "list-kept":
                return Reply(id=command.id, ok=True, pictures=self._pictures(command.name))
            return self._piece(command)
        except FileNotFoundError:
            detail = f"{command.name[:80]!r} is not kept, or not any more"
            return Reply(id=command.id, ok=False, gone=True, detail=detail)
        except OSError as problem:
            return Reply(id=command.id, ok=False, detail=f"the disk refuses: {problem.strerror}")

    def _pictures(self, after: str) -> tuple[KeptPicture, ...]:
        found = sorted(picture for folder in self._folders for picture in _pictures_in(folder) if picture[0] > after)
        return tuple(KeptPicture(name=name, size_bytes=size) for name, size in found[:NAMES_AT_ONCE])

    def _piece(self, command: Command) -> Reply:
        with self._opened(command.name) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            file.seek(command.offset)
            return Reply(id=command.id, ok=True, size_bytes=size_bytes, data=file.read(PIECE_BYTES))

    def _opened(self, name: str) -> BinaryIO:
        if is_kept_name(name):
            for folder in self._folders:
                with suppress(FileNotFoundError):
                    return _opened(folder / name)
        raise FileNotFoundError(name)


def kept_files(config: DeviceConfig) -> KeptFiles | None:
    """What the cameras' scenes keep; None where it is nobody's business. ConfigError where a scene cannot be read."""
    if not config.pictures.share:
        return None
    from edge.scene.file import read_scene  # nothing of scenes is in the memory of an agent that shares none

    scenes = (read_scene(Path(camera.scene)) for camera in config.cameras if camera.scene is not None)
    return KeptFiles([Path(scene.keep.folder) for scene in scenes if scene.keep is not None])


def _pictures_in(folder: Path) -> Iterator[tuple[str, int]]:
    """Names and bytes; one that is deleted meanwhile is passed over."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".jpg") and is_kept_name(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    yield entry.name, entry.stat(follow_symlinks=False).st_size


def _opened(path: Path) -> BinaryIO:
    """A plain file, through no link; FileNotFoundError for anything else."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            raise FileNotFoundError(path) from problem
        raise
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise FileNotFoundError(path)
    return os.fdopen(number, "rb")
