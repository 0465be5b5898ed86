"""`edgeferry fleet ca`, `enroll`, `identity` and `broker`: who belongs to the fleet, and how the broker knows."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import click

from fleet.client import Client
from fleet.token_option import server_option

_FOLDER = click.Path(file_okay=False, path_type=Path)
_THERE = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)
_DAYS = click.FloatRange(0, 36500, min_open=True)
_HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0}
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
_ca = click.option("--ca", default="ca", show_default=True, type=_THERE, help="Folder of `ca init`.")
_root_key = click.option("--root-key", type=_NEW_FILE, help="The root's private key, where it is not in the folder.")


class Hours(click.ParamType[float]):
    """A time like 24h, 90m or 7d, in hours."""

    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """As click asks for it."""
        if isinstance(value, float):
            return value
        text = str(value)
        number, unit = text[:-1], text[-1:]
        if unit not in _HOURS or not number.isascii() or not number.isdigit() or int(number) == 0:
            self.fail(f"{text!r} is no time: write 90m, 24h or 7d.", param, ctx)
        return int(number) * _HOURS[unit]


class Tag(click.ParamType[tuple[str, str]]):
    """KEY=VALUE."""

    name = "KEY=VALUE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """As click asks for it."""
        key, equals, text = str(value).partition("=")
        if not equals or not key:
            self.fail(f"{value!r} is no tag: write KEY=VALUE.", param, ctx)
        return key, text


@click.group()
def ca() -> None:
    """The fleet's own certificate authority: made once, its root kept in a drawer."""


@ca.command("init")
@click.option("--fleet", required=True, help="The fleet's name.")
@click.option("--out", default="ca", show_default=True, type=_FOLDER, help="New folder for it.")
@click.option("--root-key", type=_NEW_FILE, help="Where the root's private key goes, e.g. a stick.  [default: OUT]")
@click.option("--root-days", type=_DAYS, help="How long the root counts.  [default: 20 years]")
@click.option("--issuing-days", type=_DAYS, help="How long the issuing authority counts.  [default: 5 years]")
@_json
def ca_init(
    fleet: str,
    out: Path,
    root_key: Path | None,
    root_days: float | None,
    issuing_days: float | None,
    as_json: bool,
) -> None:
    """Make a root and an issuing authority."""
    from fleet.identity import authority, folder

    root, _ = folder.begin(
        out,
        fleet,
        root_key=root_key,
        root_days=root_days or authority.ROOT_DAYS,
        issuing_days=issuing_days or authority.ISSUING_DAYS,
    )
    key_file = root_key or out / folder.ROOT_KEY
    click.echo(f"Keep {key_file} off the server: only `ca renew` needs it again.", err=True)
    printed = {"folder": str(out), "root_key": str(key_file), "fingerprint": authority.fingerprint(root.certificate)}
    click.echo(json.dumps(printed) if as_json else printed["fingerprint"])


@ca.command("show")
@_ca
@_json
def ca_show(ca: Path, as_json: bool) -> None:
    """What is in the folder, and until when it counts."""
    from fleet.identity import authority, folder
    from fleet.printing import columns

    found = [
        {
            "name": made.name,
            "subject": made.certificate.subject.rfc4514_string(),
            "expires": made.certificate.not_valid_after_utc.isoformat(),
            "fingerprint": authority.fingerprint(made.certificate),
        }
        for made in folder.certificates(ca)
    ]
    rows = [(one["name"], one["subject"], one["expires"][:10], one["fingerprint"]) for one in found]
    click.echo(
        json.dumps({"certificates": found}) if as_json else columns(("NAME", "SUBJECT", "ENDS", "FINGERPRINT"), rows)
    )


@ca.command("renew")
@_ca
@_root_key
@click.option("--days", type=_DAYS, help="How long it counts.  [default: 5 years]")
def ca_renew(ca: Path, root_key: Path | None, days: float | None) -> None:
    """Let the issuing authority go on, with the key it has. Then restart the server and configure the broker anew."""
    from fleet.identity import authority, folder

    issuing = folder.renew_issuing(ca, root_key=root_key, days=days or authority.ISSUING_DAYS)
    click.echo(f"The issuing authority ends {issuing.certificate.not_valid_after_utc.date()}.")


