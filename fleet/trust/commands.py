"""`edgeferry fleet trust`: who may vouch for updates, until when, and for which."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from fleet.client import Client
from fleet.token_option import server_option

ROOT_DAYS, TARGETS_DAYS = 365.0, 90.0
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_DAYS = click.FloatRange(0, 36500, min_open=True)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
_server = server_option
_root_days = click.option("--root-days", default=ROOT_DAYS, show_default=True, type=_DAYS, help="How long it counts.")
_targets_days = click.option(
    "--targets-days", default=TARGETS_DAYS, show_default=True, type=_DAYS, help="How long the list counts."
)
_targets_key = click.option("--targets-key", required=True, type=_FILE, help="Private key of the targets.")
_before = click.option(
    "--before", multiple=True, type=_FILE, help="Public key that signed the list before this one did."
)


@click.group()
def trust() -> None:
    """Vouch for what devices may install, with keys that stay off the server.

    Devices with a pinned root.json install nothing that the list of targets does not name. The root and targets keys
    belong on a machine or stick of their own; the server only holds the one that says which list is current.
    """


@trust.command()
@click.option("--root", multiple=True, required=True, type=_FILE, help="Private root key; a second one may be spare.")
@click.option("--targets", required=True, type=_FILE, help="Private key of the targets.")
@click.option("--online", multiple=True, required=True, type=_FILE, help="Public half of the server's --key.")
@click.option("--out", required=True, type=_FOLDER, help="New folder, for `fleet serve --metadata`.")
@_root_days
@_targets_days
@_json
def init(
    root: tuple[Path, ...],
    targets: Path,
    online: tuple[Path, ...],
    out: Path,
    root_days: float,
    targets_days: float,
    as_json: bool,
) -> None:
    """Make the first root, which devices pin, and an empty list of targets."""
    from fleet.trust import ceremony

    pinned = ceremony.begin(out, root, targets, online, root_days=root_days, targets_days=targets_days)
    click.echo(f"Devices pin {pinned} ([trust] root in device.toml); the server takes the folder.", err=True)
    if as_json:
        click.echo(json.dumps({"root": str(pinned), "folder": str(out)}))


@trust.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@_server
@_json
def show(folder: Path | None, server: str, as_json: bool) -> None:
    """Versions, keys, expiries and warnings, of a running server or of the metadata in FOLDER."""
    if folder is None:
        _print(Client(server).trust(), as_json)
        return
    from fleet.trust.folder import MetadataFolder
    from fleet.trust.published import describe, load

    _print(describe(load(MetadataFolder(folder))).model_dump(), as_json)


@trust.command()
@_targets_key
@click.argument("files", nargs=-1, type=_FILE, metavar="[BUNDLE|DELTA...]")
@click.option("--all", "everything", is_flag=True, help="Vouch for all the server holds, by its word.")
@_before
@_targets_days
@_server
@_json
def sign(
    targets_key: Path,
    files: tuple[Path, ...],
    everything: bool,
    before: tuple[Path, ...],
    targets_days: float,
    server: str,
    as_json: bool,
) -> None:
    """Sign the list of targets anew, with these FILES added; without any, only its expiry moves.

    Files you hold are the safe way: their digests are computed here. With --all, what gets signed is what the server
    says it holds.
    """
    from fleet.trust import ceremony

    client = Client(server)
    add = ceremony.listing(files)
    for file in client.trust()["unvouched"] if everything else ():
        click.echo(f"by the server's word: {file['release']} for {file['profile']} ({file['kind']})", err=True)
        add[f"{file['digest'].removeprefix('sha256:')}.{file['kind']}"] = file["size_bytes"]
    answer = ceremony.sign_targets(client, targets_key, days=targets_days, add=add, before=before)
    _print(answer, as_json)


@trust.command()
@click.argument("level", type=click.IntRange(0))
@_targets_key
@_before
@_targets_days
@_server
@_json
def floor(
    level: int, targets_key: Path, before: Sequence[Path], targets_days: float, server: str, as_json: bool
) -> None:
    """Have devices refuse bundles below the security LEVEL. It never sinks again."""
    from fleet.trust import ceremony

    client = Client(server)
    _print(ceremony.sign_targets(client, targets_key, days=targets_days, floor=level, before=before), as_json)


@trust.command()
@click.argument("digests", nargs=-1, required=True, metavar="DIGEST...")
@_targets_key
@_before
@_targets_days
@_server
@_json
def revoke(
    digests: tuple[str, ...], targets_key: Path, before: Sequence[Path], targets_days: float, server: str, as_json: bool
) -> None:
    """Have devices refuse bundles, named sha256:…; they leave the list for good."""
    from contract.digest import is_digest
    from contract.errors import ConfigError
    from fleet.trust import ceremony

    for digest in digests:
        if not is_digest(digest):
            raise ConfigError(f"{digest!r} is not a digest", where="trust", fix="Write sha256: and 64 digits.")
    client = Client(server)
    _print(ceremony.sign_targets(client, targets_key, days=targets_days, revoke=digests, before=before), as_json)


@trust.command()
@click.option("--root-key", multiple=True, required=True, type=_FILE, help="Private root key, as the root names it.")
@_root_days
@_server
@_json
def extend(root_key: tuple[Path, ...], root_days: float, server: str, as_json: bool) -> None:
    """Let the root count for longer, with the keys it has."""
    from fleet.trust import ceremony

    answer = ceremony.sign_root(Client(server), root_key, ceremony.root_keys((), (), ()), days=root_days)
    _print(answer, as_json)


@trust.command("rotate-root")
@click.option("--root-key", multiple=True, required=True, type=_FILE, help="Private root key, old and new: all sign.")
@click.option("--root", multiple=True, type=_FILE, help="Who the root keys are from now on.")
@click.option("--targets", multiple=True, type=_FILE, help="Who the targets keys are from now on.")
@click.option("--online", multiple=True, type=_FILE, help="Who the server's keys are from now on.")
@_root_days
@_server
@_json
def rotate_root(
    root_key: tuple[Path, ...],
    root: tuple[Path, ...],
    targets: tuple[Path, ...],
    online: tuple[Path, ...],
    root_days: float,
    server: str,
    as_json: bool,
) -> None:
    """Exchange keys: a new root, signed by the old and the new root keys. A role that is not named keeps its keys.

    Devices that pinned any root before follow by themselves. To exchange a targets or online key, first name both,
    then sign (or restart the server) with the new one, then name the new one alone.
    """
    from fleet.trust import ceremony

    chosen = ceremony.root_keys(root, targets, online)
    _print(ceremony.sign_root(Client(server), root_key, chosen, days=root_days), as_json)


def _print(answer: dict[str, Any], as_json: bool) -> None:
    from fleet import printing

    click.echo(json.dumps(answer) if as_json else printing.trust(answer))
