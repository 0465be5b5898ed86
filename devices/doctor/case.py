"""What the doctor knows before it looks closer: the machine, its profiles, and the device's configuration if given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contract.device import DeviceConfig
from devices.detect import Machine
from devices.profiles import Profile
from devices.tree import Tree


@dataclass(frozen=True)
class Case:
    """One examination."""

    machine: Machine
    profile: Profile | None
    """For whose bundles the device is meant: the configuration's word, else what the machine looks like."""
    board: Profile | None
    """The computer itself: a Coral stick's host."""
    config: DeviceConfig | None
    folder: Path
    """What the paths in `config` are relative to."""
    tree: Tree
    """The root that files of the machine are read below."""

    def path(self, text: str) -> Path:
        """A path of the configuration, made absolute."""
        return self.folder / text

    @property
    def state_dir(self) -> Path | None:
        """Where slots and outbox lie; None without a configuration."""
        return self.path(self.config.state_dir) if self.config else None

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """Those whose facts hold here, the one for bundles first."""
        return tuple(dict.fromkeys(profile for profile in (self.profile, self.board) if profile))