@ca.command("server")
@click.option("--name", "names", multiple=True, required=True, help="Host name or address of the broker; repeat it.")
@_ca
@click.option("--days", type=_DAYS, help="How long it counts.  [default: 2 years]")
def ca_server(names: tuple[str, ...], ca: Path, days: float | None) -> None:
    """A certificate for mosquitto, under every name devices may use for it."""
    from fleet.identity import authority, folder

    made = folder.make_broker(ca, list(names), days=days or authority.BROKER_DAYS)
    click.echo(f"{ca / 'broker.pem'} ends {made.certificate.not_valid_after_utc.date()}.")


@ca.command("service")
@click.argument("name")
@_ca
@click.option("--days", type=_DAYS, help="How long it counts.  [default: 2 years]")
def ca_service(name: str, ca: Path, days: float | None) -> None:
    """A certificate for one of the fleet's own programs: fleet-server, fleet-collector-1, fleet-home-assistant.

    Each process needs one of its own: the broker lets a name in once, and the newest connection stays.
    """
    from fleet.identity import authority, folder

    made = folder.make_service(ca, name, days=days or authority.SERVICE_DAYS)
    click.echo(f"{ca / name}.pem ends {made.certificate.not_valid_after_utc.date()}.")


@click.group()
def enroll() -> None:
    """Let new devices into the fleet."""


@enroll.command("code")
@click.option("--device", required=True, help="The device's id; with --count the beginning of it.")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 1000), help="NAME-001, NAME-002 …")
@click.option("--profile", default="", help="What kind of device it is: edgeferry devices list.")
@click.option("--site", default="", help="Where it will be.")
@click.option("--tag", "tags", multiple=True, type=Tag(), help="Repeat it for several.")
@click.option("--expires", "hours", default="24h", show_default=True, type=Hours(), help="Like 90m, 24h or 7d.")
@click.option("--replace", is_flag=True, help="Another board takes the place of one that has a certificate.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a table for a label printer.")
@server_option
@_json
def enroll_code(
    device: str,
    count: int,
    profile: str,
    site: str,
    tags: tuple[tuple[str, str], ...],
    hours: float,
    replace: bool,
    as_csv: bool,
    server: str,
    as_json: bool,
) -> None:
    """Print one-time codes that devices enrol with. They are shown this once."""
    order = {
        "device": device,
        "count": count,
        "profile": profile,
        "site": site,
        "tags": dict(tags),
        "expires_hours": hours,
        "replace": replace,
    }
    answer = Client(server).claim_codes(order)
    if as_json:
        click.echo(json.dumps(answer))
    elif as_csv:
        click.echo(_table(answer, server), nl=False)
    else:
        for made in answer["codes"]:
            click.echo(f"{made['code']}  {made['device']}  until {made['expires'][:16]}Z")


