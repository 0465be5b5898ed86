"""One run converted again and again under what must not matter, and the digests of the bundles compared.

Each time another process, another folder for run and output, another time zone, language, file mask and hash seed,
other folders for temporary files and home, one core or all, and another date (`faketime`, where it is installed).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from contract.digest import digest_of
from scripts.benchmarks.figure import Figure, at_least

ROOT = Path(__file__).resolve().parent.parent.parent
PROFILES = "rpi4,jetson-orin-jp6"
TIMES, SHORT_TIMES = 10, 2


@dataclass(frozen=True)
class Surroundings:
    """What differs from one conversion to the next."""

    folder: str
    timezone: str
    language: str
    umask: int
    hash_seed: str
    date: str
    """For `faketime`; empty: today."""
    one_core: bool = False


SURROUNDINGS = (
    Surroundings("plain", "UTC", "C.UTF-8", 0o022, "0", ""),
    Surroundings("a folder/with spaces", "Pacific/Kiritimati", "C", 0o077, "1", "2031-05-06 07:08:09", one_core=True),
    Surroundings("Käuzchen", "America/Caracas", "POSIX", 0o002, "77", "1999-12-31 23:59:58"),
    Surroundings("d/e/e/p", "Asia/Kathmandu", "tr_TR.UTF-8", 0o027, "random", ""),
    Surroundings("x" * 120, "Europe/Berlin", "de_DE.UTF-8", 0o000, "4294967295", "2024-02-29 12:00:00"),
    Surroundings("1", "Asia/Tokyo", "ja_JP.UTF-8", 0o066, "2", "2038-01-19 03:14:00", one_core=True),
    Surroundings(".hidden", "America/St_Johns", "en_US.UTF-8", 0o022, "3", "1980-01-01 00:00:01"),
    Surroundings("UPPER", "Australia/Lord_Howe", "fr_FR.UTF-8", 0o007, "5", "2026-03-29 01:59:59"),
    Surroundings("percent%20sign", "Africa/Casablanca", "ar_MA.UTF-8", 0o037, "8", "2100-06-15 00:00:00"),
    Surroundings("last", "Pacific/Chatham", "C.UTF-8", 0o022, "13", "", one_core=True),
)


def figures(short: bool) -> dict[str, Figure]:
    """Two conversions (short) or ten of a run on the scikit-learn digits, which is trained for it first."""
    times = SHORT_TIMES if short else TIMES
    with TemporaryDirectory(prefix="edgeferry-rebuild-") as scratch:
        run = Path(scratch, "run")
        train = [sys.executable, "-m", "edgeferry", "train", "digits", "--task", "classify", "--out", str(run)]
        subprocess.run([*train, "--epochs", "2", "--seed", "1"], check=True, capture_output=True)
        found = list(rebuilt(run, Path(scratch, "rebuilt"), SURROUNDINGS[:times]))
    equal = sum(digests == found[0] for digests in found)
    return {
        "rebuilds_with_equal_bytes": at_least(equal, times, f"of {times}"),
        "bundles_each": Figure(len(found[0]), ""),
        "dates_faked": Figure(sum(bool(_dated(one)) for one in SURROUNDINGS[:times]), ""),
    }


def rebuilt(
    run: Path, scratch: Path, surroundings: Sequence[Surroundings], profiles: str = PROFILES
) -> Iterator[dict[str, str]]:
    """Digests by file name of a conversion of `run` in each of `surroundings`."""
    for around in surroundings:
        folder = scratch / around.folder
        shutil.copytree(run, folder / "the run")
        yield _digests(_converted(folder, around, profiles))


def _converted(folder: Path, surroundings: Surroundings, profiles: str) -> Path:
    for name in ("home", "temporary"):
        (folder / name).mkdir()
    convert = ["convert", "the run", "--for", profiles, "--out", "bundles"]
    command = [*_dated(surroundings), sys.executable, "-m", "edgeferry", *convert]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": surroundings.hash_seed,
        "TZ": surroundings.timezone,
        "LC_ALL": surroundings.language,
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "temporary"),
    }
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)} if surroundings.one_core else cores)
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, umask=surroundings.umask, capture_output=True, text=True, check=False
        )
    finally:
        os.sched_setaffinity(0, cores)
    if done.returncode != 0:
        raise RuntimeError(f"{surroundings} ended {done.returncode}:\n{done.stderr}")
    return folder / "bundles"


def _dated(surroundings: Surroundings) -> list[str]:
    """The command that shows another date; nothing where it is not installed, or today will do."""
    return ["faketime", surroundings.date] if surroundings.date and shutil.which("faketime") else []


def _digests(bundles: Path) -> dict[str, str]:
    return {path.name: digest_of(path.read_bytes()) for path in sorted(bundles.iterdir())}
