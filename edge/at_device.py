"""What somebody in front of a device asks of it: install a file, go back, say how it stands.

The agent does the work, through its inbox; this file places orders, waits for their end and reads records. Without an
agent an order waits for its next start.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from contract.bundle import SUFFIX
from contract.device import DeviceConfig
from contract.errors import BundleError, ConfigError
from contract.manifest import Digest
from contract.progress import Progress
from contract.states import FINAL, Cause, State
from edge.bundles import UNVERIFIED, opened_bundle
from edge.device_file import read_device_file
from edge.durable import Disk
from edge.fitness import check_profile
from edge.inbox import METADATA, Inbox, Order
from edge.progress import ProgressFile
from edge.slot import read_slot
from edge.slots import FOLDER as SLOTS
from edge.slots import stored_record

_LOOK_S = 0.2
_PICK_UP_S = 5.0
"""An agent that runs looks into its inbox every second, unless an update is under way."""
Say = Callable[[str], None]


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of an order."""

    asked: str
    """`install NAME@VERSION` or `roll-back`."""
    state: State
    """`idle` for one that waits for the agent."""
    cause: Cause | None = None
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is what was asked for, or will be tried."""
        return self.state in ("committed", "idle") or (self.asked == "roll-back" and self.state == "rolled-back")

    def words(self) -> str:
        """For a person."""
        if self.state == "idle":
            return f"{self.asked}: no agent is at work here; it will do this when it starts"
        return f"{self.asked}: {self.state}" + (f" ({self.cause}: {self.detail})" if self.cause else "")


class InSlot(Struct, frozen=True, kw_only=True):
    """An installed bundle."""

    release: str
    digest: Digest


class DeviceState(Struct, frozen=True, kw_only=True):
    """How a device stands, by its own records."""

    device: str
    current: InSlot | None
    fallback: InSlot | None
    provisional: bool
    security_floor: int
    last_update: Progress


def install_from(config_path: Path, source: Path, *, wait_s: float, say: Say) -> Outcome:
    """Order the installation of a bundle file, or of the one for this device in a folder, and wait for its end.

    ConfigError, BundleError or ProfileError for what can be seen beforehand; everything else is the outcome.
    """
    config = read_device_file(config_path)
    bundle = source if source.is_file() else _bundle_in(source, config.profile)
    with opened_bundle(bundle, UNVERIFIED) as opened:
        check_profile(opened.bundle.manifest, config.profile)
        release = opened.bundle.manifest.release
    beside = (source.parent if source.is_file() else source) / METADATA
    inbox = Inbox(_state_dir(config), Disk())
    order = inbox.place_install(bundle, beside if beside.is_dir() else None)
    say(f"{release} waits in the inbox of {config.device}")
    return _wait(config, inbox, order, f"install {release}", wait_s, say)


def ask_roll_back(config_path: Path, *, wait_s: float, say: Say) -> Outcome:
    """Order the model before, and wait until it serves. ConfigError where there is none."""
    config = read_device_file(config_path)
    if state_of(config_path).fallback is None:
        raise ConfigError(
            "there is no earlier model on this device",
            where=config.device,
            fix="Install one: edgeferry agent install BUNDLE",
        )
    inbox = Inbox(_state_dir(config), Disk())
    return _wait(config, inbox, inbox.place_roll_back(), "roll-back", wait_s, say)


def state_of(config_path: Path) -> DeviceState:
    """What the records say; UpdateError where one is spoilt."""
    config = read_device_file(config_path)
    state_dir = _state_dir(config)
    record = stored_record(state_dir)
    return DeviceState(
        device=config.device,
        current=_in_slot(state_dir, record.current),
        fallback=_in_slot(state_dir, record.fallback),
        provisional=record.provisional,
        security_floor=record.floor,
        last_update=ProgressFile(state_dir, Disk()).load(),
    )


def state_words(state: DeviceState) -> str:
    """For a person."""
    update = state.last_update
    last = "none yet" if update.assignment is None else f"{update.assignment.name}@{update.assignment.version}"
    lines = {
        "device": state.device,
        "serves": _release(state.current) + (", on trial" if state.provisional else ""),
        "before it": _release(state.fallback),
        "security floor": str(state.security_floor),
        "last update": last if update.assignment is None else f"{last}: {update.state}",
        "because": f"{update.cause}: {update.detail}" if update.cause else "",
    }
    return "\n".join(f"{name:15} {text}" for name, text in lines.items() if text)


def _wait(config: DeviceConfig, inbox: Inbox, order: Order, asked: str, wait_s: float, say: Say) -> Outcome:
    """Until the agent has taken the order away again."""
    file, began_s, said = ProgressFile(_state_dir(config), Disk()), time.monotonic(), ""
    before = file.load()
    while inbox.look() == order:
        progress, waited_s = file.load(), time.monotonic() - began_s
        underway = progress.local and progress.state not in FINAL
        if waited_s > wait_s or (waited_s > _PICK_UP_S and not underway and progress == before):
            return Outcome(asked=asked, state="idle" if not underway else progress.state)
        if underway and progress.state != said:
            say(f"  {progress.state}")
            said = progress.state
        time.sleep(_LOOK_S)
    progress = file.load()
    if order.verb == "roll-back":
        return Outcome(asked=asked, state="rolled-back")
    return Outcome(asked=asked, state=progress.state, cause=progress.cause, detail=progress.detail)


def _bundle_in(folder: Path, profile: str) -> Path:
    """The one for this profile; BundleError for none or several."""
    found = sorted(path for path in folder.glob(f"*{SUFFIX}") if _profile_of(path) == profile)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise BundleError(
            f"one bundle for {profile} is wanted here, and there is: {names}",
            where=str(folder),
            fix="Name the file: edgeferry agent install FILE",
        )
    return found[0]


def _profile_of(path: Path) -> str | None:
    try:
        with opened_bundle(path, UNVERIFIED) as opened:
            return opened.bundle.manifest.profile
    except BundleError:
        return None


def _in_slot(state_dir: Path, digest: Digest | None) -> InSlot | None:
    if digest is None:
        return None
    return InSlot(release=read_slot(state_dir / SLOTS, digest).manifest.release, digest=digest)


def _release(slot: InSlot | None) -> str:
    return "nothing" if slot is None else f"{slot.release} ({slot.digest[:19]}…)"


def _state_dir(config: DeviceConfig) -> Path:
    folder = Path(config.state_dir)
    if not folder.is_dir():
        raise ConfigError(
            "the agent has never run here", where=str(folder), fix="Start it once, or check state_dir in device.toml."
        )
    return folder