def _table(answer: dict[str, Any], server: str) -> str:
    """Columns device_id, claim and enroll_server are those of `edgeferry flash --csv`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("device_id", "claim", "enroll_server", "expires"))
    writer.writerows((made["device"], made["code"], server, made["expires"]) for made in answer["codes"])
    return text.getvalue()


@click.group()
def identity() -> None:
    """Certificates of devices: who has one, until when, and taking it away."""


@identity.command("list")
@server_option
@_json
def identity_list(server: str, as_json: bool) -> None:
    """Every certificate, unused claim codes, and what needs doing."""
    answer = Client(server).identity()
    click.echo(json.dumps(answer) if as_json else _words(answer))


@identity.command("revoke")
@click.argument("name", metavar="DEVICE|SERVICE")
@click.option("--reason", required=True, help="For the record: stolen, broken, …")
@server_option
@_json
def identity_revoke(name: str, reason: str, server: str, as_json: bool) -> None:
    """End every certificate of a device. It cannot connect, renew or be heard any more."""
    answer = Client(server).revoke_identity(name, reason)
    words = f"{name}: {len(answer['serials'])} certificates revoked. The broker {_broker_words(answer)}"
    click.echo(json.dumps(answer) if as_json else words)


def _broker_words(answer: dict[str, Any]) -> str:
    return "knows." if answer["broker"] == "told" else f"does not know yet. {answer['what_to_do']}"


def _words(answer: dict[str, Any]) -> str:
    from fleet.printing import columns

    if not answer["enabled"]:
        return "This server has no certificate authority: edgeferry fleet ca init, then serve with --ca."
    rows = [
        (one["name"], one["state"], one["expires"][:16], one["reason"]) for one in (*answer["own"], *answer["devices"])
    ]
    lines = [columns(("NAME", "STATE", "ENDS", "REASON"), rows)]
    lines += [f"unused code for {one['device']} until {one['expires'][:16]}" for one in answer["claims"]]
    return "\n".join([*lines, *(f"warning: {warning}" for warning in answer["warnings"])])


@click.group()
def broker() -> None:
    """mosquitto, set up so that every device proves who it is and keeps to its own topics."""


@broker.command("configure")
@_ca
@click.option("--out", default="broker", show_default=True, type=_FOLDER, help="Folder for its files.")
@click.option("--port", default=8883, show_default=True, type=click.IntRange(1, 65535), help="To listen on.")
@click.option("--address", default="", help="To listen on; all of this machine's by default.")
@click.option("--user", default="", help="Whom mosquitto becomes when root starts it.  [default: mosquitto]")
@click.option("--collectors", default=4, show_default=True, type=click.IntRange(0, 64), help="fleet-collector-N.")
@click.option("--home-assistant", help="Its discovery prefix, if devices announce themselves: homeassistant.")
@click.option("--server-topic", "extra", multiple=True, help="Further rule of fleet-server: 'readwrite spBv1.0/#'.")
@click.option(
    "--connections", "most_connections", default=10_000, show_default=True, type=click.IntRange(1), help="At most."
)
@click.option("--memory-mib", default=1024, show_default=True, type=click.IntRange(64), help="The broker's own limit.")
@_json
def broker_configure(ca: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Write mosquitto.conf, its rules and certificates. What it wrote before is replaced."""
    from fleet.identity import folder
    from fleet.identity.broker_files import configure
    from fleet.identity.broker_rules import BrokerSettings

    settings = BrokerSettings(fleet=folder.open_issuing(ca).fleet, folder=out, **options)
    written = configure(settings, ca)
    click.echo(json.dumps({"configuration": str(written)}) if as_json else f"Start it: mosquitto -c {written}")


@broker.command("refresh")
@click.option("--out", default="broker", show_default=True, type=_THERE, help="Folder of `broker configure`.")
@server_option
def broker_refresh(out: Path, server: str) -> None:
    """On a broker's own machine: fetch revocations from the server, and have mosquitto read them. Run it by a timer."""
    from fleet.identity.broker_files import RELOAD, BrokerFiles

    news = Client(server).broker_news()
    files = BrokerFiles(out)
    files.update(news["crl"].encode(), news["banished"])
    click.echo("The broker was told." if files.told else f"Now: {RELOAD}")


@broker.command("check")
@_ca
@click.option("--broker", "url", required=True, help="mqtts://HOST[:PORT].")
@_json
def broker_check(ca: Path, url: str, as_json: bool) -> None:
    """Connect as devices, as the server and as strangers, and see who is let in to do what."""
    from fleet.identity.broker_check import check_broker

    findings = check_broker(ca, url)
    if as_json:
        click.echo(json.dumps({"ok": all(one.ok for one in findings), "findings": [one.as_json() for one in findings]}))
    else:
        for one in findings:
            click.echo(f"{'ok ' if one.ok else 'BAD'}  {one.what}")
    if not all(one.ok for one in findings):
        raise click.exceptions.Exit(1)
