"""`--to overlay:DIR` or `overlay:FILE.tar`: files to lay over a root file system that somebody else's tool flashes.

Jetson boards have no boot partition to write to: NVIDIA's tool makes the system from `Linux_for_Tegra/rootfs`, so the
payload goes in there, and the command that flashes it is printed (`jetson.py`). Equal arguments give an equal archive.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from contract.errors import ConfigError, UpdateError
from devices.flash.boot_folder import FolderFiles
from devices.flash.first_boot.install_step import overlay_scripts
from devices.flash.first_boot.wifi import KEYFILE, network_manager_keyfile
from devices.flash.jetson import flash_commands
from devices.flash.report import Report
from devices.payload import Payload, PayloadFile
from devices.settings import Settings

FOLDER = "opt/edgeferry-setup"
_WANTS = "etc/systemd/system/multi-user.target.wants/edgeferry-first-boot.service"
_UNIT = "../edgeferry-first-boot.service"
_SSHD = "etc/ssh/sshd_config.d/50-edgeferry.conf"
_KEYS = "etc/ssh/edgeferry-keys"


def flash_overlay(
    payload: Payload, settings: Settings, to: Path, *, dry_run: bool = False, say: Callable[[str], None]
) -> Report:
    """Write the overlay. UpdateError where that fails; nothing outside `to` is touched."""
    files = dict(overlay_files(payload, settings))
    if to.suffix == ".tar":
        written = dict(files) if _archive(files) != _bytes_of(to) else {}
        if written and not dry_run:
            _replace(to, _archive(files))
    else:
        written = _fill(to, files, dry_run)
    commands = tuple(flash_commands(settings, to))
    for command in commands:
        say(command)
    return Report(
        to=f"overlay:{to}",
        result="dry-run" if dry_run else "installed" if written else "unchanged",
        written={path: file.size_bytes for path, file in written.items()},
        unchanged_files=len(files) - len(written),
        commands=commands,
    )


def overlay_files(payload: Payload, settings: Settings) -> Iterator[tuple[str, PayloadFile]]:
    """Every file with its mode, by path below the root file system, sorted."""
    files = {f"{FOLDER}/payload/{path}": file for path, file in payload.files.items()}
    files |= {path: PayloadFile(data) for path, data in overlay_scripts(f"/{FOLDER}").items()}
    files["etc/hostname"] = PayloadFile(f"{settings.host}\n".encode())
    if settings.timezone is not None:
        files["etc/timezone"] = PayloadFile(f"{settings.timezone}\n".encode())
    if settings.wifi is not None:
        files[KEYFILE.lstrip("/")] = PayloadFile(network_manager_keyfile(settings.wifi).encode(), 0o600)
    if settings.user and settings.ssh_authorized_keys:
        # The user is made by NVIDIA's script, so his home is not there yet.
        keys = "".join(f"{key}\n" for key in settings.ssh_authorized_keys)
        files[f"{_KEYS}/{settings.user}"] = PayloadFile(keys.encode())
        files[_SSHD] = PayloadFile(f"AuthorizedKeysFile .ssh/authorized_keys /{_KEYS}/%u\n".encode())
    yield from sorted(files.items())


def _fill(folder: Path, files: dict[str, PayloadFile], dry_run: bool) -> dict[str, PayloadFile]:
    """Write what differs into `folder`; returns it."""
    if not dry_run:
        folder.mkdir(parents=True, exist_ok=True)
    there = FolderFiles(folder) if folder.is_dir() else None
    written = {
        path: file for path, file in files.items() if there is None or there.read(path) != b"".join(file.chunks())
    }
    if there is None or dry_run:
        return written
    for path, file in written.items():
        there.write(path, file.chunks(), mode=file.mode)
    link = folder / _WANTS
    if not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(_UNIT)
    if any(there.read(path) != b"".join(file.chunks()) for path, file in written.items()):
        raise UpdateError("a file reads back otherwise than it was written", where=str(folder), fix="Check the disk.")
    return written


def _archive(files: dict[str, PayloadFile]) -> bytes:
    """A tar owned by root, without dates."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, file in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = file.size_bytes, file.mode
            archive.addfile(entry, io.BytesIO(b"".join(file.chunks())))
        link = tarfile.TarInfo(_WANTS)
        link.type, link.linkname = tarfile.SYMTYPE, _UNIT
        archive.addfile(link)
    return out.getvalue()


def _bytes_of(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(f"{path.name}.part")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as problem:
        beside.unlink(missing_ok=True)
        raise ConfigError(
            f"it cannot be written: {problem.strerror}", where=str(path), fix="Choose another folder."
        ) from problem
