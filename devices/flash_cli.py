"""`edgeferry flash`: set up a device, or a fleet of them, so that it reports its first frame."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from contract.errors import ConfigError, UpdateError

if TYPE_CHECKING:
    from devices.flash.first_boot.detect import FirstBoot
    from devices.flash_target import How, Result, Say, Target
    from devices.fleet_form import Row
    from devices.payload import Payload

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_Command = TypeVar("_Command", bound=Callable[..., None])


class _Setting(NamedTuple):
    """An option that says one setting; `file` where it names a file whose text is the value."""

    option: str
    name: str
    help: str
    many: bool = False
    file: bool = False


_SETTINGS = (
    _Setting("--profile", "profile", "What kind of device it is: edgeferry devices list."),
    _Setting("--device-id", "device_id", "Its name in the fleet."),
    _Setting("--fleet", "fleet", "The fleet it belongs to."),
    _Setting("--site", "site", "Where it hangs, in words."),
    _Setting("--broker", "broker", "mqtt://HOST[:PORT], or mqtts:// for TLS."),
    _Setting("--broker-username", "broker_username", "For brokers that ask for a password."),
    _Setting("--broker-password-file", "broker_password_file", "A file with that password."),
    _Setting("--camera", "camera", "As for `edgeferry run --source`."),
    _Setting("--scene", "scene", "A scene.toml for its view."),
    _Setting("--pictures", "pictures", "private, or shared: operators may look at what the scene keeps."),
    _Setting("--trust", "publishers", "A public key whose owner may sign bundles.", many=True),
    _Setting("--fleet-key", "fleet_keys", "A public key whose owner may assign bundles.", many=True),
    _Setting("--tuf-root", "tuf_root", "The update repository's root.json."),
    _Setting("--device-key", "device_key", "The device's private key, for TLS."),
    _Setting("--device-cert", "device_cert", "Its certificate."),
    _Setting("--ca", "ca", "Who signed the broker's certificate."),
    _Setting("--claim", "claim", "A claim code, with which it gets its certificate by itself."),
    _Setting("--server", "enroll_server", "The fleet's server, for --claim and for renewals."),
    _Setting("--server-ca", "enroll_ca", "Who signed that server's certificate, for https."),
    _Setting("--wheelhouse", "wheelhouse", "A folder of wheels: the device needs no network then."),
    _Setting("--extra", "extras", "An extra of edgeferry to install.", many=True),
    _Setting("--package", "packages", "A further package to install.", many=True),
    _Setting("--hostname", "hostname", "Made from the device's id where it is not given."),
    _Setting("--user", "user", "Who may log in."),
    _Setting("--ssh-key", "ssh_authorized_keys", "A public key file that may log in.", many=True, file=True),
    _Setting("--password-hash-file", "password_hash", "A file with the user's password as crypt(5) hash.", file=True),
    _Setting("--wifi-ssid", "wifi.ssid", "The wireless network to join."),
    _Setting("--wifi-password-file", "wifi.password", "A file with its password.", file=True),
    _Setting("--wifi-country", "wifi.country", "Two letters, e.g. DE."),
    _Setting("--wifi-security", "wifi.security", "wpa2, wpa3 or open."),
    _Setting("--timezone", "timezone", "E.g. Europe/Berlin."),
    _Setting("--keymap", "keymap", "Of the console, e.g. de."),
)


def _with_settings(command: _Command) -> _Command:
    """One option a setting, in the order of the table."""
    for setting in reversed(_SETTINGS):
        parameter = setting.name.replace(".", "_")
        command = click.option(setting.option, parameter, multiple=setting.many, help=setting.help)(command)
    return command


@click.command()
@click.argument("bundle", type=FILE, required=False)
@click.option("--to", metavar="TARGET", help="ssh://USER@HOST[:PORT], image:FILE, boot:DIR or overlay:DIR.")
@click.option("--settings", "settings_file", type=FILE, help="A TOML file with settings; options come on top.")
@click.option("--csv", "form", type=FILE, help="A form with one device a row; columns are called like settings.")
@click.option("--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="Devices at a time (--csv).")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    help="Seconds for the first reported frame (ssh); without it, the device goes back.",
)
@click.option("--accept-new-host-key", is_flag=True, help="Take the key a host shows at its first time (ssh).")
@click.option("--ssh-option", multiple=True, metavar="NAME=VALUE", help="As in ssh_config(5), e.g. IdentityFile=KEY.")
@click.option("--image", type=FILE, help="The stock image to begin with (image:), also compressed.")
@click.option(
    "--first-boot",
    type=click.Choice(["firstrun", "cloud-init", "rpi-preseed"]),
    help="How the system is set up at its first start; looked for where it is not given.",
)
@click.option("--fixed-disk", is_flag=True, help="Allow to overwrite a disk that is built in (image:).")
@click.option("--seed", default="", help="Another word sets the same system up anew at its next start (image:, boot:).")
@click.option("--dry-run", is_flag=True, help="Change nothing; show what would change, without secrets.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@_with_settings
def flash(
    bundle: Path | None,
    to: str | None,
    settings_file: Path | None,
    form: Path | None,
    jobs: int,
    wait_s: float,
    accept_new_host_key: bool,
    ssh_option: tuple[str, ...],
    image: Path | None,
    first_boot: FirstBoot | None,
    fixed_disk: bool,
    seed: str,
    dry_run: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Set up a device so that it runs BUNDLE and reports to its fleet; with --csv, a fleet of them.

    Doing it again changes nothing. What fails leaves the device as it was.
    """
    from devices.flash_target import How
    from devices.fleet_form import Row, read_form
    from devices.settings import read_settings, settings_from

    base = _on_top(read_settings(settings_file) if settings_file else {}, given)
    how = How(wait_s, accept_new_host_key, ssh_option, image, first_boot, fixed_disk, seed)
    if form is not None:
        rows = read_form(form, base, to=to, bundle=bundle)
    elif bundle is None or to is None:
        raise click.UsageError("Name a BUNDLE and --to TARGET, or a form with --csv.")
    else:
        where = str(settings_file or "options")
        rows = [Row(0, settings_from(base, where=where), to, bundle)]
    if dry_run:
        _show_changes(rows, how, as_json)
    elif form is None:
        _flash_one(rows[0], how, as_json)
    else:
        _flash_form(form, rows, how, jobs, as_json)


