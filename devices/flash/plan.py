"""What flashing makes of a boot partition: the files as they shall be, beside what is there, and nothing written yet.

The order of writing matters for a card that is pulled out: the payload first, the hook that runs it last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from contract.codec import to_json
from contract.errors import ConfigError, UpdateError
from devices.flash.boot_files import BootFiles
from devices.flash.first_boot import files_for
from devices.flash.first_boot.detect import FirstBoot
from devices.flash.first_boot.install_step import FOLDER, PAYLOAD, scripts
from devices.flash.first_boot.start import Start
from devices.payload import Payload, PayloadFile
from devices.settings import Settings

HOOK_LAST = "cmdline.txt"


class Wanted(NamedTuple):
    """One file as it shall be."""

    file: PayloadFile
    secret: bool
    """Its content is shown to nobody."""


@dataclass(frozen=True)
class Plan:
    """What is to be written and removed; equal files are in neither."""

    first_boot: FirstBoot
    write: Mapping[str, Wanted]
    remove: tuple[str, ...]
    secrets: frozenset[str]
    """Files among all wanted ones that are shown to nobody."""
    unchanged: int

    @property
    def empty(self) -> bool:
        """Whether everything is there already."""
        return not self.write and not self.remove


def make_plan(boot: BootFiles, settings: Settings, payload: Payload, kind: FirstBoot, *, seed: str, where: str) -> Plan:
    """Compare what shall be with what is there. ConfigError where it does not fit, or a name is no good on FAT."""
    start = Start(settings, boot, identity_of(settings, payload, seed))
    wanted = {f"{PAYLOAD}/{path}": Wanted(file, path in payload.secrets) for path, file in payload.files.items()}
    own = scripts() | files_for(kind, start)
    wanted |= {path: Wanted(PayloadFile(data), False) for path, data in own.items()}
    _check_names(wanted, where)
    write = {path: want for path, want in wanted.items() if not _is_there(boot, path, want.file)}
    if HOOK_LAST in write:
        write[HOOK_LAST] = write.pop(HOOK_LAST)
    remove = tuple(path for path in boot.below(FOLDER) if path not in wanted)
    secrets = frozenset(path for path, want in wanted.items() if want.secret)
    plan = Plan(kind, write, remove, secrets, len(wanted) - len(write))
    _check_room(boot, plan, where)
    return plan


def identity_of(settings: Settings, payload: Payload, seed: str) -> str:
    """16 hexadecimal digits from all that is flashed: repeating it is no news to the device, any change is.

    Slow on purpose, as the key of a wireless network is: it is shown, and passwords went into it.
    """
    system = (
        settings.host,
        settings.user,
        settings.ssh_authorized_keys,
        settings.password_hash,
        None if settings.wifi is None else to_json(settings.wifi),
        settings.timezone,
        settings.keymap,
    )
    return hashlib.pbkdf2_hmac("sha256", repr((payload.id, seed, system)).encode(), b"edgeferry", 100_000, 8).hex()


def carry_out(boot: BootFiles, plan: Plan, *, where: str) -> None:
    """Write, settle, and compare every byte. UpdateError where the card gives back something else."""
    for path in plan.remove:
        boot.remove(path)
    for path, want in plan.write.items():
        boot.write(path, want.file.chunks())
    boot.settle()
    for path, want in plan.write.items():
        if not _is_there(boot, path, want.file):
            raise UpdateError(f"{path} reads back otherwise than it was written", where=where, fix="Take another card.")


def _is_there(boot: BootFiles, path: str, file: PayloadFile) -> bool:
    there = boot.read(path)
    return there is not None and len(there) == file.size_bytes and _equal(there, file.chunks())


def _equal(data: bytes, chunks: Iterable[bytes]) -> bool:
    at = 0
    for chunk in chunks:
        if data[at : at + len(chunk)] != chunk:
            return False
        at += len(chunk)
    return at == len(data)


def _check_names(wanted: Mapping[str, Wanted], where: str) -> None:
    seen: dict[str, str] = {}
    for path in wanted:
        if not path.isascii() or set(path) & set('\\:*?"<>|') or seen.setdefault(path.lower(), path) != path:
            raise ConfigError(
                f"a boot partition cannot hold a file called {path!r}", where=where, fix="Rename it: plain ASCII."
            )


def _check_room(boot: BootFiles, plan: Plan, where: str) -> None:
    there = [boot.read(path) for path in (*plan.write, *plan.remove)]
    sizes = [want.file.size_bytes for want in plan.write.values()]
    left = boot.room(sizes, [len(data) for data in there if data is not None])
    if plan.write and left < 0:
        raise ConfigError(
            f"the boot partition is {-left / 1e6:.1f} MB too small for {sum(sizes) / 1e6:.1f} MB",
            where=where,
            fix="Leave the wheelhouse away and let the device fetch its packages, or take an image with more room.",
        )
