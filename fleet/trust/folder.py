"""The documents on disk: plain files any web server, object store or CDN may serve as they are.

`N.root.json`, `N.targets.json` and `N.snapshot.json` never change once a timestamp leads to them; `timestamp.json` is
the only one replaced. Each is written beside its place, synced and renamed, so nobody reads half a file.
"""

from __future__ import annotations

from pathlib import Path

from contract.errors import ConfigError
from contract.metadata import RoleName
from fleet.durable import sync
from fleet.trust.names import DOCUMENT

_INCOMING = ".incoming-"


class MetadataFolder:
    """One folder of documents."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> bytes | None:
        """A document's bytes; None where `name` is no document's or there is none."""
        if DOCUMENT.fullmatch(name) is None:
            return None
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise self._unusable(problem) from problem

    def newest(self, role: RoleName) -> int:
        """The highest version of `role`; 0 where there is none."""
        versions = (path.name.partition(".")[0] for path in self.path.glob(f"*.{role}.json"))
        return max((int(version) for version in versions if version.isdecimal()), default=0)

    def write(self, name: str, data: bytes) -> None:
        """Put a whole document in its place; it outlasts a power cut before this returns."""
        beside = self.path / f"{_INCOMING}{name}"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(data)
            sync(beside)
            beside.replace(self.path / name)
            sync(self.path)
        except OSError as problem:
            raise self._unusable(problem) from problem

    def _unusable(self, problem: OSError) -> ConfigError:
        return ConfigError(
            f"the metadata cannot be used: {problem.strerror}",
            where=str(self.path),
            fix="Give --metadata a folder this user may read and write, on a disk with room.",
        )
