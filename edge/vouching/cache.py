"""The metadata a device has accepted, in `STATE/metadata`: what no server may ever go behind.

python-tuf neither syncs what it writes nor asks our `Disk`, so it works in a borrowed folder, and what it accepted is
kept from there, file by file, each whole or not at all. A file the medium has spoilt is lent like any other: python-tuf
checks signatures in its cache too, takes what does not hold for absent, and fetches it anew.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from contract.metadata import MOST_BYTES
from edge.durable import Disk, disk_error
from edge.vouching.talk import role_of

log = logging.getLogger(__name__)

FOLDER = "metadata"
_HISTORY = "root_history"
"""Where python-tuf keeps every root, as `VERSION.root.json`."""
_OURS = re.compile(r"[1-9][0-9]{0,8}\.root\.json|(?:timestamp|snapshot|targets)\.json")


class Cache:
    """`STATE/metadata`, flat. Not for two threads at a time."""

    def __init__(self, state_dir: Path, disk: Disk) -> None:
        self._folder, self._disk = state_dir / FOLDER, disk

    def lend(self, scratch: Path) -> None:
        """Copy everything into `scratch`, an empty folder, laid out as python-tuf expects it."""
        (scratch / _HISTORY).mkdir()
        for path in self._kept():
            _lend_one(path, _place(scratch, path.name))

    def keep(self, scratch: Path) -> None:
        """Take over what was accepted in `scratch` since; DiskError where it cannot be kept.

        Roots go first, in their order, then what they allow: whenever power goes, a prefix of it is there.
        """
        try:
            if not self._folder.is_dir():
                self._disk.make_folder(self._folder)
                self._disk.sync(self._folder.parent)
            for name in _accepted(scratch):
                self._keep_one(name, _place(scratch, name).read_bytes())
        except OSError as problem:
            raise disk_error("keeping update metadata", self._folder, problem) from problem

    def _keep_one(self, name: str, data: bytes) -> None:
        path = self._folder / name
        if not path.is_file() or path.read_bytes() != data:
            self._disk.replace_file(path, data)

    def _kept(self) -> Iterator[Path]:
        if self._folder.is_dir():
            yield from (path for path in sorted(self._folder.iterdir()) if _OURS.fullmatch(path.name))


def _lend_one(path: Path, place: Path) -> None:
    try:
        role = role_of(path.name)
        if role is not None and path.stat().st_size <= MOST_BYTES[role]:
            place.write_bytes(path.read_bytes())
    except OSError as problem:
        log.warning("%s cannot be read and is fetched anew: %s", path, problem.strerror)


def _place(scratch: Path, name: str) -> Path:
    return (scratch / _HISTORY if role_of(name) == "root" else scratch) / name


def _accepted(scratch: Path) -> list[str]:
    roots = [path.name for path in (scratch / _HISTORY).iterdir() if _OURS.fullmatch(path.name)]
    others = [f"{role}.json" for role in ("timestamp", "snapshot", "targets") if (scratch / f"{role}.json").is_file()]
    return [*sorted(roots, key=lambda name: int(name.split(".")[0])), *others]
