"""`edgeferry fleet group`, and what `fleet rollout` can do beside beginning one, showing it and stopping it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import click

from fleet import printing
from fleet.client import Client
from fleet.token_option import server_option

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
_number = click.argument("number", metavar="ID", type=int)
_MINUTES = click.FloatRange(0)
_TERMS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--group", {"help": "Only the devices of this group."}),
    ("--where", {"help": "Only devices this filter fits, like 'site=dock and tag.line=3'."}),
    ("--soak-minutes", {"type": _MINUTES, "default": 0.0, "help": "Watch each wave so long before the next."}),
    ("--window", {"default": "", "help": "Tell devices only then: 'Mon-Fri 22:00-05:00 Europe/Berlin'."}),
    ("--not-before", {"help": "Tell nobody earlier: 2026-03-01T22:00:00Z."}),
    ("--needs-approval", {"is_flag": True, "help": "Wait until somebody else has approved."}),
    (
        "--max-failures",
        {"default": "auto", "show_default": True, "help": "More failures halt it: 3, 5% of the finished, or auto."},
    ),
    ("--min-finished", {"type": click.IntRange(1), "default": 10, "help": "Judge a share from so many finished on."}),
    ("--control-share", {"type": click.FloatRange(0, 0.5), "default": 0.0, "help": "Part told last, to compare with."}),
    ("--control-for-good", {"is_flag": True, "help": "That part is not told at all."}),
    (
        "--catch-up-days",
        {"type": _MINUTES, "default": 7.0, "show_default": True, "help": "Wait so long for offline ones."},
    ),
    ("--dynamic", {"is_flag": True, "help": "Devices that come to fit later join."}),
)


def term_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `rollout create` the options that say whom, when and how far."""
    command = click.option("--dry-run", is_flag=True, help="Say what would happen, and do nothing.")(command)
    state = click.option(
        "--state-minutes", multiple=True, metavar="STATE=MIN", help="Longest time in a state, like downloading=20."
    )
    command = state(command)
    for name, said in reversed(_TERMS):
        command = click.option(name, **said)(command)
    return command


def order_terms(options: Mapping[str, Any]) -> dict[str, Any]:
    """These options as the server wants them."""
    names = [name.removeprefix("--").replace("-", "_") for name, _ in _TERMS]
    return {**{name: options[name] for name in names}, "state_minutes": _state_minutes(options["state_minutes"])}


def _state_minutes(said: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for text in said:
        state, _, minutes = text.partition("=")
        try:
            found[state] = float(minutes)
        except ValueError:
            raise click.BadParameter(f"{text!r} is not STATE=MINUTES", param_hint="--state-minutes") from None
    return found


def say_preview(answer: Mapping[str, Any]) -> str:
    """A dry run for people."""
    rows = [
        (w["wave"] + 1, w["phase"], w["devices"], w["online"], w["bytes"], w["begins_at"], f"{w['minutes']:.1f}")
        for w in answer["waves"]
    ]
    blocked = ", ".join(f"{count} {cause}" for cause, count in sorted(answer["blocked_counts"].items())) or "nobody"
    lines = [
        f"{answer['release']} would go to {sum(w['devices'] for w in answer['waves'])} of {answer['total']} devices",
        printing.columns(("WAVE", "PHASE", "DEVICES", "ONLINE", "BYTES", "BEGINS", "MINUTES"), rows),
        f"{answer['bytes']} bytes in all, done by {answer['ends_at']} if nothing fails; blocked: {blocked}",
    ]
    lines += [f"{b['device']}: {b['reason']}" for b in answer["blocked"][:20]]
    return "\n".join([*lines, *(f"it would be refused: {problem}" for problem in answer["problems"])])


def _print(answer: Mapping[str, Any], words: Callable[[Any], str], as_json: bool) -> None:
    click.echo(json.dumps(answer) if as_json else words(answer))


def _act(name: str, call: str, words: str) -> click.Command:
    @click.command(name, help=words)
    @_number
    @server_option
    @_json
    def act(number: int, server: str, as_json: bool) -> None:
        _print(Client(server).call("POST", f"/api/rollouts/{number}/{call}"), printing.rollout, as_json)

    return act


@click.command()
@click.argument("device", required=False)
@server_option
@_json
def penalties(device: str | None, server: str, as_json: bool) -> None:
    """Devices that are told nothing because they failed again and again; naming one lets it out."""
    path = "/api/penalties" if device is None else f"/api/penalties/{quote(device, safe='')}"
    _print(Client(server).call("GET" if device is None else "DELETE", path), _say_penalties, as_json)


def _say_penalties(answer: Mapping[str, Any]) -> str:
    rows = [(p["device"], p["until"], p["detail"]) for p in answer["penalties"]]
    return printing.columns(("DEVICE", "UNTIL", "WHY"), rows)


ACTS = (
    _act("approve", "approve", "Let a rollout begin that awaits approval."),
    _act("pause", "pause", "Tell nobody until it is resumed; devices under way finish."),
    _act("resume", "resume", "Go on with a paused rollout."),
    _act("back", "rollback", "Take every device a rollout touched back to what it ran before."),
    penalties,
)


@click.group()
def group() -> None:
    """Named sets of devices, by a filter or by a list."""


@group.command()
@click.argument("name")
@click.option("--where", help="Filter, like 'site=dock and profile in (rpi4,rpi5)'.")
@click.option("--device", "devices", multiple=True, help="A device; may be repeated.")
@server_option
@_json
def create(name: str, where: str | None, devices: tuple[str, ...], server: str, as_json: bool) -> None:
    """Name a set of devices."""
    order = {"name": name, "filter": where, "devices": list(devices) or None}
    _print(Client(server).call("POST", "/api/groups", order), _say_group, as_json)


@group.command()
@click.argument("name")
@server_option
@_json
def show(name: str, server: str, as_json: bool) -> None:
    """One group and its members."""
    _print(Client(server).call("GET", f"/api/groups/{quote(name, safe='')}"), _say_group, as_json)


@group.command()
@click.argument("name")
@server_option
@_json
def delete(name: str, server: str, as_json: bool) -> None:
    """Forget a group."""
    _print(Client(server).call("DELETE", f"/api/groups/{quote(name, safe='')}"), _say_groups, as_json)


@group.command("list")
@server_option
@_json
def list_all(server: str, as_json: bool) -> None:
    """All groups."""
    _print(Client(server).call("GET", "/api/groups"), _say_groups, as_json)


def _say_group(answer: Mapping[str, Any]) -> str:
    return "\n".join([f"{answer['name']}: {answer['size']} devices", *answer["members"]])


def _say_groups(answer: Mapping[str, Any]) -> str:
    rows = [(g["name"], g["filter"] or f"{len(g['devices'])} devices", g["created_by"]) for g in answer["groups"]]
    return printing.columns(("NAME", "MEANS", "BY"), rows)
