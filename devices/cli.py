"""`edgeferry devices` and `edgeferry doctor`: what is known about each kind of device, and how this one does."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click

from contract.codec import to_pretty_json
from devices.detect import detect as detect_machine
from devices.pages import diagnosis, machine_page, profile_page, profile_table
from devices.profiles import all_profiles, load_profile


@click.group()
def devices() -> None:
    """What is known about each kind of device."""


@devices.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def list_devices(as_json: bool) -> None:
    """List every profile."""
    profiles = list(all_profiles())
    _print({"devices": profiles}, profile_table(profiles), as_json)


@devices.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def show(name: str, as_json: bool) -> None:
    """Show everything known about the profile NAME, and where it was read."""
    profile = load_profile(name)
    _print(profile, profile_page(profile), as_json)


@devices.command()
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path("/"),
    help="Look at a mounted card or a recorded tree instead of this machine.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def detect(root: Path, as_json: bool) -> None:
    """Say what this machine is, which profile suits it, and why."""
    machine = detect_machine(root, architecture=os.uname().machine if root == Path("/") else None)
    _print(machine, machine_page(machine), as_json)


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The device.toml of the agent: its files, cameras and broker are looked at too.",
)
@click.option("--deadline", type=click.FloatRange(min=1), default=60, help="Seconds each inference library may take.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_context
def doctor(context: click.Context, config: Path | None, deadline: float, as_json: bool) -> None:
    """Say what this device is, what works on it, and what to mend. Exits 1 when something will not work."""
    from devices.doctor.examine import examine  # ssl and more, which the other commands spare themselves

    report = examine(config, deadline_s=deadline)
    _print(report, diagnosis(report), as_json)
    context.exit(0 if report.ready else 1)


def _print(facts: object, lines: Iterable[str], as_json: bool) -> None:
    if as_json:
        click.echo(to_pretty_json(facts), nl=False)
        return
    for line in lines:
        click.echo(line)
