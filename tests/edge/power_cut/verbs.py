"""What `edge.durable.Disk` can be told to do, written down as data, so that it can be kept, replayed and cut short.

Paths are relative to the folder that is watched, with `/` between names.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from edge.durable import Disk

Tree = dict[str, bytes | None]
"""A folder's whole content, by path: the bytes of each file, None for each folder. The watched folder is not listed."""


class Verb(Struct, frozen=True):
    """One call of the disk; `path` is what it changes."""

    path: str


class Write(Verb, frozen=True):
    """The file holds `data` and nothing else."""

    data: bytes


class Append(Verb, frozen=True):
    """`data` is added to the file's end."""

    data: bytes


class Truncate(Verb, frozen=True):
    """The file's first `size_bytes` stay."""

    size_bytes: int


class MakeFolder(Verb, frozen=True):
    """A new, empty folder."""


class Remove(Verb, frozen=True):
    """A file is gone."""


class RemoveFolder(Verb, frozen=True):
    """An empty folder is gone."""


class Rename(Verb, frozen=True):
    """What `path` names is called `target` from now on, and what was called so is gone."""

    target: str


class Sync(Verb, frozen=True):
    """A file's bytes, or a folder's names, are on the medium."""


class FailedSync(Verb, frozen=True):
    """A sync that was answered with an error: the kernel forgets that the bytes were still to be written."""


def carry_out(verb: Verb, root: Path) -> None:
    """Do it for real in the folder `root`; OSError as the system says it."""
    path, disk = root / verb.path, Disk()
    match verb:
        case Write(data=data):
            disk.write(path, data)
        case Append(data=data):
            disk.append(path, data)
        case Truncate(size_bytes=size):
            disk.truncate(path, size)
        case MakeFolder():
            path.mkdir()
        case Remove():
            path.unlink()
        case RemoveFolder():
            path.rmdir()
        case Rename(target=target):
            disk.rename(path, root / target)
        case Sync():
            disk.sync(path)


def read_tree(root: Path) -> Tree:
    """What is in the folder `root` now."""
    found: Tree = {}
    to_do = [(str(root), "")]
    while to_do:
        folder, prefix = to_do.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                path = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    found[path] = None
                    to_do.append((entry.path, path + "/"))
                else:
                    found[path] = Path(entry.path).read_bytes()
    return found


def write_tree(tree: Tree, root: Path) -> None:
    """Make the folder `root`, which must not be there, with that content."""
    root.mkdir()
    for name in sorted(tree):
        data = tree[name]
        if data is None:
            (root / name).mkdir()
        else:
            (root / name).write_bytes(data)