def _flash_one(row: Row, how: How, as_json: bool) -> None:
    from contract.codec import to_json
    from devices.flash_target import target_for
    from devices.payload import build_payload

    payload, target = build_payload(row.settings, row.bundle), target_for(row.to, how)
    result = target.flash(row.settings, payload, _say)
    name = row.settings.device_id
    if as_json:
        click.echo(to_json({"device_id": name, "to": row.to, "result": result, "payload": payload.id}))
        return
    click.echo(f"{name}: {'nothing to change' if result == 'unchanged' else 'installed'} ({row.to}, {payload.id})")


def _flash_form(form: Path, rows: list[Row], how: How, jobs: int, as_json: bool) -> None:
    """One line a device and step on standard error, what became of each on standard output."""
    from contract.codec import to_json
    from devices.flash_fleet import flash_fleet
    from devices.flash_journal import FlashJournal
    from devices.flash_target import target_for

    targets: dict[str, Target] = {row.to: target_for(row.to, how) for row in rows}

    def one(row: Row, payload: Payload, say: Say) -> Result:
        return targets[row.to].flash(row.settings, payload, say)

    def stop() -> None:
        for target in targets.values():
            target.stop()

    verdicts = flash_fleet(rows, one, FlashJournal(form), jobs=jobs, say=_say, stop=stop)
    failed = sum(verdict.result == "failed" for verdict in verdicts)
    if as_json:
        click.echo(to_json({"devices": verdicts}))
    else:
        for verdict in verdicts:
            click.echo(verdict.words())
        click.echo(f"{len(verdicts) - failed} of {len(verdicts)} devices are done")
    if failed:
        sys.exit(UpdateError.exit_code)


def _show_changes(rows: list[Row], how: How, as_json: bool) -> None:
    from contract.codec import to_json
    from devices.flash_target import target_for
    from devices.payload import build_payload
    from devices.settings import masked

    shown = []
    for row in rows:
        payload = build_payload(row.settings, row.bundle)
        lines = target_for(row.to, how).preview(row.settings, payload, _say)
        shown.append({"settings": masked(row.settings), "to": row.to, "payload": payload.id, "changes": lines})
        if not as_json:
            click.echo("\n".join([f"{row.settings.device_id} ({row.to}):", *(lines or ["nothing would change"])]))
    if as_json:
        click.echo(to_json({"devices": shown}))


def _on_top(values: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings file's values with the options' on top; paths among these hang on the working folder."""
    from devices.settings import anchored

    own: dict[str, Any] = {}
    wifi: dict[str, Any] = {}
    for setting in _SETTINGS:
        value = given[setting.name.replace(".", "_")]
        if value is None or value == ():
            continue
        if setting.file:
            value = [_text(setting, path) for path in value] if setting.many else _text(setting, value)
        table, key = (wifi, setting.name.removeprefix("wifi.")) if "." in setting.name else (own, setting.name)
        table[key] = list(value) if setting.many else value
    if wifi:
        own["wifi"] = {**values.get("wifi", {}), **wifi}
    return {**values, **anchored(own, Path.cwd())}


def _text(setting: _Setting, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(
            "this file cannot be read", where=f"{setting.option} {path}", fix="Check the path."
        ) from problem


_one_line_at_a_time = threading.Lock()


def _say(words: str) -> None:
    with _one_line_at_a_time:
        click.echo(words, err=True)
