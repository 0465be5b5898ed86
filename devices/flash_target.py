"""Where a device is flashed to, chosen by the word before the colon of `--to`; each kind is a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from contract.errors import ConfigError
from devices.changes import changes, is_text, words
from devices.payload import Payload
from devices.profiles import load_profile
from devices.settings import Settings

Say = Callable[[str], None]
Result = Literal["installed", "unchanged"]


class How(NamedTuple):
    """What holds for every device of one call."""

    wait_s: float
    """For the first reported frame, where the device runs already."""
    accept_new_host_key: bool = False
    ssh_options: tuple[str, ...] = ()


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


_KINDS: dict[str, Callable[[str, How], Target]] = {"ssh": SshTarget}


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
