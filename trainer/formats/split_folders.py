"""Folders named for a split: `train`, `validation` (`val`, `valid`), `test`, as several formats have them."""

from __future__ import annotations

from pathlib import Path

from contract.errors import DataError
from trainer.data.origin import SplitName

SPLIT_WORDS: dict[str, SplitName] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
    "testing": "test",
}


def split_folders(root: Path) -> list[tuple[SplitName, Path]]:
    """The folders below `root` with a split's name, where `train` is one of them; DataError on two for one split."""
    if not root.is_dir():
        return []
    found = sorted(
        (SPLIT_WORDS[folder.name.lower()], folder)
        for folder in root.iterdir()
        if folder.is_dir() and folder.name.lower() in SPLIT_WORDS
    )
    splits = [split for split, _ in found]
    if "train" not in splits:
        return []
    for split in splits:
        if splits.count(split) > 1:
            raise DataError(f"two folders for the {split} split", where=str(root), fix="Keep one of them.")
    return found
