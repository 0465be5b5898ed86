"""`scripts/bench NAME`: runs one benchmark and prints its figures beside their goals."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

import click

from contract.codec import to_json
from scripts.benchmarks.figure import Figure

NAMES = sorted(file.stem for file in Path(__file__).parent.glob("[a-z]*.py") if file.stem != "figure")


def machine() -> dict[str, object]:
    """Where the figures were taken; only ratios of one run carry over to another machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "load_1_min": os.getloadavg()[0],
    }


def table(figures: dict[str, Figure]) -> str:
    """The figures as lines for a person."""
    marks = {True: "holds", False: "FALLS SHORT", None: ""}
    rows = [(name, f"{f.value:.4g} {f.unit}", f.goal or "", marks[f.holds]) for name, f in figures.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]) for row in rows
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name", type=click.Choice(NAMES))
@click.option("--short", is_flag=True, help="Fewer repetitions: quicker, and less to be trusted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def bench(name: str, short: bool, as_json: bool) -> None:
    """Measure NAME; ends with 0 when nothing that has a goal falls short."""
    figures: dict[str, Figure] = importlib.import_module(f"scripts.benchmarks.{name}").figures(short)
    found = {"name": name, "machine": machine(), "figures": {key: asdict(figure) for key, figure in figures.items()}}
    click.echo(to_json(found).decode() if as_json else table(figures))
    sys.exit(any(figure.holds is False for figure in figures.values()))


bench()
