"""Nearly half of the digits, held back from a short training, and the int8 file that training became."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contract.reference import Reference, parse
from edge.bundles import UNVERIFIED, read_bundle
from edge.frames import Pixels
from edge.model import LoadedModel, load_model

ROOT = Path(__file__).resolve().parent.parent.parent


class HeldBack(NamedTuple):
    """Pictures the model has not seen, with their truth."""

    frames: Pixels
    labels: NDArray[np.int64]
    """(N,) into the manifest's labels."""
    model: LoadedModel
    """Int8, as on a device."""
    reference: Reference
    """As the bundle carries it."""


@contextmanager
def held_back_digits(folder: Path) -> Iterator[HeldBack]:
    """Train and convert below `folder`; half a minute."""
    config = folder / "train.toml"
    config.write_text("[data]\ntest_share = 0.45\n")
    run, out = folder / "digits", folder / "out"
    for command in (
        ["train", "digits", "--task", "classify", "--out", run, "--config", config, "--epochs", "8", "--seed", "7"],
        ["convert", run, "--for", "rpi4", "--out", out],
    ):
        whole = [sys.executable, "-m", "edgeferry", *map(str, command)]
        subprocess.run(whole, check=True, capture_output=True, cwd=ROOT)
    bundle = read_bundle(out / "digits-1-rpi4.bundle", UNVERIFIED)
    with np.load(io.BytesIO((run / "golden.npz").read_bytes())) as stored:
        frames, labels = stored["frames"], stored["labels"]
    reference = parse(bundle.members["reference.json"], where="bundle")
    with closing(load_model(bundle.manifest, bundle.digest, bundle.model)) as model:
        yield HeldBack(frames, labels, model, reference)
