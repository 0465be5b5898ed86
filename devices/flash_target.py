"""Where a device is flashed to, chosen by the word before the colon of `--to`; each kind is a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from contract.errors import ConfigError
from devices.changes import changes, is_text, words
from devices.payload import Payload
from devices.profiles import load_profile
from devices.settings import Settings

if TYPE_CHECKING:
    from devices.flash.first_boot.detect import FirstBoot
    from devices.flash.report import Report

Say = Callable[[str], None]
Result = Literal["installed", "unchanged"]


class How(NamedTuple):
    """What holds for every device of one call."""

    wait_s: float
    """For the first reported frame, where the device runs already."""
    accept_new_host_key: bool = False
    ssh_options: tuple[str, ...] = ()
    image: Path | None = None
    """The stock image that `image:` begins with."""
    first_boot: FirstBoot | None = None
    """How that system, or the card's, is set up at its first start; None to look."""
    fixed_disk: bool = False
    """Disks that are built in may be overwritten."""
    seed: str = ""
    """Part of what a system is told apart by at its first start (`image:`, `boot:`)."""


class Target(Protocol):
    """One place that may be flashed."""

    def flash(self, settings: Settings, payload: Payload, say: Say) -> Result:
        """Do it; a FerryError leaves the place as it was."""
        ...

    def preview(self, settings: Settings, payload: Payload, say: Say) -> list[str]:
        """Lines that say what `flash` would change, without secrets; empty for nothing. Changes nothing."""
        ...

    def stop(self) -> None:
        """End what is under way; from another thread."""
        ...


class SshTarget:
    """A device that runs and lets us in."""

    def __init__(self, to: str, how: How) -> None:
        from devices.remote.ssh import Ssh, address_of

        self._ssh = Ssh(address_of(to), accept_new_host_key=how.accept_new_host_key, options=how.ssh_options)
        self._wait_s = how.wait_s

    def flash(self, settings: Settings, payload: Payload, say: Say) -> Result:
        """See `devices/remote/target.py`."""
        from devices.remote.target import flash_over_ssh

        return flash_over_ssh(payload, load_profile(settings.profile), self._ssh, wait_s=self._wait_s, say=say).result

    def preview(self, settings: Settings, payload: Payload, say: Say) -> list[str]:
        """Against what the device has now: one to three log-ins."""
        from devices.remote.target import fetch, look

        present = fetch(self._ssh, as_root=look(self._ssh).uid != 0, names=is_text)
        return [line for change in changes(payload, present) for line in words(change)]

    def stop(self) -> None:
        """Cut the connection: the device goes back by itself."""
        self._ssh.kill()


Write = Callable[[Payload, Settings, bool, Say], "Report"]


class WrittenTarget:
    """A file, a card or a folder on this machine; `write` takes payload, settings, whether to only look, and say."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def flash(self, settings: Settings, payload: Payload, say: Say) -> Result:
        """See `devices/flash/`."""
        return "unchanged" if self._write(payload, settings, False, say).result == "unchanged" else "installed"

    def preview(self, settings: Settings, payload: Payload, say: Say) -> list[str]:
        """Differences where there are texts to compare, else the files by size."""
        report = self._write(payload, settings, True, say)
        return list(report.diff) or [f"+ {path} ({size} bytes)" for path, size in report.written.items()]

    def stop(self) -> None:
        """Nothing: what is written stands beside its place until it is whole."""


def _image(to: str, how: How) -> Target:
    from devices.flash.image import flash_image

    image, out = how.image, _path(to)
    if image is None:
        raise ConfigError("nothing says which system to put on it", where="--to", fix="Name it: --image FILE")
    return WrittenTarget(
        lambda payload, settings, dry_run, say: flash_image(
            payload,
            settings,
            image,
            out,
            first_boot=how.first_boot,
            fixed_disk=how.fixed_disk,
            seed=how.seed,
            dry_run=dry_run,
            say=say,
        )
    )


def _boot(to: str, how: How) -> Target:
    from devices.flash.boot_folder_target import flash_boot_folder

    folder = _path(to)
    return WrittenTarget(
        lambda payload, settings, dry_run, say: flash_boot_folder(
            payload, settings, folder, seed=how.seed, first_boot=how.first_boot, dry_run=dry_run, say=say
        )
    )


def _overlay(to: str, _how: How) -> Target:
    from devices.flash.overlay import flash_overlay

    place = _path(to)
    return WrittenTarget(
        lambda payload, settings, dry_run, say: flash_overlay(payload, settings, place, dry_run=dry_run, say=say)
    )


def _path(to: str) -> Path:
    path = to.partition(":")[2]
    if not path:
        raise ConfigError("nothing stands behind the colon", where=f"--to {to}", fix="Name a file or a folder.")
    return Path(path)


_KINDS: dict[str, Callable[[str, How], Target]] = {
    "ssh": SshTarget,
    "image": _image,
    "boot": _boot,
    "overlay": _overlay,
}


def target_for(to: str, how: How) -> Target:
    """The target that `to` names; ConfigError for a word that is none."""
    kind = to.partition(":")[0]
    if kind not in _KINDS:
        raise ConfigError(
            f"{kind!r} is nowhere a device can be flashed to",
            where="--to",
            fix=f"Begin with one of: {', '.join(f'{name}:' for name in _KINDS)}",
        )
    return _KINDS[kind](to, how)
