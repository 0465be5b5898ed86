"""`edgeferry fleet`: run the server, and talk to a running one."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleet.alerts.commands import alerts
from fleet.client import Client
from fleet.ecosystem.commands import bridge, ecosystem
from fleet.identity.commands import broker, ca, enroll, identity
from fleet.identity.serve_options import chosen_terms, identity_options
from fleet.judging.options import HELP as _JUDGE
from fleet.judging.options import chosen_judging
from fleet.keeping.commands import export, store
from fleet.keeping.options import chosen_terms as chosen_keeping
from fleet.keeping.options import keep_options
from fleet.limit_options import chosen_limits, limit_options
from fleet.people.commands import audit, token, user
from fleet.people.entrance_options import chosen_entrance, entrance_options
from fleet.pictures.commands import pictures
from fleet.rolling.commands import ACTS, group, order_terms, say_preview, term_options
from fleet.simulator.commands import simulate
from fleet.token_option import server_option
from fleet.trust.commands import TARGETS_DAYS, trust

if TYPE_CHECKING:
    from contract.device import Broker

_DEVELOPMENT = "The development key signs assignments: everybody has it. Give --key before real devices listen."
_EXPOSED = "Whoever listens between {} and a browser reads passwords: give --tls-cert, or a proxy that adds TLS."
_NO_LOGIN = "Anybody who reaches {} may do anything here until there are users: edgeferry fleet user add."

_UNVOUCHED = (
    "{} of these are not in the signed list: devices with a pinned root refuse them until you sign it:\n"
    "  edgeferry fleet trust sign --targets-key KEY FILE..."
)
_SETTINGS = ("fleet", "store", "repository", "metadata", "host", "port", "public_url", "map_tiles")
_DELTA = ".delta"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_PORT = click.IntRange(0, 65535)
_SHARE = click.FloatRange(0, 1)
_POSITIVE = click.FloatRange(0, min_open=True)

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
_server = server_option


def _broker_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name a fleet, its broker and its store."""
    for option in (
        click.option("--store", default="sqlite:///edgeferry-fleet.db", show_default=True, help="Database address."),
        click.option("--broker-key", type=_FILE, help="Private key to --broker-cert."),
        click.option("--broker-cert", type=_FILE, help="Our own certificate for mqtts://: edgeferry fleet ca service."),
        click.option("--broker-ca", type=_FILE, help="CA certificate for mqtts:// where the system lacks it."),
        click.option("--broker-password-file", type=_FILE, help="File with the broker's password."),
        click.option("--broker-user", help="User name for the broker."),
        click.option("--broker", default="mqtt://127.0.0.1:1883", show_default=True, help="mqtt[s]://HOST[:PORT]."),
        click.option("--no-shared", is_flag=True, help="Hear everything, whatever other collectors hear."),
        click.option("--fleet", required=True, help="The fleet's name, as devices have it in device.toml."),
    ):
        command = option(command)
    return command


@click.group()
def fleet() -> None:
    """Watch devices, release models, roll them out."""


