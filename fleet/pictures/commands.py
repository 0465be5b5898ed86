"""`edgeferry fleet pictures`: what devices keep, into a folder that `edgeferry dataset label` takes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from contract.errors import FerryError, LinkError
from contract.kept_files import is_kept_name
from contract.topics import checked_name
from fleet.client import Client
from fleet.keeping.new_file import new_file
from fleet.refusals import NotFoundError
from fleet.token_option import server_option

_MOST = 100_000


@click.command()
@click.argument("devices", nargs=-1, required=True, metavar="DEVICE...")
@click.option(
    "--out",
    default="kept",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder; each device's pictures come into one of its own in it. What is there is not fetched again.",
)
@click.option("--list", "only_list", is_flag=True, help="Say what there is, and fetch nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
@server_option
def pictures(devices: tuple[str, ...], out: Path, only_list: bool, as_json: bool, server: str) -> None:
    """Fetch the pictures that devices keep, where they share them.

    A device shares with [pictures] share = true in its device.toml. It must be online: it is asked now. Label what has
    come with `edgeferry dataset label`.
    """
    client, said, refusals = Client(server), list[dict[str, Any]](), list[FerryError]()
    for device in devices:
        checked_name(device, what="device")
    for device in devices:
        with _noting(device, said, refusals):
            said.append(_listed(client, device) if only_list else _fetched(client, device, out, quiet=as_json))
    if as_json:
        click.echo(json.dumps({"devices": said}))
    else:
        for one in said:
            click.echo(_words(one))
    if refusals:
        raise LinkError(
            f"{len(refusals)} of {len(devices)} devices gave no pictures; the first: {refusals[0].what}",
            where=server,
            fix=refusals[0].fix,
        )


@contextmanager
def _noting(device: str, said: list[dict[str, Any]], refusals: list[FerryError]) -> Iterator[None]:
    """One device that is away must not keep the others' pictures from coming."""
    try:
        yield
    except LinkError as refusal:
        refusals.append(refusal)
        said.append({"device": device, "error": refusal.what})


def _listed(client: Client, device: str) -> dict[str, Any]:
    found = _names(client, device)
    return {"device": device, "pictures": [{"name": name, "size_bytes": size} for name, size in found]}


def _names(client: Client, device: str) -> list[tuple[str, int]]:
    """All of them with their bytes, page by page; a device that never ends its list is cut short."""
    found: list[tuple[str, int]] = []
    while len(found) < _MOST and (page := client.pictures(device, after=found[-1][0] if found else "")["pictures"]):
        found += [(one["name"], one["size_bytes"]) for one in page if is_kept_name(one["name"])]
    return found


def _fetched(client: Client, device: str, out: Path, *, quiet: bool) -> dict[str, Any]:
    folder, fetched, size_bytes = out / device, 0, 0
    found = _names(client, device)
    missing = [(name, size) for name, size in found if not (folder / name).exists()]
    with click.progressbar(missing, label=device, file=sys.stderr, hidden=quiet) as bar:
        for name, size in bar:
            if _fetch(client, device, name, folder):
                fetched, size_bytes = fetched + 1, size_bytes + size
    return {"device": device, "fetched": fetched, "there": len(found) - len(missing), "bytes": size_bytes}


def _fetch(client: Client, device: str, name: str, folder: Path) -> bool:
    """The picture last: where it is, what is said about it is too. False for one the device has deleted meanwhile."""
    stem = name.removesuffix(".jpg")
    try:
        about, content = client.picture(device, f"{stem}.json"), client.picture(device, name)
    except NotFoundError:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.json").unlink(missing_ok=True)
    for path, data in ((folder / f"{stem}.json", about), (folder / name, content)):
        with new_file(path) as file:
            file.write(data)
    return True


def _words(one: dict[str, Any]) -> str:
    if "error" in one:
        return f"{one['device']}: {one['error']}"
    if "pictures" in one:
        names = [f"{one['device']}/{picture['name']}" for picture in one["pictures"]]
        return "\n".join(names) or f"{one['device']}: none"
    return f"{one['device']}: {one['fetched']} fetched ({one['bytes'] / 1e6:.1f} MB), {one['there']} there already"
