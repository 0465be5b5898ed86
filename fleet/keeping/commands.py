"""`edgeferry fleet store`: clean up a store, copy it out whole, and fill an empty one from a copy."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from contract.errors import ConfigError
from fleet.keeping.options import chosen_terms, keep_options

if TYPE_CHECKING:
    from fleet.keeping.archive import Manifest
    from fleet.store import Store

_SQLITE = "sqlite:///"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
store_option = click.option(
    "--store", default="sqlite:///edgeferry-fleet.db", show_default=True, help="Database address."
)


@click.group()
def store() -> None:
    """Clean up the store, back it up, restore it."""


@store.command()
@keep_options
@store_option
@_json
def retain(store: str, as_json: bool, **options: Any) -> None:
    """Delete now what is over its time, as a running server does by itself."""
    from fleet.keeping.retention import steps

    terms, done = chosen_terms(options), Counter[str]()
    with opened(store) as open_one:
        for step in steps(open_one, terms, time.time()):
            done[step.what] += step.rows
    if as_json:
        click.echo(json.dumps(dict(done)))
        return
    click.echo("\n".join(f"{what}: {rows} rows" if rows else what for what, rows in done.items()) or "Nothing to do.")


@store.command()
@click.argument("file", type=_NEW_FILE)
@store_option
@_json
def backup(file: Path, store: str, as_json: bool) -> None:
    """Write everything in the store to FILE, while servers go on.

    Bundles and metadata lie in the repository's folder and not in the store: copy that as well. FILE holds password
    hashes and belongs where the store does.
    """
    from fleet.keeping.backup import backup as write

    with opened(store) as open_one:
        _say(write(open_one, file), file, "written", as_json)


@store.command()
@click.argument("file", type=_FILE)
@store_option
@_json
def restore(file: Path, store: str, as_json: bool) -> None:
    """Fill an empty store from FILE, whichever database it came from."""
    from fleet.keeping.backup import restore as read
    from fleet.store import open_store

    with contextlib.closing(open_store(store, fleet=None)) as open_one:
        _say(read(open_one, file), file, "restored", as_json)


@contextlib.contextmanager
def opened(url: str) -> Iterator[Store]:
    """A store that is there; a misspelled name makes no new file."""
    from fleet.store import open_store

    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).is_file():
        raise ConfigError("there is no such store", where=url, fix="Give --store as `fleet serve` has it.")
    with contextlib.closing(open_store(url, fleet=None)) as store:
        yield store


def _say(manifest: Manifest, file: Path, what: str, as_json: bool) -> None:
    rows = {name: held.rows for name, held in manifest.tables.items()}
    if as_json:
        said = {"file": str(file), "fleet": manifest.fleet, "made_at": manifest.made_at, "rows": rows}
        click.echo(json.dumps(said))
        return
    click.echo(f"{file}: {what}, {sum(rows.values())} rows of the fleet {manifest.fleet} at {manifest.made_at}")


@click.command("export")
@click.argument("what", type=click.Choice(["readings", "events", "devices", "rollouts", "quarantine"]))
@click.option("--format", "written", required=True, type=click.Choice(["csv", "parquet"]), help="How it is written.")
@click.option("--since", metavar="TIME", help="Only from here on: a moment like 2026-03-01T00:00:00Z, or 7d ago.")
@click.option("--device", help="Only what is about this device.")
@click.option("--out", required=True, type=_NEW_FILE, help="New file.")
@store_option
@_json
def export(
    what: Any, written: Any, since: str | None, device: str | None, out: Path, store: str, as_json: bool
) -> None:
    """Write rows of the store to a file that other programs read, while servers go on.

    Readings and events count from when they arrived, devices from when they were last heard, rollouts from when they
    were made.
    """
    from fleet.keeping.export import export as write
    from fleet.keeping.export import since as moment

    since_s = None if since is None else moment(since, time.time())
    with opened(store) as open_one:
        count = write(open_one, what, out, format=written, since_s=since_s, device=device)
    click.echo(json.dumps({"file": str(out), "rows": count}) if as_json else f"{out}: {count} rows")
