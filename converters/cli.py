"""`edgeferry convert`, `edgeferry bundle` and `edgeferry keys`.

Nothing heavy is imported before a command runs: `--help` must answer at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

import click

from contract.codec import to_pretty_json
from contract.decoding import Task
from contract.errors import ConfigError
from converters.recipe import RECIPES, Recipe
from devices.keys import Signer, development_signer, key_id, key_id_of_file, make_key, named_signer, write_public
from devices.profiles import Profile, load_profile

if TYPE_CHECKING:
    from converters.inspection import Inspection

T = TypeVar("T")
TASK_NAMES = get_args(Task)
_PATH = click.Path(path_type=Path)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


def _asked(command: Callable[..., None]) -> Callable[..., None]:
    """What is asked of a model that is no run, because its graph cannot tell it."""
    for option in reversed(
        (
            click.option("--task", type=click.Choice(TASK_NAMES), help="What a foreign model does; a run knows it."),
            click.option("--labels", type=_PATH, help="Label file of a foreign model: a line a class."),
            click.option("--model-card", type=_PATH, help="model.toml that says the rest: pixels, outputs, labels."),
            click.option("--calibration", type=_PATH, help="Folder of pictures; a run brings its own."),
            click.option("--reference", type=_PATH, help="Another file said to be the same network, to compare with."),
        )
    ):
        command = option(command)
    return command


def _measured(command: Callable[..., None]) -> Callable[..., None]:
    """What a conversion may cost, and what else is measured."""
    for option in reversed(
        (
            click.option(
                "--max-drop",
                type=click.FloatRange(0, 1),
                default=0.02,
                show_default=True,
                help="Accuracy a conversion may lose, as a share; a single picture is always allowed, unless 0.",
            ),
            click.option(
                "--min-agreement",
                type=click.FloatRange(0, 1),
                default=0.9,
                show_default=True,
                help="Share of answers that must be the original's.",
            ),
            click.option("--also", default="", metavar="RECIPES", help="Recipes to make for the table too, or `all`."),
            click.option("--report", type=_PATH, metavar="FILE.html", help="Write all that was measured as a page."),
        )
    ):
        command = option(command)
    return command


@click.command()
@click.argument("model", type=_PATH)
@click.option(
    "--for",
    "profiles",
    required=True,
    multiple=True,
    help="Profiles to convert for, with commas or repeated; see: edgeferry devices.",
)
@click.option("--out", type=_PATH, help="Folder the bundles go to; needed without --dry-run.")
@click.option("--version", type=click.IntRange(min=1), default=1, show_default=True, help="Number of this release.")
@click.option("--name", help="Name of the model; by default as the model is called.")
@click.option("--key", help="Private key that signs, a file or pkcs11:…; by default the development key.")
@_asked
@_measured
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
@click.option("--dry-run", is_flag=True, help="Tell the plan and the pre-flight, compare, and write nothing.")
@_JSON
def convert(
    model: Path,
    profiles: tuple[str, ...],
    out: Path | None,
    version: int,
    name: str | None,
    key: str | None,
    task: Task | None,
    labels: Path | None,
    model_card: Path | None,
    calibration: Path | None,
    reference: Path | None,
    max_drop: float,
    min_agreement: float,
    also: str,
    report: Path | None,
    security_level: int,
    security_floor: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Turn MODEL into signed bundles, one a profile.

    MODEL is a folder that `edgeferry train` left, a .keras, .onnx or .tflite file, or a SavedModel folder. Nothing is
    written unless the result, run by the device's own code, is the same model.
    """
    if out is None and not dry_run:
        raise ConfigError("no folder to write to", where="--out", fix="Give --out DIR, or --dry-run to write nothing.")
    if security_floor > security_level:
        raise ConfigError(
            "a device would refuse this very bundle once it has committed it",
            where=f"--security-floor {security_floor}",
            fix=f"Give --security-level {security_floor} or more.",
        )
    chosen, wanted, signer = _profiles(profiles), _recipes(also), _signer(key)
    from converters.convert import Options, convert_model
    from converters.sources import Asked
    from converters.tables import conversion_page
    from converters.verdict import Limits

    asked = Asked(
        task=task, labels=labels, model_card=model_card, calibration=calibration, reference=reference, name=name
    )
    options = Options(
        profiles=chosen,
        signer=signer,
        out=None if dry_run else out,
        version=version,
        name=name,
        limits=Limits(max_drop=max_drop, min_agreement=min_agreement),
        also=wanted,
        page=report,
        security_level=security_level,
        security_floor=security_floor,
    )
    _print_report(convert_model(model, asked, options, say=_say), conversion_page, as_json)


