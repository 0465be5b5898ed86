"""`scripts/zoo`: every family of keras.applications through four recipes.

Each conversion is a process of its own, so that no network remembers another's. What is known stands in the
results file; a run that was broken off goes on from there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import msgspec

from converters.jobs import QUIET, describe_end
from scripts.benchmarks._zoo_member import Row
from scripts.benchmarks._zoo_members import OTHERS, SHORT, SIZE, SMALLEST
from scripts.benchmarks.figure import Figure, at_least, at_most

RECIPES = ("tflite-float32", "tflite-int8", "onnx-float32", "onnx-int8")
PARITY = 1e-4
SHARE = 0.97
PEAK_MIB = 6 * 1024
LIMIT_S = 1800
_COLUMNS = ("NETWORK", "RECIPE", "RESULT", "PARITY", "SQNR", "PEAK MiB", "SECONDS", "BYTES")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--all", "everything", is_flag=True, help="Every member and not the smallest of each family.")
@click.option("--short", is_flag=True, help="Two families.")
@click.option("--only", multiple=True, help="These members.")
@click.option("--size", default=SIZE, show_default=True, help="Pixels a side.")
@click.option("--results", type=click.Path(path_type=Path, dir_okay=False), help="Kept from run to run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def zoo(everything: bool, short: bool, only: Sequence[str], size: int, results: Path | None, as_json: bool) -> None:
    """Convert networks and compare; ends with 0 when no figure falls short."""
    members = only or (SHORT if short else SMALLEST + OTHERS if everything else SMALLEST)
    rows = _read(results)
    for member in members:
        missing = [recipe for recipe in RECIPES if (member, recipe) not in rows]
        if missing:
            for row in _convert(member, size, missing):
                rows[member, row.recipe] = row
                click.echo(" ".join(_cells(row)), err=True)
                _write(results, rows)
    there = [rows[member, recipe] for member in members for recipe in RECIPES]
    found = figures(there)
    click.echo(_as_json(there, found) if as_json else "\n".join(_table(there, found)))
    sys.exit(any(figure.holds is False for figure in found.values()))


def figures(rows: Sequence[Row]) -> dict[str, Figure]:
    """What is promised of all conversions together."""
    good = [row for row in rows if not row.cause and (row.parity <= PARITY or row.recipe.endswith("int8"))]
    floats = [row.parity for row in rows if not row.cause and row.recipe.endswith("float32")]
    return {
        "conversions": Figure(len(rows), ""),
        "converted_within_parity": at_least(len(good) / len(rows), SHARE, ""),
        "refused_without_a_cause": at_most(sum("crashed" in row.cause or "failed" in row.cause for row in rows), 0, ""),
        "largest_float_error": at_most(max(floats, default=0.0), PARITY, ""),
        "largest_process": at_most(max(row.peak_mib for row in rows), PEAK_MIB, "MiB"),
    }


def _convert(member: str, size: int, recipes: Sequence[str]) -> Iterator[Row]:
    """Row by row, each from a process that has nothing else to do."""
    with TemporaryDirectory(prefix="edgeferry-zoo-") as scratch:
        made = _run("scripts.benchmarks._zoo_members", member, size, Path(scratch, "model.keras"))
        for recipe in recipes:
            if made.returncode == 0:
                ended = _run("scripts.benchmarks._zoo_member", member, size, recipe, scratch)
            else:
                ended = made
            if ended.returncode == 0:
                yield msgspec.json.decode(ended.stdout.splitlines()[-1], type=Row)
            else:
                yield Row(member=member, recipe=recipe, cause=describe_end(ended.returncode, ended.stderr))


def _run(module: str, *arguments: str | int | Path) -> subprocess.CompletedProcess[str]:
    import os

    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, **QUIET}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_S, env=environment)


def _read(results: Path | None) -> dict[tuple[str, str], Row]:
    if results is None or not results.is_file():
        return {}
    rows = [msgspec.json.decode(line, type=Row) for line in results.read_text().splitlines()]
    return {(row.member, row.recipe): row for row in rows}


def _write(results: Path | None, rows: dict[tuple[str, str], Row]) -> None:
    if results is not None:
        results.write_text("".join(msgspec.json.encode(row).decode() + "\n" for row in rows.values()))


def _cells(row: Row) -> tuple[str, ...]:
    if row.cause:
        return (row.member, row.recipe, f"refused: {row.cause}", *[""] * 5)
    numbers = (f"{row.parity:.1e}", f"{row.sqnr_db:.1f}", f"{row.peak_mib:.0f}", f"{row.seconds:.1f}")
    return (row.member, row.recipe, "converted", *numbers, str(row.size_bytes))


def _table(rows: Sequence[Row], found: dict[str, Figure]) -> Iterator[str]:
    lines = [_COLUMNS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    for name, figure in found.items():
        marks = {True: "holds", False: "FALLS SHORT", None: ""}
        yield f"{name}: {figure.value:.4g} {figure.unit} {figure.goal or ''} {marks[figure.holds]}".rstrip()


def _as_json(rows: Sequence[Row], found: dict[str, Figure]) -> str:
    return json.dumps(
        {
            "rows": [msgspec.to_builtins(row) for row in rows],
            "figures": {name: vars(each) for name, each in found.items()},
        }
    )


if __name__ == "__main__":
    zoo()
