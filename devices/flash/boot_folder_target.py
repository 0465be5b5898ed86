"""`--to boot:DIR`: the same files onto the boot partition of a card that is mounted already."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from contract.errors import ConfigError
from devices.flash.boot_folder import FolderFiles
from devices.flash.diff import shown
from devices.flash.first_boot.detect import FirstBoot, detect, is_boot_partition
from devices.flash.plan import carry_out, make_plan
from devices.flash.report import Report, written_by
from devices.payload import Payload
from devices.settings import Settings


def flash_boot_folder(
    payload: Payload,
    settings: Settings,
    folder: Path,
    *,
    seed: str = "",
    first_boot: FirstBoot | None = None,
    dry_run: bool = False,
    say: Callable[[str], None],
) -> Report:
    """Set up the boot partition mounted at `folder`. ConfigError where it is none, or has no room for the payload."""
    boot = FolderFiles(folder)
    if not is_boot_partition(boot):
        raise ConfigError(
            "this is no boot partition: it has no config.txt and cmdline.txt",
            where=str(folder),
            fix="Name where the card's first partition is mounted, e.g. /media/you/bootfs.",
        )
    kind, because = (first_boot, "you said so") if first_boot else detect(boot, where=str(folder))
    say(f"first boot: {kind}, because {because}")
    began = time.monotonic()
    plan = make_plan(boot, settings, payload, kind, seed=seed, where=str(folder))
    diff = tuple(shown(boot, plan, settings)) if dry_run else ()
    if not dry_run and not plan.empty:
        carry_out(boot, plan, where=str(folder))
    return Report(
        to=f"boot:{folder}",
        result="dry-run" if dry_run else "unchanged" if plan.empty else "installed",
        first_boot=kind,
        because=because,
        written=written_by(plan),
        removed=plan.remove,
        unchanged_files=plan.unchanged,
        customise_s=time.monotonic() - began,
        diff=diff,
    )
