"""`edgeferry enroll`: a claim code becomes a certificate and a `device.toml` the agent can start with.

The order is that of a power cut: key, certificate, pinned keys, and the configuration last. Whatever is cut off, the
same command does the rest. A `device.toml` that is there keeps all a person wrote: only the broker's address and files
and the `[identity]` table are set in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from json import dumps
from pathlib import Path

from msgspec import Struct

from contract.device import parse_device_config
from contract.enrolment import Membership
from contract.errors import ConfigError
from devices.device_toml import written
from edge.clock import FleetClock
from edge.durable import Disk, disk_error
from edge.enrolment import Server, enrol
from edge.member_files import MemberFiles

_TABLE = re.compile(r"\s*\[")


class Wishes(Struct, frozen=True, kw_only=True):
    """What a person says at the device."""

    code: str
    server: str
    state_dir: Path
    config: Path
    ca_file: Path | None = None
    """Authorities of the server's https certificate."""
    fingerprint: str | None = None
    """Of the fleet's root."""
    profile: str | None = None
    camera: str = "/dev/video0"
    bundle: Path | None = None


class Joined(Struct, frozen=True, kw_only=True):
    """What became of it."""

    fleet: str
    device: str
    broker: str
    config: str
    certificate: str
    counts_until_s: float


def join(wishes: Wishes, disk: Disk | None = None) -> Joined:
    """ConfigError, LinkError or SignatureError where it cannot be; nothing is lost then."""
    disk = disk or Disk()
    state = wishes.state_dir.resolve()
    _folder(state)
    _folder(wishes.config.resolve().parent)
    files = MemberFiles(state, disk)
    ca = None if wishes.ca_file is None else str(wishes.ca_file.resolve())
    before = _before(wishes.config)
    expected = None if before is None else _named(before, wishes.config)
    server = Server(wishes.server, ca_file=ca, clock=FleetClock(state, disk))
    membership = enrol(wishes.code, server, files, fingerprint=wishes.fingerprint, expected=expected)
    identity = {"server": wishes.server, "ca_file": ca}
    if before is None:
        data = _new_config(wishes, membership, state, files, identity, disk)
    else:
        data = _edited(before, membership, files, identity, where=str(wishes.config))
    _keep(disk, wishes.config, data)
    terms = files.terms()
    return Joined(
        fleet=membership.fleet,
        device=membership.device,
        broker=membership.broker,
        config=str(wishes.config),
        certificate=str(files.identity),
        counts_until_s=terms.ends_s if terms is not None else 0.0,
    )


def with_keys(text: str, table: str, values: Mapping[str, str | None]) -> str:
    """TOML `text` with these keys of `[table]` set, None taking one out; everything else stays, comments too.

    By lines: a key whose value goes on over several lines is not understood, so callers read the result back.
    """
    lines = text.splitlines()
    heads = [n for n, line in enumerate(lines) if line.split("#")[0].strip() == f"[{table}]"]
    if not heads:
        lines += ["", f"[{table}]"]
        heads = [len(lines) - 1]
    begin = heads[0] + 1
    end = next((n for n in range(begin, len(lines)) if _TABLE.match(lines[n])), len(lines))
    kept = [line for line in lines[begin:end] if line.split("=")[0].strip() not in values]
    new = [f"{key} = {dumps(value, ensure_ascii=False)}" for key, value in values.items() if value is not None]
    return "\n".join([*lines[:begin], *new, *kept, *lines[end:]]) + "\n"


def _edited(
    before: str, membership: Membership, files: MemberFiles, identity: Mapping[str, str | None], *, where: str
) -> bytes:
    broker = {
        "url": membership.broker,
        "cert_file": str(files.identity),
        "key_file": str(files.identity),
        "ca_file": str(files.authorities),
    }
    text = with_keys(with_keys(before, "broker", broker), "identity", {**identity, "claim": None})
    try:
        read = parse_device_config(text.encode(), where=where)
        right = (read.broker.url, read.broker.cert_file) == (membership.broker, str(files.identity))
    except ConfigError:
        right = False
    if not right:
        raise ConfigError(
            "this file is written in a way that cannot be edited here; the certificate is in its place already",
            where=where,
            fix=f"Set cert_file and key_file under [broker] to {files.identity}, and ca_file to {files.authorities}.",
        )
    return text.encode()


def _new_config(
    wishes: Wishes,
    membership: Membership,
    state: Path,
    files: MemberFiles,
    identity: Mapping[str, str | None],
    disk: Disk,
) -> bytes:
    if not membership.publishers:
        raise ConfigError(
            "the server names no publisher's key, so no bundle could be trusted here",
            where=wishes.server,
            fix="Start it with --trust publisher.key.pub, or write device.toml first; then the same command again.",
        )
    folder = wishes.config.resolve().parent
    pinned = {
        "publisher": membership.publishers,
        "fleet": membership.fleet_keys,
    }
    names: dict[str, tuple[str, ...]] = {}
    for kind, keys in pinned.items():
        names[kind] = tuple(f"{kind}-{n}.pub" for n, _ in enumerate(keys, 1))
        for name, key in zip(names[kind], keys, strict=True):
            _keep(disk, folder / name, key.encode())
    if membership.root:
        _keep(disk, folder / "root.json", membership.root.encode())
    document = {
        "fleet": membership.fleet,
        "device": membership.device,
        "profile": wishes.profile or membership.profile or _detected(),
        "state_dir": str(state),
        "bundle": None if wishes.bundle is None else str(wishes.bundle.resolve()),
        "site": membership.site or None,
        "broker": {
            "url": membership.broker,
            "ca_file": str(files.authorities),
            "cert_file": str(files.identity),
            "key_file": str(files.identity),
        },
        "trust": {
            "publishers": names["publisher"],
            "fleet": names["fleet"],
            "root": "root.json" if membership.root else None,
        },
        "identity": identity,
        "camera": {"source": wishes.camera},
        "tags": membership.tags,
    }
    data, _ = written({name: value for name, value in document.items() if value != {}}, where=str(wishes.config))
    return data


def _detected() -> str:
    """The profile of this very machine."""
    from devices.detect import detect

    found = detect()
    if found.profile is None:
        raise ConfigError("nobody says what kind of device this is", where="profile", fix="Give --profile.")
    return found.profile


def _before(config: Path) -> str | None:
    try:
        return config.read_text() if config.exists() else None
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(
            f"the configuration cannot be read: {problem}", where=str(config), fix="Check the file."
        ) from problem


def _named(before: str, config: Path) -> tuple[str, str]:
    """Fleet and device of a configuration that is there: another one's code must not be used up for it."""
    read = parse_device_config(before.encode(), where=str(config))
    return read.fleet, read.device


def _folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise disk_error("making a folder", path, problem) from problem


def _keep(disk: Disk, path: Path, data: bytes) -> None:
    try:
        disk.replace_file(path, data)
    except OSError as problem:
        raise disk_error("writing the configuration", path, problem) from problem
