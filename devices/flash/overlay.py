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

from contract.errors import UpdateError
from devices.flash.boot_folder import FolderFiles
from devices.flash.diff import shown_files
from devices.flash.first_boot.install_step import overlay_scripts
from devices.flash.first_boot.wifi import KEYFILE, network_manager_keyfile
from devices.flash.jetson import flash_commands
from devices.flash.plan import Wanted
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
    there = _archived(to) if to.suffix == ".tar" else _lying(to)
    changed = {path: file for path, file in files.items() if there(path) != b"".join(file.chunks())}
    if changed and not dry_run:
        if to.suffix == ".tar":
            _replace(to, _archive(files))
        else:
            _fill(to, changed)
    commands = tuple(flash_commands(settings, to))
    for command in commands:
        say(command)
    return Report(
        to=f"overlay:{to}",
        result="dry-run" if dry_run else "installed" if changed else "unchanged",
        written={path: file.size_bytes for path, file in changed.items()},
        unchanged_files=len(files) - len(changed),
        diff=tuple(_diff(there, changed, payload, settings)) if dry_run else (),
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


def _diff(
    there: Callable[[str], bytes | None], changed: dict[str, PayloadFile], payload: Payload, settings: Settings
) -> Iterator[str]:
    secrets = {f"{FOLDER}/payload/{path}" for path in payload.secrets}
    write = {path: Wanted(file, path in secrets) for path, file in changed.items()}
    return shown_files(there, write, secrets, settings)


def _nothing(_path: str) -> bytes | None:
    return None


def _lying(folder: Path) -> Callable[[str], bytes | None]:
    return FolderFiles(folder).read if folder.is_dir() else _nothing


def _archived(path: Path) -> Callable[[str], bytes | None]:
    """Contents of the archive that is there; a file that is none holds nothing."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for entry in archive:
                if (stream := archive.extractfile(entry)) is not None:
                    found[entry.name] = stream.read()
    except (OSError, tarfile.TarError, KeyError):
        return _nothing
    return found.get


def _fill(folder: Path, files: dict[str, PayloadFile]) -> None:
    """Write these into `folder`, read them back, and have the service started."""
    folder.mkdir(parents=True, exist_ok=True)
    there = FolderFiles(folder)
    for path, file in files.items():
        there.write(path, file.chunks(), mode=file.mode)
    link = folder / _WANTS
    if not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(_UNIT)
    if any(there.read(path) != b"".join(file.chunks()) for path, file in files.items()):
        raise UpdateError("a file reads back otherwise than it was written", where=str(folder), fix="Check the disk.")


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
        raise UpdateError(
            f"it cannot be written: {problem.strerror}", where=str(path), fix="Choose another folder."
        ) from problem
