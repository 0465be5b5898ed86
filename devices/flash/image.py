"""`--to image:OUT`: copy a stock image to a file or a card, and set up its boot partition there. No root, no mount.

What stays behind when that fails is said in `outputs.py`.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.errors import ConfigError, UpdateError
from devices.flash.diff import shown
from devices.flash.disks import check_disk
from devices.flash.fat import FatFiles
from devices.flash.fat_layout import read_layout
from devices.flash.first_boot.detect import FirstBoot, detect, is_boot_partition
from devices.flash.outputs import DiskOut, FileOut
from devices.flash.partitions import read_partitions
from devices.flash.plan import carry_out, make_plan
from devices.flash.report import Report, written_by
from devices.flash.source import CHUNK_BYTES, chunks_of
from devices.payload import Payload
from devices.settings import Settings

Say = Callable[[str], None]


def flash_image(
    payload: Payload,
    settings: Settings,
    image: Path,
    out: Path,
    *,
    seed: str = "",
    first_boot: FirstBoot | None = None,
    fixed_disk: bool = False,
    dry_run: bool = False,
    say: Say,
) -> Report:
    """Make `out`, a file or a whole disk, from `image` and this payload.

    ConfigError for an image, a disk or settings that will not do, UpdateError for a damaged image or a bad card. A file
    is then what it was before; the disk is empty. Equal arguments give equal bytes.
    """
    if out.exists() and out.samefile(image):
        raise ConfigError("the stock image would be overwritten", where=str(out), fix="Give another name.")
    if dry_run:
        return _dry_run(payload, settings, image, out, seed, first_boot, say)
    where: DiskOut | FileOut
    if out.exists() and stat.S_ISBLK(out.stat().st_mode):
        where = DiskOut(out, check_disk(out, fixed_disk=fixed_disk))
    else:
        where = FileOut(out)
    with where.opened() as fd:
        began = time.monotonic()
        _copy(image, fd, where.room_bytes, sparse=isinstance(where, FileOut), say=say)
        copied = time.monotonic()
        with _boot_partition(fd, image, first_boot, say) as (boot, kind, because):
            plan = make_plan(boot, settings, payload, kind, seed=seed, where=str(image))
            carry_out(boot, plan, where=str(out))
        done = time.monotonic()
    return Report(
        to=f"image:{out}",
        result="installed" if where.changed else "unchanged",
        first_boot=kind,
        because=because,
        written=written_by(plan),
        removed=plan.remove,
        unchanged_files=plan.unchanged,
        copy_s=copied - began,
        customise_s=done - copied,
    )


def _dry_run(
    payload: Payload, settings: Settings, image: Path, out: Path, seed: str, first_boot: FirstBoot | None, say: Say
) -> Report:
    """The same up to the writing, on a copy nobody sees."""
    with tempfile.TemporaryFile() as copy:
        _copy(image, copy.fileno(), None, sparse=True, say=say)
        with _boot_partition(copy.fileno(), image, first_boot, say) as (boot, kind, because):
            plan = make_plan(boot, settings, payload, kind, seed=seed, where=str(image))
            lines = tuple(shown(boot, plan, settings))
    return Report(
        to=f"image:{out}",
        result="dry-run",
        first_boot=kind,
        because=because,
        written=written_by(plan),
        removed=plan.remove,
        unchanged_files=plan.unchanged,
        diff=lines,
    )


def _copy(image: Path, fd: int, room_bytes: int | None, *, sparse: bool, say: Say) -> None:
    """All of the image; holes stay holes in a file. UpdateError where a partition reaches beyond what came."""
    told, at = 0, 0

    def progress(part: float) -> None:
        nonlocal told
        if (tenths := int(part * 10)) > told:
            told = tenths
            say(f"copied {tenths * 10} % of {image.name}")

    nothing = bytes(CHUNK_BYTES)
    for chunk in chunks_of(image, progress=progress):
        if room_bytes is not None and at + len(chunk) > room_bytes:
            raise ConfigError("the image is larger than this disk", where=str(image), fix="Take a larger card.")
        if not (sparse and chunk == nothing[: len(chunk)]):
            _write_all(fd, chunk, at)
        at += len(chunk)
    if sparse:
        os.ftruncate(fd, at)
    if any(partition.end_bytes > at for partition in read_partitions(fd, where=str(image))):
        raise UpdateError(
            "the image is cut short: a partition reaches beyond its end", where=str(image), fix="Download it again."
        )


def _write_all(fd: int, chunk: bytes, at: int) -> None:
    view = memoryview(chunk)
    while view:
        done = os.pwrite(fd, view, at)
        view, at = view[done:], at + done


@contextmanager
def _boot_partition(
    fd: int, image: Path, first_boot: FirstBoot | None, say: Say
) -> Iterator[tuple[FatFiles, FirstBoot, str]]:
    """The first FAT partition a Raspberry Pi would start from, and how it is set up at its first start."""
    where = str(image)
    for partition in read_partitions(fd, where=where):
        layout = read_layout(fd, partition.offset_bytes, where=where) if partition.may_be_fat else None
        if layout is None:
            continue
        boot = FatFiles(fd, partition, layout, where=where)
        try:
            if is_boot_partition(boot):
                kind, because = (first_boot, "you said so") if first_boot else detect(boot, where=where)
                say(f"first boot: {kind}, because {because} (partition {partition.number})")
                yield boot, kind, because
                return
        finally:
            boot.close()
    raise ConfigError(
        "no partition of this image has a config.txt and a cmdline.txt to start from",
        where=where,
        fix="Give an image for Raspberry Pi; Jetson and Coral boards are served by --to overlay: and ssh:.",
    )
