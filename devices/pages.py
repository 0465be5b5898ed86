"""Profiles, machines and diagnoses as lines for a terminal; `--json` prints the same structs instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from devices.detect import Machine
from devices.profiles import ModelRules, Package, Profile

if TYPE_CHECKING:
    from devices.doctor.examine import Report

_COLUMNS = ("PROFILE", "DEVICE", "MEMORY", "FORMAT", "ACCELERATOR")
_NAME_WIDTH = 12


def profile_table(profiles: Iterable[Profile]) -> Iterator[str]:
    """One line a profile, under a heading."""
    rows = [_COLUMNS, *map(_row, profiles)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def profile_page(profile: Profile) -> Iterator[str]:
    """Everything known about one kind of device, and where it was read."""
    yield f"{profile.name}: {profile.title}"
    yield _line("processor", f"{profile.processor} ({profile.architecture})")
    yield _line("memory", f"{profile.memory_mib} MiB in the smallest variant")
    yield _line("accelerator", profile.accelerator)
    yield _line("int8", profile.int8)
    yield _line("formats", ", ".join(profile.formats))
    yield _line("threads", str(profile.threads))
    yield _line("budget", f"{profile.memory_budget_mib} MiB for agent, vision and inference together")
    if heat := profile.thermal:
        yield _line("heat", f"slows from {heat.slows_from_c:g} °C, at most {heat.limit_c:g} °C [{heat.source}]")
    if profile.model:
        yield _line("models", f"{_rules(profile.model)} [{profile.model.source}]")
    for system in profile.system:
        yield _line("system", f"{system.name}: Python {system.python}, glibc {system.glibc} [{system.source}]")
    for package in profile.package:
        yield _line("package", f"{_package(package)} [{package.source}]")
    for each in profile.conflict:
        yield _line("conflict", f"{each.package} beside {each.beside} {each.versions}: {each.why} [{each.source}]")
    for driver in profile.driver:
        group = f", group {driver.group}" if driver.group else ""
        yield _line("driver", f"{driver.name} ({driver.publisher}{group}): {driver.why} [{driver.source}]")
    for note in profile.notes:
        yield _line("note", note)
    for source in profile.source:
        yield _line("source", f"{', '.join(source.facts)}: {source.title} {source.url}".rstrip())


def machine_page(machine: Machine) -> Iterator[str]:
    """What a machine is, and why we think so."""
    yield f"{machine.profile or 'no profile'}: {machine.because}"
    bits = f", {machine.userland_bits}-bit programs" if machine.userland_bits else ""
    facts = {
        "board": machine.model,
        "processor": f"{machine.cores} ({machine.architecture}{bits})".strip(),
        "memory": f"{machine.memory_mib} MiB" if machine.memory_mib else "",
        "system": ", ".join(filter(None, (machine.system, machine.image))),
    }
    yield from (_line(name, words) for name, words in facts.items() if words)
    for accelerator in machine.accelerators:
        yield _line("accelerator", f"Edge TPU ({accelerator.bus}): {accelerator.evidence}")
    for doubt in machine.doubts:
        yield _line("doubt", doubt)


def diagnosis(report: Report) -> Iterator[str]:
    """A line a finding, its remedy under it, and the sum at the end."""
    width = max(len(finding.check) for finding in report.findings)
    for finding in report.findings:
        yield f"{finding.status:<5} {finding.check:<{width}}  {finding.what}"
        if finding.fix:
            yield f"{'':<5} {'':<{width}}  fix: {finding.fix}"
    count = {status: sum(finding.status == status for finding in report.findings) for status in ("bad", "warn")}
    words = "ready" if report.ready else "not ready"
    yield f"{words}: {count['bad']} bad, {count['warn']} to look at, in {report.seconds:.1f} s"


def _line(name: str, words: str) -> str:
    return f"  {name:<{_NAME_WIDTH}}  {words}"


def _row(profile: Profile) -> tuple[str, ...]:
    memory = f"{profile.memory_mib} MiB"
    return (profile.name, profile.title, memory, profile.preferred_format, profile.accelerator)


def _package(package: Package) -> str:
    python = f", Python {package.python}" if package.python else ""
    machine = f", {package.machine} only" if package.machine else ""
    bad = f", never {', '.join(package.known_bad)}: {package.why_bad}" if package.known_bad else ""
    return f"{package.name} {package.versions}{python}{machine}{bad}"


def _rules(rules: ModelRules) -> str:
    words = {
        f"{rules.precision} first": True,
        "every tensor 8-bit": rules.full_int8,
        "fixed shapes": rules.static_shapes,
        f"batch {rules.batch}": rules.batch is not None,
        "int8 only where its accuracy was shown to hold": rules.int8_needs_gate,
        "compiled on the device, never shipped": rules.built_on_device,
        f"{len(rules.operators)} operators": bool(rules.operators),
        f"ONNX opset {rules.onnx_opset} at most": rules.onnx_opset is not None,
        "int8 without zero points": rules.symmetric_int8,
    }
    return ", ".join(word for word, holds in words.items() if holds)