@fleet.command()
@_broker_options
@click.option("--repository", default="repository", show_default=True, type=_FOLDER, help="Folder for bundles.")
@click.option("--metadata", type=_FOLDER, help="Folder of `trust init`.  [default: REPOSITORY/metadata if there]")
@click.option("--key", type=_FILE, help="Private key that signs assignments, and says which metadata is current.")
@click.option("--trust", multiple=True, type=_FILE, help="Public key of a publisher whose bundles are taken.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=_PORT, help="Port to listen on; 0 takes a free one.")
@click.option("--public-url", help="Where devices find this server, when that is not where it listens.")
@entrance_options
@identity_options
@keep_options
@click.option(
    "--alerts", "alerts_file", type=_FILE, help="alerts.toml: limits, and whom to tell.  [default: limits alone]"
)
@click.option("--no-collect", is_flag=True, help="Hear no devices: `fleet collect` does it in processes of its own.")
@click.option(
    "--map-tiles", default="", help="Map pictures for the page: https://HOST/{z}/{x}/{y}.png.  [default: none]"
)
@_json
def serve(alerts_file: Path | None, key: Path | None, trust: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Collector, rollouts, API and page in one process, until SIGTERM or Ctrl-C.

    Without --trust, signatures of bundles are recorded and not judged: devices judge them.
    """
    from devices.keys import development_signer, load_signer, load_verifiers
    from fleet.alerts.settings import AlertSettings, load_settings
    from fleet.guard import is_loopback
    from fleet.server import Settings
    from fleet.server import serve as run

    _log()
    if key is None:
        click.echo(_DEVELOPMENT, err=True)
    entrance = chosen_entrance(options)
    if not is_loopback(options["host"]) and entrance.scheme == "http":
        click.echo(_EXPOSED.format(options["host"]), err=True)
    if entrance.insecure:
        click.echo(_NO_LOGIN.format(options["host"]), err=True)
    settings = Settings(
        broker=_broker(options),
        signer=load_signer(key) if key else development_signer(),
        trusted=load_verifiers(trust) if trust else None,
        entrance=entrance,
        identity=chosen_terms(options, key, trust),
        keeping=chosen_keeping(options),
        alerts=load_settings(alerts_file) if alerts_file else AlertSettings(),
        collects=not options["no_collect"],
        share=not options["no_shared"],
        **{name: options[name] for name in _SETTINGS},
    )
    run(settings, lambda url: _say_ready(url, as_json))


@fleet.command()
@_broker_options
def collect(**options: Any) -> None:
    """The collector alone: as many as needed may write into one PostgreSQL store."""
    from fleet.server import collect as run

    _log()
    share, say = not options["no_shared"], lambda: click.echo("Collecting.", err=True)
    run(options["fleet"], _broker(options), options["store"], say, share=share)


@fleet.command()
@_server
@_json
def devices(server: str, as_json: bool) -> None:
    """List the devices a server knows."""
    from fleet import printing

    _print(Client(server).devices(), printing.devices, as_json)


@fleet.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="BUNDLE|DELTA...")
@click.option("--targets-key", type=_FILE, help="Private key of the metadata's targets: vouch for these files too.")
@click.option("--targets-days", default=TARGETS_DAYS, show_default=True, type=_POSITIVE, help="How long that counts.")
@_server
@_json
def release(files: tuple[Path, ...], targets_key: Path | None, targets_days: float, server: str, as_json: bool) -> None:
    """Upload bundles, and deltas to them; bundles with one NAME@VERSION make one release.

    Where the server keeps metadata, devices with a pinned root take only what --targets-key has signed.
    """
    client = Client(server)
    deltas = [path for path in files if path.suffix == _DELTA]
    bundles = [path for path in files if path.suffix != _DELTA]
    uploaded = {
        "bundles": [_say_uploaded(client.release(path), "") for path in bundles],
        "deltas": [_say_uploaded(client.release_delta(path), "delta to ") for path in deltas],
    }
    if targets_key is not None:
        from fleet.trust import ceremony

        ceremony.sign_targets(client, targets_key, days=targets_days, add=ceremony.listing(files))
        click.echo(f"Vouched for {len(files)} files.", err=True)
    elif missing := _unvouched(client, uploaded):
        click.echo(_UNVOUCHED.format(len(missing)), err=True)
    if as_json:
        click.echo(json.dumps(uploaded))


def _say_uploaded(answer: dict[str, Any], what: str) -> dict[str, Any]:
    word = "added" if answer["new"] else "was there already"
    click.echo(f"{what}{answer['release']} for {answer['profile']}: {word}", err=True)
    return answer


def _unvouched(client: Client, uploaded: dict[str, list[dict[str, Any]]]) -> set[str]:
    """Which of the uploaded files devices with a pinned root refuse."""
    mine = {answer["digest"] for answers in uploaded.values() for answer in answers}
    return mine & {file["digest"] for file in client.trust()["unvouched"]}


for _group in (
    trust,
    user,
    token,
    audit,
    ca,
    enroll,
    identity,
    broker,
    alerts,
    ecosystem,
    bridge,
    simulate,
    store,
    export,
    pictures,
):
    fleet.add_command(_group)


@fleet.group()
def rollout() -> None:
    """Carry a release to devices, wave by wave."""


@rollout.command()
@click.argument("release")
@click.option("--to", multiple=True, default=("all",), show_default=True, help="A device, or `all`; may be repeated.")
@click.option("--phases", default="1,all", show_default=True, help="Devices told after each wave, like 1,10%,all.")
@term_options
@limit_options
@click.option("--judge", multiple=True, metavar="NAME=VALUE", help=_JUDGE)
@click.option("--whole-if-delta-fails", is_flag=True, help="Fetch the whole bundle where a delta leads nowhere.")
@click.option("--budget-mib", type=_POSITIVE, help="What a device may fetch in all its attempts together.")
@click.option("--deadline-minutes", default=30.0, show_default=True, type=_POSITIVE, help="From being told to done.")
@_server
@_json
def create(release: str, to: tuple[str, ...], server: str, as_json: bool, **options: Any) -> None:
    """Begin to roll out RELEASE, written NAME@VERSION.

    Each device runs the new model beside the serving one over a few live frames (the shadow run), lets it take over
    where it keeps the limits, and goes back where it breaks one in its first frames (the health window). One device
    that refuses, goes back, or is silent past its deadline halts the rollout.
    """
    from fleet import printing

    order = {
        "release": release,
        "devices": None if "all" in to else list(to),
        **order_terms(options),
        "phases": [phase.strip() for phase in options["phases"].split(",")],
        "limits": {**chosen_limits(options), "judging": chosen_judging(options["judge"])},
        "whole_if_delta_fails": options["whole_if_delta_fails"],
        "budget_mib": options["budget_mib"],
        "deadline_minutes": options["deadline_minutes"],
    }
    if options["dry_run"]:
        _print(Client(server).call("POST", "/api/rollouts/preview", order), say_preview, as_json)
        return
    _print(Client(server).create_rollout(order), printing.rollout, as_json)


@rollout.command()
@click.argument("number", metavar="ID", type=int)
@_server
@_json
def show(number: int, server: str, as_json: bool) -> None:
    """One rollout and the state of each device, with causes."""
    from fleet import printing

    _print(Client(server).rollout(number), printing.rollout, as_json)


@rollout.command("list")
@_server
@_json
def list_all(server: str, as_json: bool) -> None:
    """All rollouts, newest first."""
    from fleet import printing

    _print(Client(server).rollouts(), printing.rollouts, as_json)


@rollout.command()
@click.argument("number", metavar="ID", type=int)
@_server
@_json
def abort(number: int, server: str, as_json: bool) -> None:
    """Stop a rollout: no further wave, and unfinished devices are told no more."""
    from fleet import printing

    _print(Client(server).abort(number), printing.rollout, as_json)


for act in ACTS:
    rollout.add_command(act)
fleet.add_command(group)


def _print(answer: dict[str, Any], words: Callable[[dict[str, Any]], str], as_json: bool) -> None:
    click.echo(json.dumps(answer) if as_json else words(answer))


def _broker(options: dict[str, Any]) -> Broker:
    from contract.device import Broker

    return Broker(
        url=options["broker"],
        username=options["broker_user"],
        password_file=_path(options["broker_password_file"]),
        ca_file=_path(options["broker_ca"]),
        cert_file=_path(options["broker_cert"]),
        key_file=_path(options["broker_key"]),
    )


def _path(file: Path | None) -> str | None:
    return str(file) if file else None


def _say_ready(url: str, as_json: bool) -> None:
    click.echo(f"The fleet's page: {url}", err=True)
    if as_json:
        click.echo(json.dumps({"url": url, "pid": os.getpid()}))
        sys.stdout.flush()


def _log() -> None:
    """One line an occurrence on standard error; libraries speak from warnings up."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("fleet").setLevel(logging.INFO)
