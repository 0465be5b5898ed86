"""What may be on the medium after a power cut, given what a program did: the pure model behind the campaign.

The promises it relies on, and no others:

- fsync of a file puts its bytes on the medium, and not its name: fsync(2) says that the folder needs an fsync of its
  own. fsync of a folder puts the names in it on the medium: which are there, which are gone, which are called anew.
- A rename is one step: the file is found under the old name or under the new one, and what had the new name before is
  found until then. rename(2) promises that to running programs; ext4, F2FS, XFS and Btrfs keep it over a power cut
  because it is one transaction of their journal. FAT and ext2 do not, so the state folder must not be on one of them.
- What was synced stays until a later verb changes it.

Everything else may happen, in the words of Pillai et al. (All File Systems Are Not Created Equal, OSDI 2014): no verb
is ordered before another, so that of all names not yet synced any part may be there and any other missing; and no write
is atomic. Bytes that were not synced may be missing, cut short, zeros or foreign bytes in the full length, there in the
later half and not in the earlier one; even a truncation may be there without the bytes written after it, which is the
well-known empty file after a rename. A failed fsync loses the bytes for good, though they can still be read and a
second fsync succeeds (Rebello et al., Can Applications Recover from fsync Failures?, USENIX ATC 2020).

Left out: bytes that rot after they were synced, and mediums that lie about being done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product
from math import prod
from typing import NamedTuple

from tests.edge.power_cut.verbs import (
    Append,
    FailedSync,
    MakeFolder,
    Remove,
    RemoveFolder,
    Rename,
    Sync,
    Tree,
    Truncate,
    Verb,
    Write,
)

MOST_NAMES = 6
"""Of so many names that were not synced every part is tried; of more, the parts that `_parts` lists."""
MOST_CONTENTS = 256
"""So many combinations of contents are all tried; of more, those in which one file differs from the others."""
_ROOT = 0
_FOREIGN = 0xA5
"""Stands for what the blocks held before."""


class _Place(NamedTuple):
    """One change of names: the thing `number` is called `name` in `folder`, or has no name any more."""

    folder: int
    number: int
    name: str | None


class _File:
    """The bytes of one file: those on the medium for sure, and those a program reads."""

    def __init__(self, data: bytes = b"", *, synced: bool = False) -> None:
        self.data, self._safe = data, data if synced else b""
        self._kept = len(self._safe)
        """Leading bytes of `_safe` that no verb has touched since."""
        self._loose, self._lost = False, False

    def change(self, data: bytes, kept: int) -> None:
        """The file reads as `data`, the first `kept` bytes of which were there before."""
        self.data, self._kept, self._loose = data, min(self._kept, kept), True
        if kept <= self._kept:
            self._lost = False

    def sync(self) -> None:
        if not self._lost:
            self._safe, self._kept, self._loose = self.data, len(self.data), False

    def fail_to_sync(self) -> None:
        self._lost = self._loose

    def contents(self) -> list[bytes]:
        """Whatever may be found in it after a power cut."""
        if not self._loose:
            return [self.data]
        base, tail = self.data[: self._kept], self.data[self._kept :]
        return list(dict.fromkeys([self._safe, *(base + part for part in _torn(tail)), self.data]))


def _torn(data: bytes) -> Iterator[bytes]:
    """What may have become of bytes that were written and not synced."""
    size, half = len(data), len(data) // 2
    for cut in (0, 1, half, size - 1):
        yield data[: max(cut, 0)]
    yield bytes(size)
    yield bytes([_FOREIGN]) * size
    yield data[:half] + bytes(size - half)
    yield bytes(half) + data[half:]


class Medium:
    """One folder on a file system, as programs see it and as the medium may hold it."""

    def __init__(self, tree: Tree) -> None:
        """`tree` is there, and synced."""
        self._files: dict[int, _File] = {}
        self._count = _ROOT
        self._names: dict[tuple[int, str], int] = {}
        for path in sorted(tree):
            data = tree[path]
            self._place(path, self._new(None if data is None else _File(data, synced=True)))
        self._safe_names = dict(self._names)
        self._loose: list[_Place] = []

    def apply(self, verb: Verb) -> None:
        """What the verb does; FileNotFoundError where it is told of something that is not there."""
        match verb:
            case Write(path=path, data=data):
                self._file(path).change(data, 0)
            case Append(path=path, data=data):
                file = self._file(path)
                file.change(file.data + data, len(file.data))
            case Truncate(path=path, size_bytes=size):
                file = self._files[self._number(path)]
                file.change(file.data[:size], size)
            case MakeFolder(path=path):
                self._loose.append(self._place(path, self._new(None)))
            case Remove(path=path) | RemoveFolder(path=path):
                self._loose.append(self._place(path, self._number(path), gone=True))
            case Rename(path=path, target=target):
                self._loose.append(self._place(target, self._number(path)))
            case Sync(path=path):
                self._sync(self._number(path))
            case FailedSync(path=path):
                number = self._number(path)
                if number in self._files:
                    self._files[number].fail_to_sync()

    def tree(self) -> Tree:
        """What programs see."""
        return self._tree(self._names, {number: file.data for number, file in self._files.items()})

    def after(self, verbs: Iterable[Verb]) -> Medium:
        """The same medium, when all of them are done."""
        for verb in verbs:
            self.apply(verb)
        return self

    def states(self) -> Iterator[Tree]:
        """Whatever may be found if power goes now; a state may be named several times."""
        for part in _parts(self._loose):
            names = dict(self._safe_names)
            for place in part:
                _apply(place, names)
            found = [number for number in names.values() if number in self._files]
            for contents in _choices([self._files[number].contents() for number in found]):
                yield self._tree(names, dict(zip(found, contents, strict=True)))

    def _new(self, file: _File | None) -> int:
        self._count += 1
        if file is not None:
            self._files[self._count] = file
        return self._count

    def _number(self, path: str) -> int:
        """Of what `path` names; the watched folder is called `.`."""
        number = _ROOT
        for name in path.split("/"):
            if name != ".":
                try:
                    number = self._names[number, name]
                except KeyError:
                    raise FileNotFoundError(path) from None
        return number

    def _file(self, path: str) -> _File:
        """The file of that name, made where it is missing."""
        try:
            number = self._number(path)
        except FileNotFoundError:
            number = self._new(_File())
            self._loose.append(self._place(path, number))
        return self._files[number]

    def _place(self, path: str, number: int, *, gone: bool = False) -> _Place:
        parent, _, name = path.rpartition("/")
        place = _Place(self._number(parent or "."), number, None if gone else name)
        before = next((folder for (folder, _), held in self._names.items() if held == number), place.folder)
        if before != place.folder:
            raise ValueError(f"{path} comes from another folder; whether that is one step is a matter of the system")
        _apply(place, self._names)
        return place

    def _sync(self, number: int) -> None:
        if number in self._files:
            self._files[number].sync()
            return
        for place in self._loose:
            if place.folder == number:
                _apply(place, self._safe_names)
        self._loose = [place for place in self._loose if place.folder != number]

    def _tree(self, names: dict[tuple[int, str], int], contents: dict[int, bytes]) -> Tree:
        """Whatever can be reached from the root; a folder without a name takes with it what is in it."""
        inside: dict[int, list[tuple[str, int]]] = {}
        for (folder, name), number in names.items():
            inside.setdefault(folder, []).append((name, number))
        found: Tree = {}
        to_do = [("", _ROOT)]
        while to_do:
            prefix, folder = to_do.pop()
            for name, number in inside.get(folder, ()):
                found[prefix + name] = contents.get(number)
                if number not in self._files:
                    to_do.append((f"{prefix}{name}/", number))
        return found


def states_during(medium: Medium, verbs: Iterable[Verb]) -> Iterator[tuple[int, Tree]]:
    """Each state that a power cut may leave, with the number of verbs that were begun until then.

    A verb cut in its middle has no states of its own: its effects are loose from its first moment on, so it is there
    in part, not at all, or as a whole among the states after it.
    """
    for number, verb in enumerate((None, *verbs)):
        if verb is not None:
            medium.apply(verb)
        for tree in different(medium.states()):
            yield number, tree


def different(trees: Iterable[Tree]) -> list[Tree]:
    """Each of them once."""
    return list({frozenset(tree.items()): tree for tree in trees}.values())


def _apply(place: _Place, names: dict[tuple[int, str], int]) -> None:
    """Nothing ever has two names: an update makes no hard links."""
    for key in [key for key, number in names.items() if number == place.number]:
        del names[key]
    if place.name is not None:
        names[place.folder, place.name] = place.number


def _parts(loose: Sequence[_Place]) -> Iterator[tuple[_Place, ...]]:
    """Which loose changes may be there: any of few; of many, none, each alone, all but one, the first so many."""
    count = len(loose)
    if count <= MOST_NAMES:
        for size in range(count + 1):
            yield from combinations(loose, size)
        return
    for number in range(count):
        yield (loose[number],)
        yield (*loose[:number], *loose[number + 1 :])
        yield tuple(loose[:number])
    yield tuple(loose)


def _choices(files: list[list[bytes]]) -> Iterator[tuple[bytes, ...]]:
    """One content a file: all combinations of few; of many, all old or all new, with one file that differs."""
    if prod(map(len, files)) <= MOST_CONTENTS:
        yield from product(*files)
        return
    for whole in (tuple(contents[0] for contents in files), tuple(contents[-1] for contents in files)):
        for number, contents in enumerate(files):
            for content in contents:
                yield (*whole[:number], content, *whole[number + 1 :])
