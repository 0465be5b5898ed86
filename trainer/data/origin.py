"""Where labelled pictures come from, before any of them is read: names, labels, splits and a way to the pixels.

Class folders on disk (`folders.py`), the scikit-learn digits by the name `digits` (`digits.py`), and
the ways others write labels down (`trainer/formats/`): each is known by what lies in the folder, see `open_origin`.
Which pictures can be read, and which split each goes to, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from contract.manifest import Task
from edge.frames import Pixels
from trainer.data.boxes import Box, OddBox
from trainer.settings import Suggestion

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
DIGITS = "digits"


@dataclass(frozen=True, slots=True)
class Listed:
    """One labelled picture nobody has looked at yet."""

    name: str
    """Path below the folder that was named, or `scan N` of the digits."""
    label: int
    """Class number; of a picture with boxes, that of most of them, or -1 where it has none."""
    split: SplitName | None
    """The split its folder says; None where the data has none."""
    read: Callable[[], Pixels]
    """Gives (height, width, 3) uint8 BGR, or raises SourceError."""
    boxes: tuple[Box, ...] = ()
    """What is marked in it, for detectors."""
    group: str | None = None
    """Pictures of one group (a person, a camera, a day) never stand in two splits."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """What else is written about it: slices are made of these."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A set of labelled pictures."""

    text: str
    """As the person named it."""
    labels: tuple[str, ...]
    """Index is the class number."""
    pictures: tuple[Listed, ...]
    suggestion: Suggestion
    task: Task = "classify"
    """`detect` where boxes are marked."""
    empty: tuple[str, ...] = ()
    """Class folders without a single picture."""
    odd_boxes: tuple[OddBox, ...] = ()
    """Boxes that were left out."""
    cut_boxes: tuple[OddBox, ...] = ()
    """Boxes that stood a little out of their picture and were cut at its border."""
    passed_over: tuple[str, ...] = ()
    """Pictures beside listed ones that no label file speaks of."""

    @property
    def has_splits(self) -> bool:
        """Whether the data says which pictures are for what."""
        return any(picture.split for picture in self.pictures)


def open_origin(text: str) -> Origin:
    """List the pictures that `text` names, `digits`, a folder or a label file; DataError where there are none to list.

    A file is known by its ending. In a folder the first of these decides: YOLO's `data.yaml`, COCO's
    `instances_*.json` or `_annotations.coco.json`, Pascal VOC's XML, and class folders otherwise.
    """
    if text == DIGITS:
        from trainer.data.digits import digits_origin

        return digits_origin()
    path = Path(text)
    if not path.is_dir():
        return _of_file(text, path)
    from trainer.formats.table import with_sidecar

    return with_sidecar(_of_folder(text, path), path)


def _of_file(text: str, path: Path) -> Origin:
    kind = path.suffix.lower() if path.is_file() else ""
    if kind == ".csv":
        from trainer.formats.table import table_origin

        return table_origin(text)
    if kind == ".json":
        from trainer.formats.coco import coco_origin

        return coco_origin(text, [(None, path)])
    if kind in (".yaml", ".yml"):
        from trainer.formats.yolo import yolo_origin

        return yolo_origin(text, path)
    from trainer.data.folders import folder_origin

    return folder_origin(text)  # which says what is wrong with it


def _of_folder(text: str, root: Path) -> Origin:
    from trainer.formats.yolo import yaml_of, yolo_origin

    if (yaml := yaml_of(root)) is not None:
        return yolo_origin(text, yaml)
    from trainer.formats.coco import coco_files, coco_origin

    if files := coco_files(root):
        return coco_origin(text, files)
    from trainer.formats.voc import looks_like_voc, voc_origin

    if looks_like_voc(root):
        return voc_origin(text)
    from trainer.data.folders import folder_origin

    return folder_origin(text)
