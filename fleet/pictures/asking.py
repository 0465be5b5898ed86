"""Pictures that lie on a device, fetched when somebody asks to see them. Nothing of them stays here."""

from __future__ import annotations

from contract.errors import ConfigError, LinkError
from contract.kept_files import LARGEST_BYTES, KeptPicture, is_kept_name
from fleet.commanding import Commands


def kept_pictures(commands: Commands, device: str, *, after: str = "") -> tuple[KeptPicture, ...]:
    """Some pictures `device` keeps, the oldest first, beginning behind the name `after`; none at the end.

    LinkError where the device is away or does not share them.
    """
    pictures = commands.ask(device, "list-kept", name=after).pictures
    return tuple(picture for picture in pictures if is_kept_name(picture.name) and picture.name > after)


def kept_file(commands: Commands, device: str, name: str) -> bytes:
    """One kept picture (`.jpg`), or what is said about it (`.json`).

    ConfigError for a name no kept file can have; LinkError where the device is away or does not share; NotFoundError
    where it keeps no such file, or not any more.
    """
    if not is_kept_name(name):
        raise ConfigError(f"{name[:80]!r} is no kept file's name", where=device, fix="List them first.")
    content = bytearray()
    while True:
        piece = commands.ask(device, "read-kept", name=name, offset=len(content))
        content += piece.data
        if len(content) >= piece.size_bytes:
            return bytes(content)
        if not piece.data or piece.size_bytes > LARGEST_BYTES:
            raise LinkError(
                f"{device} says {name} has {piece.size_bytes} bytes, and sends {len(content)}",
                where="read-kept",
                fix=f"Fetch it by hand: at most {LARGEST_BYTES >> 20} MiB are asked for.",
            )
