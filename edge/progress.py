"""How far the last assignment came, in one file, so that a restart goes on with it or undoes it."""

from __future__ import annotations

from pathlib import Path

from contract.codec import to_pretty_json
from contract.progress import SCHEMA, Progress
from edge.durable import Disk, disk_error, read_record

FILE_NAME = "update.json"


class ProgressFile:
    """`update.json` in the state folder."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._path, self._disk = folder / FILE_NAME, disk

    def load(self) -> Progress:
        """What was saved last; a fresh record on a new device."""
        if not self._path.exists():
            return Progress()
        return read_record(
            self._path,
            Progress,
            newest_schema=SCHEMA,
            without_it="the fleet's assignment is then taken again",
        )

    def save(self, progress: Progress) -> None:
        """Durable when this returns; DiskError where the disk refuses."""
        try:
            self._disk.replace_file(self._path, to_pretty_json(progress))
        except OSError as problem:
            raise disk_error("keeping the update's progress", self._path, problem) from problem
