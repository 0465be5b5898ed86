"""Parcels on a conveyor, each with a handwritten digit on its label: real scans, drawn into a scene.

The scans are scikit-learn's digits (UCI Optical Recognition of Handwritten Digits, 1,797 scans of 8 by 8). They are
split once, by scan: what a camera shows was never trained on, nor tested on before the bundle was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIZE_WH = (160, 120)
SPLITS = {"train": (0, 1200), "validation": (1200, 1350), "test": (1350, 1550), "camera": (1550, 1797)}
"""Ranges of scans, in an order shuffled once by a fixed seed."""
Split = Literal["train", "validation", "test", "camera"]
Scans: TypeAlias = "tuple[NDArray[np.uint8], NDArray[np.int64]]"
"""(N, 8, 8) uint8, 0 paper to 255 ink, and their digits (N,)."""


@dataclass(frozen=True)
class Look:
    """How one parcel lies under the camera."""

    belt_shade: int
    cardboard_bgr: tuple[int, int, int]
    angle_deg: float
    label_px: int
    drift_px: float
    light: float
    noise_seed: int
    white_on_black: bool = False


def scans(split: Split) -> Scans:
    """The scans of one split."""
    import numpy as np
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(2026).permutation(len(digits))[slice(*SPLITS[split])]
    ink = np.minimum(images[order].reshape(-1, 8, 8) * 16, 255).astype(np.uint8)
    return ink, digits[order].astype(np.int64)


def random_look(rng: np.random.Generator, *, white_on_black: bool = False) -> Look:
    """A parcel as it may come: everything that varies is in the Look."""
    shade = int(rng.integers(120, 190))
    return Look(
        belt_shade=int(rng.integers(40, 80)),
        cardboard_bgr=(shade - 70, shade - 25, shade),
        angle_deg=float(rng.uniform(-12, 12)),
        label_px=int(rng.integers(50, 66)),
        drift_px=float(rng.uniform(-14, 14)),
        light=float(rng.uniform(0.75, 1.2)),
        noise_seed=int(rng.integers(1 << 31)),
        white_on_black=white_on_black,
    )


def draw(scan: NDArray[np.uint8], look: Look, *, moved_px: float = 0.0) -> NDArray[np.uint8]:
    """The camera's picture, (120, 160, 3) uint8 BGR; `moved_px` is how far the belt has carried the parcel on."""
    import cv2
    import numpy as np

    width, height = SIZE_WH
    picture = np.full((height, width, 3), look.belt_shade, np.uint8)
    for x in range(-20, width + 20, 20):
        at = int(x + moved_px % 20)
        cv2.line(picture, (at, 0), (at, height), (look.belt_shade - 12,) * 3, 2)
    parcel, mask = _parcel(scan, look)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), look.angle_deg, 1.0)
    turn[0, 2] += look.drift_px + moved_px
    inside = cv2.warpAffine(mask, turn, SIZE_WH)[..., None] > 127
    picture = np.where(inside, cv2.warpAffine(parcel, turn, SIZE_WH, flags=cv2.INTER_LINEAR), picture)
    grain = np.random.default_rng(look.noise_seed).normal(0, 5, picture.shape)
    return np.clip(picture * look.light + grain, 0, 255).astype(np.uint8)


def _parcel(scan: NDArray[np.uint8], look: Look) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An upright parcel in the middle of an empty scene, and where it is."""
    import cv2
    import numpy as np

    width, height = SIZE_WH
    scene, mask = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
    corner, opposite = (width // 2 - 48, height // 2 - 44), (width // 2 + 48, height // 2 + 44)
    cv2.rectangle(scene, corner, opposite, look.cardboard_bgr, -1)
    cv2.rectangle(mask, corner, opposite, 255, -1)
    side = look.label_px
    ink = cv2.resize(scan, (side - 8, side - 8), interpolation=cv2.INTER_CUBIC)
    label = np.full((side, side), 240, np.uint8)
    label[4:-4, 4:-4] = 240 - (ink.astype(np.uint16) * 210 // 255).astype(np.uint8)
    top, left = height // 2 - side // 2, width // 2 - side // 2
    scene[top : top + side, left : left + side] = (255 - label if look.white_on_black else label)[..., None]
    return scene, mask


def write_folder(folder: Path, *, seed: int, other_line: bool = False) -> int:
    """Labelled pictures as `folder/SPLIT/DIGIT/*.jpg`; returns how many.

    `other_line` draws them as another conveyor has them, whose labels are printed white on black: a model trained on
    those is a good model, at the wrong place.
    """
    import cv2
    import numpy as np

    rng, count = np.random.default_rng(seed), 0
    for split in ("train", "validation", "test"):
        for number, (scan, digit) in enumerate(zip(*scans(split), strict=True)):
            target = folder / split / str(digit)
            target.mkdir(parents=True, exist_ok=True)
            look = random_look(rng, white_on_black=other_line)
            cv2.imwrite(str(target / f"parcel-{number:04d}.jpg"), draw(scan, look))
            count += 1
    return count


def write_scans(path: Path) -> None:
    """The camera's scans into a .npz file: loading scikit-learn costs a small machine seconds for each camera."""
    import numpy as np

    ink, digits = scans("camera")
    np.savez(path, ink=ink, digits=digits)


def read_scans(path: Path) -> Scans:
    """What `write_scans` wrote."""
    import numpy as np

    with np.load(path) as file:
        return file["ink"], file["digits"]


def conveyor(seed: int, shown: Scans, *, frames_a_parcel: int = 3) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """What one camera sees of `shown`, for ever: (picture, digit), each parcel for a few frames as it creeps on."""
    import numpy as np

    rng = np.random.default_rng(seed)
    ink, digits = shown
    while True:
        for index in rng.permutation(len(digits)):
            look = random_look(rng)
            for step in range(frames_a_parcel):
                yield draw(ink[index], look, moved_px=4.0 * (step - frames_a_parcel / 2)), int(digits[index])
