"""One set of pictures with boxes, written in every format that is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

NAMES = ("ball", "cup", "tin of tea")


@dataclass(frozen=True)
class Drawn:
    """A picture to write: size in pixels and (label, left, top, right, bottom) with whole pixels."""

    size_wh: tuple[int, int]
    boxes: Sequence[tuple[int, int, int, int, int]]


def picture(path: Path, size_wh: tuple[int, int], seed: int = 0) -> Path:
    """A noisy picture of that size; PNG or JPEG by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), pixels), path
    return path


def coco(root: Path, drawn: Sequence[Drawn]) -> Path:
    """With ids that have gaps and stand in another order."""
    images = []
    annotations = []
    for number, one in enumerate(drawn):
        picture(root / "images" / f"{number}.png", one.size_wh, number)
        width, height = one.size_wh
        images.append({"id": 1000 - 7 * number, "file_name": f"{number}.png", "width": width, "height": height})
        annotations += [
            {"image_id": 1000 - 7 * number, "category_id": 3 + 4 * label, "bbox": [x, y, right - x, bottom - y]}
            for label, x, y, right, bottom in one.boxes
        ]
    categories = [{"id": 3 + 4 * label, "name": name} for label, name in reversed(list(enumerate(NAMES)))]
    (root / "annotations").mkdir()
    file = root / "annotations" / "instances_default.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return root


def voc(root: Path, drawn: Sequence[Drawn]) -> Path:
    """Counted from 1, inclusive, as the development kit says."""
    (root / "Annotations").mkdir(parents=True)
    (root / "classes.txt").write_text("\n".join(NAMES))
    for number, one in enumerate(drawn):
        picture(root / "JPEGImages" / f"{number}.png", one.size_wh, number)
        write_sheet(root / "Annotations" / f"{number}.xml", one)
    return root


def write_sheet(file: Path, one: Drawn, *, extra: str = "") -> Path:
    """One VOC file."""
    objects = "\n".join(
        f"<object><name>{NAMES[label]}</name><bndbox><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin>"
        f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
        for label, x, y, right, bottom in one.boxes
    )
    width, height = one.size_wh
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    file.write_text(f"<annotation>{size}\n{objects}{extra}</annotation>")
    return file


def yolo(root: Path, drawn: Sequence[Drawn]) -> Path:
    """Six decimals, as most tools write."""
    (root / "labels" / "train").mkdir(parents=True)
    lines = "\n".join(f"  {number}: {name}" for number, name in enumerate(NAMES))
    (root / "data.yaml").write_text(f"# made for a test\npath: .\ntrain: images/train\nval:\nnames:\n{lines}\n")
    for number, one in enumerate(drawn):
        picture(root / "images" / "train" / f"{number}.png", one.size_wh, number)
        width, height = one.size_wh
        text = "".join(
            f"{label} {(x + right) / 2 / width:.6f} {(y + bottom) / 2 / height:.6f} "
            f"{(right - x) / width:.6f} {(bottom - y) / height:.6f}\n"
            for label, x, y, right, bottom in one.boxes
        )
        (root / "labels" / "train" / f"{number}.txt").write_text(text)
    return root


def table(root: Path, drawn: Sequence[Drawn]) -> Path:
    """A line for each box."""
    lines = ["filename,class,xmin,ymin,xmax,ymax"]
    for number, one in enumerate(drawn):
        picture(root / "pictures" / f"{number}.png", one.size_wh, number)
        boxes = [f"{NAMES[label]},{x},{y},{right},{bottom}" for label, x, y, right, bottom in one.boxes]
        lines += [f"pictures/{number}.png,{box}" for box in boxes or [",,,,"]]
    (root / "boxes.csv").write_text("\n".join(lines) + "\n")
    return root / "boxes.csv"


FORMATS: dict[str, Callable[[Path, Sequence[Drawn]], Path]] = {"coco": coco, "voc": voc, "yolo": yolo, "csv": table}
