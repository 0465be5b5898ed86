"""How an assigned bundle's file comes onto this device.

Nothing that serves is touched here. The wire is `edge/download.py`'s matter; what becomes of the file,
`edge/updater.py`'s.
"""

from __future__ import annotations

from pathlib import Path

from contract.digest import hex_of
from contract.messages import Assignment
from edge.deadline import Deadline
from edge.download import Wanted, fetch
from edge.durable import Disk, disk_error

FOLDER = "downloads"


class Supply:
    """Files for assignments, in one state folder. For one thread."""

    def __init__(self, state_dir: Path, disk: Disk) -> None:
        self._folder, self._disk = state_dir / FOLDER, disk

    def bundle(self, assignment: Assignment, deadline: Deadline) -> Path:
        """The assigned bundle's file, of the assigned digest and size. DownloadError, DiskError or DeadlineError."""
        part = self._folder / f"{hex_of(assignment.digest)}.part"
        self._make_way(part)
        wanted = Wanted(assignment.url, assignment.digest, assignment.size_bytes)
        return fetch(wanted, part, deadline=deadline, disk=self._disk)

    def used_up(self, file: Path) -> None:
        """The bundle is installed, or refused: its file is not needed any more."""
        if file.exists():
            self._disk.remove(file)

    def _make_way(self, part: Path) -> None:
        """What was left of other assignments is deleted."""
        try:
            if not self._folder.is_dir():
                self._disk.make_folder(self._folder)
            for other in sorted(self._folder.iterdir()):
                if other != part:
                    self._disk.remove(other)
        except OSError as problem:
            raise disk_error("making room for the download", self._folder, problem) from problem
