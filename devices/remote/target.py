"""`--to ssh://…`: look at the device, hand it the payload, let it install itself, hear how that ended.

The device does the work (`devices/install/install.sh`): it checks every digest, waits for its first reported frame
and goes back by itself, so that a connection which breaks leaves no half of anything.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from importlib import resources
from typing import IO, Literal, NamedTuple

from contract.errors import ConfigError, UpdateError
from devices.payload import INSTALLED, SUMS, Payload
from devices.profiles import Profile
from devices.remote.ssh import CutError, Say, Ssh

_UNIT = "edgeferry-agent.service"
_LOOK = f"""
echo "uid=$(id -u)"
echo "machine=$(uname -m)"
echo "current=$(readlink {INSTALLED} 2>/dev/null | sed 's|^versions/||')"
[ ! -f {INSTALLED}/confirmed ] || echo confirmed=yes
! systemctl is-active --quiet {_UNIT} || echo active=yes
"""
_FETCH = f"cd {INSTALLED} 2>/dev/null || exit 0; exec tar -c -f - "


class Standing(NamedTuple):
    """What a look at the device says."""

    uid: int
    machine: str
    """As `uname -m` says it."""
    current: str
    """The payload that serves, by its id; empty on a device that has none."""
    settled: bool
    """Whether its first frame was reported and it runs."""


class Outcome(NamedTuple):
    """How it ended."""

    result: Literal["installed", "unchanged"]
    payload: str


def look(ssh: Ssh) -> Standing:
    """Log in and see. Changes nothing."""
    lines = ssh.run(_LOOK).decode(errors="replace").splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    if not found.get("uid", "").isdigit():
        raise UpdateError("it gives no shell that answers", where=str(ssh.address), fix="Log in by hand and see.")
    settled = found.get("confirmed") == found.get("active") == "yes"
    return Standing(int(found["uid"]), found.get("machine", ""), found.get("current", ""), settled)


def flash_over_ssh(payload: Payload, profile: Profile, ssh: Ssh, *, wait_s: float, say: Say) -> Outcome:
    """Have the device serve this payload. Where it does already, nothing is changed.

    Without a reported frame within `wait_s` the device goes back to what it was. ConfigError, LinkError, CutError,
    UpdateError: in each case the device is as it was, but for a connection that breaks in the very last second.
    """
    standing = look(ssh)
    if profile.architecture not in ("any", standing.machine):
        raise ConfigError(
            f"this machine is {standing.machine}, and {profile.name} is {profile.architecture}",
            where=str(ssh.address),
            fix="Give the right --profile, or the right address.",
        )
    if standing.current == payload.id and standing.settled:
        return Outcome("unchanged", payload.id)
    say(f"{payload.size_bytes / 1e6:.1f} MB in {len(payload.files)} files are on their way")
    script = f"wait_s={int(wait_s)}\n{(resources.files('devices') / 'remote' / 'receive.sh').read_text()}"
    try:
        ssh.run(
            script,
            as_root=standing.uid != 0,
            feed=lambda pipe: write_tar(payload, pipe),
            say=lambda line: say(line.removeprefix("edgeferry: ")),
        )
    except CutError as cut:
        raise CutError(
            f"{cut.what}; the device keeps what it had unless its first frame was in already",
            where=cut.where,
            fix="Do it again: it goes on from whatever is there.",
        ) from cut
    return Outcome("installed", payload.id)


def fetch(ssh: Ssh, *, as_root: bool, names: Callable[[str], bool]) -> dict[str, bytes]:
    """The files of the payload that serves whose path `names` says yes to; empty where there is none."""
    sums = _untarred(ssh.run(_FETCH + SUMS, as_root=as_root))
    there = [line[66:] for line in sums.get(SUMS, b"").decode().splitlines() if names(line[66:])]
    if not there:
        return sums
    wanted = " ".join(f"'{name}'" for name in there if "'" not in name)
    return sums | _untarred(ssh.run(_FETCH + wanted, as_root=as_root))


def write_tar(payload: Payload, pipe: IO[bytes]) -> None:
    """The payload as a tar stream, its list of digests last: without it the device knows that the rest is not whole."""
    with tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name, file in payload.files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = file.size_bytes, file.mode
            if isinstance(file.content, bytes):
                archive.addfile(entry, io.BytesIO(file.content))
            else:
                with file.content.open("rb") as stream:
                    archive.addfile(entry, stream)


def _untarred(data: bytes) -> dict[str, bytes]:
    if not data:
        return {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {entry.name: stream.read() for entry in archive if (stream := archive.extractfile(entry)) is not None}
