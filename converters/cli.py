"""`edgeferry convert`, `edgeferry bundle` and `edgeferry keys`.

Nothing heavy is imported before a command runs: `--help` must answer at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from contract.codec import to_pretty_json
from contract.errors import ConfigError
from devices.keys import Signer, development_signer, key_id_of_file, load_signer, make_key
from devices.profiles import Profile, load_profile

if TYPE_CHECKING:
    from converters.inspection import Inspection

T = TypeVar("T")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--for", "profiles", required=True, help="Profiles to convert for, with commas; see: edgeferry devices.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder the bundles go to; needed without --dry-run.")
@click.option("--version", type=click.IntRange(min=1), default=1, show_default=True, help="Number of this release.")
@click.option("--name", help="Name of the model; by default as the run is called.")
@click.option("--key", type=click.Path(path_type=Path), help="Private key that signs; by default the development key.")
@click.option("--calibration", type=click.Path(path_type=Path), help="Folder of pictures; by default the run's own.")
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 1),
    default=0.02,
    show_default=True,
    help="Accuracy a conversion may lose, as a share; a single picture is always allowed, unless 0.",
)
@click.option(
    "--security-level",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Raise it when earlier bundles turn out to be dangerous; it is no version.",
)
@click.option(
    "--security-floor",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="A device that has committed this bundle refuses lower levels for good.",
)
@click.option("--dry-run", is_flag=True, help="Convert and compare, and write nothing.")
@_JSON
def convert(
    model: Path,
    profiles: str,
    out: Path | None,
    version: int,
    name: str | None,
    key: Path | None,
    calibration: Path | None,
    max_drop: float,
    security_level: int,
    security_floor: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Turn MODEL, a folder that `edgeferry train` left, into signed bundles, one a profile."""
    if out is None and not dry_run:
        raise ConfigError("no folder to write to", where="--out", fix="Give --out DIR, or --dry-run to write nothing.")
    if security_floor > security_level:
        raise ConfigError(
            "a device would refuse this very bundle once it has committed it",
            where=f"--security-floor {security_floor}",
            fix=f"Give --security-level {security_floor} or more.",
        )
    chosen, signer = _profiles(profiles), _signer(key)
    from converters.convert import Options, convert_run
    from converters.gate import Limits
    from converters.tables import bundle_table

    options = Options(
        profiles=chosen,
        signer=signer,
        out=None if dry_run else out,
        version=version,
        name=name,
        calibration=calibration,
        limits=Limits(max_drop=max_drop),
        security_level=security_level,
        security_floor=security_floor,
    )
    report = convert_run(model, options, say=_say)
    if as_json:
        click.echo(to_pretty_json(report), nl=False)
        return
    for line in bundle_table(report):
        click.echo(line)


@click.group()
def bundle() -> None:
    """Look into bundles, check them, and tell one from another in few bytes."""


@bundle.command("inspect")
@click.argument("file", type=click.Path(path_type=Path))
@_JSON
def inspect_bundle(file: Path, as_json: bool) -> None:
    """Show what stands in the bundle FILE, whoever signed it."""
    from converters.inspection import inspect

    _print(inspect(file), as_json)


@bundle.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Public key that may have signed; may be repeated. By default the development key.",
)
@_JSON
def verify_bundle(file: Path, trust: tuple[Path, ...], as_json: bool) -> None:
    """Check every byte of the bundle FILE, and that somebody trusted signed it."""
    from converters.inspection import verify

    _print(verify(file, trust), as_json)


@bundle.command("diff")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File the delta goes to, e.g. NAME.delta.")
@_JSON
def diff_bundles(old: Path, new: Path, out: Path, as_json: bool) -> None:
    """Write a delta: what a device that holds the bundle OLD must fetch to have the bundle NEW.

    The two models are laid tensor by tensor beside each other; each part is told in the fewest bytes, by difference,
    with the old bytes as dictionary, or whole. The delta is applied once before it is written. Takes some seconds a
    megabyte.
    """
    from converters.delta import make_delta
    from converters.tables import delta_page

    _print_report(make_delta(old, new, out), delta_page, as_json)


@bundle.command("apply")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("delta", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File the new bundle goes to.")
@_JSON
def apply_to_bundle(old: Path, delta: Path, out: Path, as_json: bool) -> None:
    """Write the bundle that DELTA makes of the bundle OLD, byte for byte the one it was made for.

    OLD may be a device's slot folder too. Who signed the result is for `edgeferry bundle verify` to say.
    """
    from converters.delta import apply
    from converters.tables import applied_page

    _print_report(apply(old, delta, out), applied_page, as_json)


@click.group()
def keys() -> None:
    """Make and show the keys that sign."""


@keys.command("new")
@click.argument("file", type=click.Path(path_type=Path))
@_JSON
def new_key(file: Path, as_json: bool) -> None:
    """Make a private key FILE, readable by you alone, and its public half FILE.pub."""
    _print_key(file, make_key(file), as_json)


@keys.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@_JSON
def show_key(file: Path, as_json: bool) -> None:
    """Show the id of the key in FILE, be it the private or the public half."""
    _print_key(file, key_id_of_file(file), as_json)


def _profiles(text: str) -> tuple[Profile, ...]:
    """Each once, in the order given."""
    names = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ConfigError("no profile given", where="--for", fix="For example: --for rpi4,jetson-orin-jp6")
    return tuple(map(load_profile, names))


def _signer(key: Path | None) -> Signer:
    if key is not None:
        return load_signer(key)
    _say("Signing with the development key, which everybody has; for a fleet: edgeferry keys new FILE, then --key FILE")
    return development_signer()


def _say(words: str) -> None:
    click.echo(words, err=True)


def _print(found: Inspection, as_json: bool) -> None:
    from converters.tables import inspection_page

    _print_report(found, inspection_page, as_json)


def _print_report(report: T, page: Callable[[T], Iterable[str]], as_json: bool) -> None:
    """One JSON object, or the lines `page` makes of the report."""
    if as_json:
        click.echo(to_pretty_json(report), nl=False)
        return
    for line in page(report):
        click.echo(line)


def _print_key(file: Path, keyid: str, as_json: bool) -> None:
    if as_json:
        click.echo(to_pretty_json({"file": str(file), "keyid": keyid}), nl=False)
    else:
        click.echo(keyid)
