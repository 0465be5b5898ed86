"""Where the bytes come from that a delta starts from: the folder of a slot, or a bundle's file on somebody's desk."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import IO, Protocol

from contract.bundle import open_bundle


class Base(Protocol):
    """The files of one bundle: its members, `manifest.json` and `signature.json`, each with its exact bytes."""

    def open(self, name: str) -> IO[bytes]:
        """The file of that name, seekable; OSError (FileNotFoundError among them) where it cannot be read."""


class FolderBase:
    """A slot: one file a member. Nothing is held in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str) -> IO[bytes]:
        """The file in the folder."""
        return (self._folder / name).open("rb")


class BundleBase:
    """A bundle's file: each member asked for is read as a whole, which is for desks and not for devices."""

    def __init__(self, path: Path) -> None:
        """BundleError where the layout is not a bundle's; OSError where the file cannot be read."""
        with path.open("rb") as stream:
            open_bundle(stream, where=str(path))
        self._path = path

    def open(self, name: str) -> IO[bytes]:
        """The member, in memory."""
        with zipfile.ZipFile(self._path) as archive:
            try:
                return io.BytesIO(archive.read(name))
            except KeyError as missing:
                raise FileNotFoundError(f"no member {name!r}") from missing


def base_at(path: Path) -> Base:
    """A folder as a slot, anything else as a bundle's file. BundleError, OSError."""
    return FolderBase(path) if path.is_dir() else BundleBase(path)
