"""What a folder of slots promises, and what is wrong with it: read from the files, not asked of the device."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import msgspec

from contract.digest import digest_of, hex_of
from contract.errors import BundleError
from contract.manifest import Digest
from edge.slots import RECORD, Slots
from tests.edge.power_cut.verbs import Rename, Sync, Tree, Verb, Write

MAY_DIFFER = ("update.json", "budget.json", "*.json.new")
"""The first two count assignments, tries and bytes. The others are records that were never renamed: a few hundred
bytes, in whose place the next record comes."""


class Served(NamedTuple):
    """What answers the camera's frames, and what the device would go back to."""

    digest: Digest
    fallback: Digest | None

    def __str__(self) -> str:
        back = short(self.fallback) if self.fallback else "none"
        return f"{short(self.digest)} (fallback {back})"


def short(digest: Digest) -> str:
    """Enough of a digest to tell it from others."""
    return hex_of(digest)[:8]


def promised(tree: Tree) -> Served:
    """What a device must serve that starts with this folder: a model on trial is not kept."""
    data = tree.get(RECORD)
    assert data is not None, f"{RECORD} is missing"
    record = msgspec.json.decode(data)
    if record["provisional"]:
        return Served(record["fallback"], record["earlier"])
    return Served(record["current"], record["fallback"])


def commit_of(verbs: list[Verb], new: Digest) -> tuple[int, int]:
    """How many verbs there are before the one that commits `new`, and up to the one that makes this last."""
    written: bytes = b""
    began = 0
    for number, verb in enumerate(verbs):
        match verb:
            case Write(data=data):
                written = data
            case Rename(target=target) if target == RECORD and not began:
                record = msgspec.json.decode(written)
                began = number if record["current"] == new and not record["provisional"] else 0
            case Sync(path=".") if began:
                return began, number
    raise AssertionError("the update never commits")


def settled_after(verbs: list[Verb]) -> int:
    """The number of verbs after which the last record of the slots is there to stay."""
    last = max((n for n, verb in enumerate(verbs) if isinstance(verb, Rename) and verb.target == RECORD), default=-1)
    return next((n for n, verb in enumerate(verbs) if n > last >= 0 and verb == Sync(".")), 0)


def unverified(state: Path, served: Served) -> Iterator[str]:
    """Slots that look whole and do not hold the signed manifest's members; what serves must be whole."""
    slots = Slots(state)
    if served.digest not in slots.held():
        yield f"{short(served.digest)} serves and is not there"
    for digest in slots.held():
        try:
            slot = slots.slot(digest)
        except BundleError as spoilt:
            if digest in served:
                yield f"{short(digest)} is needed: {spoilt}"
            continue
        for member in slot.manifest.members:
            if digest_of((slot.folder / member.name).read_bytes()) != member.sha256:
                yield f"{short(digest)} looks whole, and {member.name} is not the signed one"


def differences(seen: Tree, goal: Tree) -> Iterator[str]:
    """In what a folder is not as it ought to be; what may differ is passed over."""
    for path in sorted(seen.keys() | goal.keys()):
        if any(fnmatch(path, pattern) for pattern in MAY_DIFFER):
            continue
        if path not in goal:
            yield f"{path} is left over"
        elif path not in seen:
            yield f"{path} is missing"
        elif seen[path] != goal[path]:
            yield f"{path} is not as it should be"
