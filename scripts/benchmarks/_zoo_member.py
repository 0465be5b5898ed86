"""One network through one recipe, in a process of its own.

As `python -m … NAME SIZE RECIPE FOLDER`, with the network in FOLDER/model.keras; prints one JSON object.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract.codec import to_json
from contract.errors import FerryError
from contract.manifest import Classify, Preprocessing
from converters.answers import Asked
from converters.feeds import Feeds
from converters.jobs import largest_mib
from converters.make import make, source_answers
from converters.recipe import Recipe, format_of
from converters.source import UNKNOWN, Pictures, Source
from edge.backends import open_backend
from scripts.benchmarks._zoo_members import pictures, scale_of

CALIBRATION, COMPARED = 16, 16
OUTPUT = "scores"


class Row(Struct, frozen=True, kw_only=True):
    """What came of it."""

    member: str
    recipe: str
    cause: str = ""
    """Empty where it converted."""
    parity: float = 0.0
    """Largest error over largest output."""
    sqnr_db: float = 0.0
    peak_mib: float = 0.0
    """Of the conversion's largest process."""
    seconds: float = 0.0
    size_bytes: int = 0


def convert(member: str, size: int, recipe: Recipe, folder: Path) -> Row:
    """Convert, and compare with the network's own answers."""
    source = source_of(member, size, folder)
    for left in folder.glob("*.peak"):
        left.unlink()  # of the recipe before
    begun = perf_counter()
    try:
        made = make(source, [recipe], folder, say=lambda _: None)[recipe]
    except FerryError as refused:
        return Row(member=member, recipe=recipe, cause=str(refused), peak_mib=largest_mib(folder))
    seconds, peak = perf_counter() - begun, largest_mib(folder)
    truth = source_answers(source, source.golden.frames, folder)[OUTPUT].astype(np.float64)
    asked = Asked(open_backend(format_of(recipe), made))
    frames = folder / "golden.npy"
    np.save(frames, source.golden.frames)
    feeds = Feeds(frames, source.preprocessing, asked.inputs)
    error = np.concatenate([asked.ask(feed)[OUTPUT] for feed in feeds]) - truth
    return Row(
        member=member,
        recipe=recipe,
        parity=float(np.abs(error).max() / np.abs(truth).max()),
        sqnr_db=_decibels(truth, error),
        peak_mib=peak,
        seconds=seconds,
        size_bytes=made.stat().st_size,
    )


def source_of(member: str, size: int, folder: Path, *, calibration: int = CALIBRATION) -> Source:
    """The network in `folder` as a source, with pictures of ours."""
    unknown = np.full(COMPARED, UNKNOWN)
    return Source(
        name=member.lower(),
        origin=member,
        kind="keras",
        model=folder / "model.keras",
        preprocessing=Preprocessing(size_wh=(size, size), **scale_of(member)),
        task="classify",
        outputs=(OUTPUT,),
        decoding=Classify(scores=OUTPUT, activation="softmax"),
        labels=(),
        states=(),
        calibration=Pictures(pictures(calibration, size, 2), np.full(calibration, UNKNOWN)),
        golden=Pictures(pictures(COMPARED, size, 3), unknown),
        lineage={},
        card=b"",
    )


def _decibels(signal: NDArray[np.float64], noise: NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.square(signal).sum() / max(np.square(noise).sum(), 1e-30)))


if __name__ == "__main__":
    name, side, wanted, place = sys.argv[1:]
    sys.stdout.write(to_json(convert(name, int(side), wanted, Path(place))).decode() + "\n")  # type: ignore[arg-type]
