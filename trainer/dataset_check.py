"""The whole of `edgeferry dataset check`: look, find, show, and list what is worth keeping."""

from __future__ import annotations

from pathlib import Path

from contract.errors import ConfigError
from trainer.check import Checked, examine
from trainer.checks.cleaned_files import write_cleaned
from trainer.checks.cleaning import clean
from trainer.checks.new_files import refuse_existing, write_new
from trainer.checks.page import page
from trainer.counting import counted


def dataset_check(
    path: str, *, report: Path | None = None, fix: Path | None = None, relabel: bool = False, force: bool = False
) -> tuple[Checked, tuple[Path, ...]]:
    """Check the pictures `path` names; what was found, and the files that were asked for and written.

    Whether those can be written is asked before the first picture is read.
    """
    if relabel and fix is None:
        raise ConfigError("--relabel changes the list that --fix writes", where="command line", fix="Add --fix.")
    refuse_existing([file for file in (report, fix) if file], force=force)
    examined = examine(path, counted)
    written: tuple[Path, ...] = ()
    if fix is not None:
        cleaning = clean(examined.seen, examined.copies, examined.checked.findings, relabel=relabel)
        written += write_cleaned(examined.seen, cleaning, fix, force=force)
    if report is not None:
        written += write_new({report: page(examined).encode()}, force=force)
    return examined.checked, written
