"""`edgeferry fleet alerts`: what is wrong, who is not to hear of it, and whether anybody would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fleet.client import Client
from fleet.token_option import server_option

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def alerts() -> None:
    """What is wrong in the fleet: look, silence, and try whether messages arrive."""


@alerts.command("list")
@click.option("--all", "everything", is_flag=True, help="Also the last 500 that ended.")
@server_option
@_json
def list_alerts(everything: bool, server: str, as_json: bool) -> None:
    """What is wrong now, the worst first."""
    from fleet.alerts import printing

    _print(
        Client(server).call("GET", "/api/alerts" if everything else "/api/alerts?open=true"), printing.alerts, as_json
    )


@alerts.command()
@click.argument("alert", required=False, type=click.IntRange(min=1), metavar="[ALERT]")
@click.option("--kind", help="Only alerts of this kind.")
@click.option("--device", help="Only of this device, or of a pattern like 'cam-*'.")
@click.option("--site", help="Only of devices of this site.")
@click.option("--profile", help="Only of devices of this profile.")
@click.option("--tag", help="Only of devices with this KEY=VALUE.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="For so long.")
@click.option("--until", help="Until this moment, like 2026-03-01T12:00:00Z.")
@click.option("--why", required=True, help="The reason, for whoever looks later.")
@server_option
@_json
def silence(alert: int | None, server: str, as_json: bool, **chosen: Any) -> None:
    """Tell nobody of ALERT, or of whatever fits all the options, until a moment."""
    from fleet.alerts import printing

    order = {"alert": alert} | chosen
    order = {name: value for name, value in order.items() if value is not None}
    made = Client(server).call("POST", "/api/silences", order)
    _print(made, lambda one: printing.silences({"silences": [one]}), as_json)


@alerts.command()
@server_option
@_json
def silences(server: str, as_json: bool) -> None:
    """Silences in force: what, until when, by whom and why."""
    from fleet.alerts import printing

    _print(Client(server).call("GET", "/api/silences"), printing.silences, as_json)


@alerts.command()
@click.argument("number", type=click.IntRange(min=1), metavar="SILENCE")
@server_option
@_json
def unsilence(number: int, server: str, as_json: bool) -> None:
    """End a silence before its time."""
    from fleet.alerts import printing

    _print(Client(server).call("DELETE", f"/api/silences/{number}"), printing.silences, as_json)


@alerts.command()
@click.option("--channel", help="One channel of alerts.toml; all of them otherwise.")
@server_option
@_json
def test(channel: str | None, server: str, as_json: bool) -> None:
    """Have the server send a trial message now; exit code 1 where one is not taken."""
    from urllib.parse import quote

    from fleet.alerts import printing

    wanted = f"?channel={quote(channel, safe='')}" if channel else ""
    answer = Client(server).call("POST", f"/api/alerts/test{wanted}")
    _print(answer, printing.deliveries, as_json)
    if not all(delivery["ok"] for delivery in answer["deliveries"]):
        raise SystemExit(1)


@alerts.command()
@click.argument("file", type=_FILE, metavar="ALERTS.TOML")
def check(file: Path) -> None:
    """Say whether the server would take this file, and every setting as it would then be."""
    from fleet.alerts import printing
    from fleet.alerts.settings import load_settings

    click.echo(printing.settings(load_settings(file)))


def _print(answer: dict[str, Any], words: Callable[[dict[str, Any]], str], as_json: bool) -> None:
    click.echo(json.dumps(answer) if as_json else words(answer))