@click.group()
def bundle() -> None:
    """Look into bundles, check and sign them, take them to registries, and tell one from another in few bytes."""


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


@bundle.command("sign")
@click.argument("file", type=_PATH)
@click.option("--key", required=True, help="Private key: a file, or pkcs11:… for one in a token.")
@click.option("--out", type=_PATH, required=True, help="File the signed bundle goes to.")
@click.option("--trust", type=_PATH, multiple=True, help="Public key that must have signed already; may be repeated.")
@click.option("--replace", is_flag=True, help="Leave out every other signature.")
@_JSON
def sign_a_bundle(file: Path, key: str, out: Path, trust: tuple[Path, ...], replace: bool, as_json: bool) -> None:
    """Put a publisher's signature on the finished bundle FILE; the development key's goes, others stay.

    Every byte of FILE is checked first. The signed bundle is another file, so it has another digest.
    """
    from converters.signing import sign_bundle
    from converters.tables import signed_page

    _print_report(sign_bundle(file, named_signer(key), out, trust=trust, replace=replace), signed_page, as_json)


@bundle.command("export")
@click.argument("file", type=_PATH)
@click.option("--to", "place", required=True, metavar="oci:FOLDER", help="An empty folder, or one that is not there.")
@_JSON
def export_a_bundle(file: Path, place: str, as_json: bool) -> None:
    """Write the bundle FILE as a ModelPack artifact in an OCI image layout, for container registries.

    `skopeo copy oci:FOLDER:TAG docker://HOST/NAME:TAG` takes it to one.
    """
    from converters.oci_layout import export_bundle, oci_folder
    from converters.tables import exported_page

    _print_report(export_bundle(file, oci_folder(place)), exported_page, as_json)


@bundle.command("import")
@click.argument("place", metavar="oci:FOLDER")
@click.option("--out", type=_PATH, required=True, help="File the bundle goes to.")
@_JSON
def import_a_bundle(place: str, out: Path, as_json: bool) -> None:
    """Write the bundle in the OCI image layout FOLDER, byte for byte the one that was exported.

    Who signed it is for `edgeferry bundle verify` to say.
    """
    from converters.oci_layout import import_bundle, oci_folder
    from converters.tables import imported_page

    _print_report(import_bundle(oci_folder(place), out), imported_page, as_json)


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
@click.argument("key", metavar="FILE")
@click.option("--public", type=_PATH, help="File the public half goes to, for devices to pin; a token's key has none.")
@_JSON
def show_key(key: str, public: Path | None, as_json: bool) -> None:
    """Show the id of the key in FILE, be it the private or the public half, or of one in a token (pkcs11:…)."""
    if not key.startswith("pkcs11:"):
        if public is not None:
            raise ConfigError("a key file has its public half beside it", where=key, fix="Take the file FILE.pub.")
        _print_key(key, key_id_of_file(Path(key)), as_json)
        return
    from devices.token_key import token_public_key

    half = token_public_key(key)
    if public is not None:
        write_public(public, half)
    _print_key(key.partition("?")[0], key_id(half), as_json)


def _profiles(given: tuple[str, ...]) -> tuple[Profile, ...]:
    """Each once, in the order given."""
    names = dict.fromkeys(name.strip() for name in ",".join(given).split(",") if name.strip())
    if not names:
        raise ConfigError("no profile given", where="--for", fix="For example: --for rpi4,jetson-orin-jp6")
    return tuple(map(load_profile, names))


def _recipes(text: str) -> tuple[Recipe, ...]:
    """Each once, in the order of the list of all; ConfigError for a name that is none."""
    if text == "all":
        return RECIPES
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in RECIPES:
            raise ConfigError(f"no recipe {name!r}", where="--also", fix=f"There is: {', '.join(RECIPES)}, or all.")
    return tuple(recipe for recipe in RECIPES if recipe in names)


def _signer(key: str | None) -> Signer:
    if key is not None:
        return named_signer(key)
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


def _print_key(file: Path | str, keyid: str, as_json: bool) -> None:
    if as_json:
        click.echo(to_pretty_json({"file": str(file), "keyid": keyid}), nl=False)
    else:
        click.echo(keyid)
