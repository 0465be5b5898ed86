"""`edgeferry devices` and `edgeferry doctor`: what is known about each kind of device, and how this one does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contract.codec import to_pretty_json
from devices.detect import Machine
from devices.detect import detect as detect_machine
from devices.profiles import ModelRules, Profile, all_profiles, load_profile

if TYPE_CHECKING:
    from devices.doctor.examine import Report

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
    if as_json:
        click.echo(to_pretty_json(machine), nl=False)
        return
    for line in _found(machine):
        click.echo(line)


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
    from devices.doctor.examine import examine

    report = examine(config, deadline_s=deadline)
    if as_json:
        click.echo(to_pretty_json(report), nl=False)
    else:
        for line in _diagnosis(report):
            click.echo(line)
    context.exit(0 if report.ready else 1)


def _diagnosis(report: Report) -> Iterator[str]:
    width = max(len(finding.check) for finding in report.findings)
    for finding in report.findings:
        yield f"{finding.status:<5} {finding.check:<{width}}  {finding.what}"
        if finding.fix:
            yield f"{'':<5} {'':<{width}}  fix: {finding.fix}"
    count = {status: sum(finding.status == status for finding in report.findings) for status in ("bad", "warn")}
    words = "ready" if report.ready else "not ready"
    yield f"{words}: {count['bad']} bad, {count['warn']} to look at, in {report.seconds:.1f} s"


def _found(machine: Machine) -> Iterator[str]:
    yield f"{machine.profile or 'no profile'}: {machine.because}"
    bits = f", {machine.userland_bits}-bit programs" if machine.userland_bits else ""
    facts = {
        "board": machine.model,
        "processor": f"{machine.cores} ({machine.architecture}{bits})".strip(),
        "memory": f"{machine.memory_mib} MiB" if machine.memory_mib else "",
        "system": ", ".join(filter(None, (machine.system, machine.image))),
    }
    for name, words in facts.items():
        if words:
            yield f"  {name:<12}  {words}"
    for accelerator in machine.accelerators:
        yield f"  accelerator   Edge TPU ({accelerator.bus}): {accelerator.evidence}"
    for doubt in machine.doubts:
        yield f"  doubt         {doubt}"


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
        f"  budget        {profile.memory_budget_mib} MiB for agent, vision and inference together",
    ]
    if profile.thermal:
        thermal = profile.thermal
        lines.append(
            f"  heat          slows from {thermal.slows_from_c:g} °C, at most {thermal.limit_c:g} °C [{thermal.source}]"
        )
    if profile.model:
        lines.append(f"  models        {_rules(profile.model)} [{profile.model.source}]")
    lines += [f"  system        {s.name}: Python {s.python}, glibc {s.glibc} [{s.source}]" for s in profile.system]
    for package in profile.package:
        bad = f", never {', '.join(package.known_bad)}: {package.why_bad}" if package.known_bad else ""
        python = f", Python {package.python}" if package.python else ""
        machine = f", {package.machine} only" if package.machine else ""
        lines.append(f"  package       {package.name} {package.versions}{python}{machine}{bad} [{package.source}]")
    lines += [
        f"  conflict      {c.package} beside {c.beside} {c.versions}: {c.why} [{c.source}]" for c in profile.conflict
    ]
    for driver in profile.driver:
        group = f", group {driver.group}" if driver.group else ""
        lines.append(f"  driver        {driver.name} ({driver.publisher}{group}): {driver.why} [{driver.source}]")
    lines += [f"  note          {note}" for note in profile.notes]
    lines += [f"  source        {', '.join(s.facts)}: {s.title} {s.url}".rstrip() for s in profile.source]
    return lines


def _rules(rules: ModelRules) -> str:
    words = {
        f"{rules.precision} first": True,
        "every tensor 8-bit": rules.full_int8,
        "fixed shapes": rules.static_shapes,
        f"batch {rules.batch}": rules.batch is not None,
        "int8 only where its accuracy was shown to hold": rules.int8_needs_gate,
        "compiled on the device, never shipped": rules.built_on_device,
        f"{len(rules.operators)} operators": bool(rules.operators),
    }
    return ", ".join(word for word, holds in words.items() if holds)
