"""`edgeferry devices`: what is known about each kind of device."""

from __future__ import annotations

import click

from contract.codec import to_pretty_json
from devices.profiles import Profile, all_profiles, load_profile

_COLUMNS = ("PROFILE", "DEVICE", "MEMORY", "FORMAT", "ACCELERATOR")


@click.group()
def devices() -> None:
    """What is known about each kind of device."""


@devices.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def list_devices(as_json: bool) -> None:
    """List every profile."""
    profiles = list(all_profiles())
    if as_json:
        click.echo(to_pretty_json({"devices": profiles}), nl=False)
        return
    rows = [_COLUMNS, *map(_row, profiles)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@devices.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def show(name: str, as_json: bool) -> None:
    """Show everything known about the profile NAME, and where it was read."""
    profile = load_profile(name)
    if as_json:
        click.echo(to_pretty_json(profile), nl=False)
        return
    for line in _page(profile):
        click.echo(line)


def _row(profile: Profile) -> tuple[str, ...]:
    memory = f"{profile.memory_mib} MiB"
    return (profile.name, profile.title, memory, profile.preferred_format, profile.accelerator)


def _page(profile: Profile) -> list[str]:
    lines = [
        f"{profile.name}: {profile.title}",
        f"  processor     {profile.processor} ({profile.architecture})",
        f"  memory        {profile.memory_mib} MiB in the smallest variant",
        f"  accelerator   {profile.accelerator}",
        f"  int8          {profile.int8}",
        f"  formats       {', '.join(profile.formats)}",
        f"  threads       {profile.threads}",
    ]
    lines += [f"  system        {s.name}: Python {s.python}, glibc {s.glibc} [{s.source}]" for s in profile.system]
    for package in profile.package:
        bad = f", never {', '.join(package.known_bad)}: {package.why_bad}" if package.known_bad else ""
        lines.append(f"  package       {package.name} {package.versions}{bad} [{package.source}]")
    lines += [f"  note          {note}" for note in profile.notes]
    lines += [f"  source        {', '.join(s.facts)}: {s.title} {s.url}".rstrip() for s in profile.source]
    return lines
