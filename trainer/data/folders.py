"""Class folders on disk: `PATH/CLASS/*.jpg`, or `PATH/train/CLASS/*.jpg` with or without `validation` and `test`.

Only names are looked at here. `val` and `valid` are read as `validation`; hidden files and folders are passed over
(file managers leave them); pictures may lie in deeper folders below their class.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from contract.errors import DataError
from edge.pictures import PICTURE_SUFFIXES, read_picture
from trainer.data.origin import Listed, Origin, SplitName
from trainer.settings import FOR_PHOTOGRAPHS, InputSettings, Suggestion

SUGGESTION = Suggestion(
    preprocessing=InputSettings(size_wh=(96, 96), colour="rgb"),
    augmentation=FOR_PHOTOGRAPHS,
)
_SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
}
_LAYOUT = "Lay them out as PATH/CLASS/picture.jpg, or as PATH/train/CLASS/picture.jpg."


def folder_origin(text: str) -> Origin:
    """The pictures below the folder `text`; DataError where the folder or its layout is of no use."""
    root = Path(text)
    if not root.is_dir():
        what = "this is a file, not a folder of pictures" if root.exists() else "there is no such folder"
        raise DataError(
            what, where=text, fix="Name a folder of pictures, a .csv, .json or .yaml with their labels, or `digits`."
        )
    split_folders = _split_folders(root)
    parents: list[tuple[SplitName | None, Path]] = [*split_folders] or [(None, root)]
    return _origin(text, root, [(split, folder) for split, parent in parents for folder in _subfolders(parent)])


def _origin(text: str, root: Path, folders: list[tuple[SplitName | None, Path]]) -> Origin:
    if not folders:
        raise DataError("there are no class folders", where=text, fix=_LAYOUT)
    labels = tuple(sorted({folder.name for _, folder in folders}))
    pictures: list[Listed] = []
    empty: list[str] = []
    for split, folder in folders:
        files = list(_pictures_below(folder))
        if not files:
            empty.append(str(folder.relative_to(root)))
        pictures += [_listed(file, root, labels.index(folder.name), split) for file in files]
    if not pictures:
        known = ", ".join(sorted(PICTURE_SUFFIXES))
        raise DataError("no picture in any class folder", where=text, fix=f"Pictures end in one of {known}.")
    return Origin(text=text, labels=labels, pictures=tuple(pictures), suggestion=SUGGESTION, empty=tuple(empty))


def _listed(file: Path, root: Path, label: int, split: SplitName | None) -> Listed:
    return Listed(name=file.relative_to(root).as_posix(), label=label, split=split, read=partial(read_picture, file))


def _split_folders(root: Path) -> list[tuple[SplitName, Path]]:
    """The split folders of `root`; none where `train` is no folder of folders, but a class like any other."""
    found = [(_SPLIT_FOLDERS[f.name.lower()], f) for f in _subfolders(root) if f.name.lower() in _SPLIT_FOLDERS]
    if not any(split == "train" and _subfolders(folder) for split, folder in found):
        return []
    names = [split for split, _ in found]
    for split in names:
        if names.count(split) > 1:
            raise DataError(f"two folders for the {split} split", where=str(root), fix="Keep one of them.")
    return found


def _subfolders(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))


def _pictures_below(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.suffix.lower() in PICTURE_SUFFIXES and file.is_file() and not hidden:
            yield file
