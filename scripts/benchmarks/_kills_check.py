"""What a killed device may hold, and what it must do next: the judge of the campaign in `updates_kills.py`.

It knows nothing of the device's code but its two records and its slots. `Truth` is kept by the campaign itself, from
what it assigned and what it saw; a device that disagrees is at fault.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from contract.bundle import SIGNATURE
from contract.dsse import MANIFEST_TYPE, Verifier, parse_envelope, verify
from contract.errors import SignatureError
from contract.manifest import NAME
from contract.progress import Progress
from contract.states import FINAL
from edge.slot import folder_of
from scripts.benchmarks._kills_bundles import Fate, Published

Stand = Literal["before", "trial", "after"]
Sort = Literal["model", "unverified", "target", "record", "end"]
"""No running verified model; an unverified one ran; a wrong one to go back to; an untrue record; ended by itself."""
PHASES = (
    "download",
    "delta",
    "verify",
    "stage",
    "test",
    "shadow",
    "switch",
    "health",
    "commit",
    "rollback",
    "collection",
    "idle",
)
_PHASE_OF = {"verifying": "verify", "staging": "stage", "testing": "test", "shadowing": "shadow"}
_OUTCOMES: dict[Fate, set[tuple[str, str | None]]] = {
    "good": {("committed", None)},
    "golden": {("refused", "golden")},
    "shadow": {("refused", "confidence")},
    "health": {("rolled-back", "confidence")},
    "stranger": {("refused", "signature")},
}
_UNLUCKY = {("refused", "interrupted"), ("rolled-back", "interrupted"), ("refused", "crash"), ("rolled-back", "crash")}
"""May come to any: killed too often or on trial; a busy machine's vision process was taken for hung."""


class Fault(NamedTuple):
    """One thing that must not be."""

    sort: Sort
    words: str


class Pointers(Struct, frozen=True, kw_only=True):
    """`slots.json`."""

    current: str | None = None
    fallback: str | None = None
    provisional: bool = False
    earlier: str | None = None

    def __str__(self) -> str:
        """Short enough for a line."""
        names = (self.current, self.fallback, self.earlier)
        return f"{[name and name[7:13] for name in names]}, provisional {self.provisional}"


class Truth(NamedTuple):
    """Who serves and who is kept, as the campaign knows it, and what is being tried."""

    current: str | None
    fallback: str | None
    target: Published | None = None
    going_back: bool = False
    """Somebody at the device has asked for the fallback."""

    def __str__(self) -> str:
        """Short enough for a line."""
        target = None if self.target is None else f"{self.target.fate} {self.target.digest[7:13]}"
        return f"{self.current and self.current[7:13]}, before it {self.fallback and self.fallback[7:13]}, to {target}"

    def stand(self, found: Pointers) -> Stand | None:
        """How far the slots are; None where they are what they must never be."""
        if found == self.before:
            return "before"
        if self.target is not None and found == self.trial and self.target.fate in ("good", "health"):
            return "trial"
        return "after" if found == self.after else None

    @property
    def before(self) -> Pointers:
        """Until the switch, and after a rollback."""
        return Pointers(current=self.current, fallback=self.fallback)

    @property
    def trial(self) -> Pointers | None:
        """From the switch on."""
        if self.target is None:
            return None
        earlier = self.fallback if self.fallback != self.current else None
        return Pointers(current=self.target.digest, fallback=self.current, provisional=True, earlier=earlier)

    @property
    def after(self) -> Pointers | None:
        """Once it has come true; a bad model's never does."""
        if self.going_back:
            return Pointers(current=self.fallback)
        if self.target is None or self.target.fate != "good":
            return None
        return Pointers(current=self.target.digest, fallback=self.current)


class Found(NamedTuple):
    """What a state folder holds."""

    pointers: Pointers
    progress: Progress
    pending: Pointers | None = None
    """A `slots.json` of this life that had not got its name yet."""
    leftovers: bool = False
    """Slots nobody needs, or half of one."""
    fresh: bool = False
    """Whether the walk's record is of this life."""


def read(state: Path, since_s: float) -> Found:
    """`since_s` is when this life began, unix seconds."""
    pointers = _record(state / "slots.json", Pointers) or Pointers()
    progress = _record(state / "update.json", Progress) or Progress()
    new = state / "slots.json.new"
    try:
        pending = _record(new, Pointers) if new.stat().st_mtime >= since_s else None
    except (FileNotFoundError, msgspec.DecodeError):
        pending = None
    needed = {digest for digest in (pointers.current, pointers.fallback, pointers.earlier) if digest}
    names = {folder_of(state, digest).name for digest in needed}
    slots = state / "slots"
    held = {folder.name for folder in slots.iterdir()} if slots.is_dir() else set()
    record = state / "update.json"
    fresh = record.exists() and record.stat().st_mtime >= since_s
    return Found(pointers, progress, pending, leftovers=not held <= names, fresh=fresh)


def _record(path: Path, kind: type[msgspec.Struct]) -> object:
    return msgspec.json.decode(path.read_bytes(), type=kind) if path.exists() else None


def phase(found: Found, *, recovering: bool, told_back: bool) -> str:
    """Where the kill met the walk. `recovering`: this life began with a trial to be undone."""
    progress, pointers, pending = found.progress, found.pointers, found.pending
    if progress.assignment is None or progress.state in FINAL:
        return "collection" if found.leftovers and found.fresh and not recovering else "idle"
    target = progress.assignment.digest
    if progress.state == "downloading":
        return "download" if progress.assignment.delta is None else "delta"
    if progress.state in _PHASE_OF:
        return _PHASE_OF[progress.state]
    if recovering or (pending is not None and pending.current != target):
        return "rollback"
    if pointers.current != target:
        return "switch" if progress.state == "switching" else "rollback"
    if not pointers.provisional or (pending is not None and not pending.provisional):
        return "commit"
    if told_back:
        return "rollback"
    return "switch" if progress.state == "switching" else "health"


def slot_faults(state: Path, pointers: Pointers, published: dict[str, Published], keys: dict[str, Verifier]) -> str:
    """What is wrong with the slots that may have to serve; empty for nothing."""
    for digest in (pointers.current, pointers.fallback, pointers.earlier):
        if digest is None:
            continue
        folder = folder_of(state / "slots", digest)
        for name, data in published[digest].members.items():
            file = folder / name
            if not file.is_file() or file.read_bytes() != data:
                return f"{name} of {digest} is not what was published"
        try:
            envelope = parse_envelope((folder / SIGNATURE).read_bytes(), where=str(folder))
            verify(envelope, MANIFEST_TYPE, (folder / NAME).read_bytes(), keys, where=str(folder))
        except SignatureError as problem:
            return str(problem)
    return ""


def record_fault(truth: Truth, stand: Stand, progress: Progress) -> str:
    """Where the walk's record says what is not so; empty where it is true."""
    if truth.target is None or progress.assignment is None or progress.assignment.digest != truth.target.digest:
        return ""
    state = progress.state
    may = {
        "before": state != "committed" or truth.target.digest == truth.current,
        "trial": state in ("switching", "provisional"),
        "after": state in ("provisional", "committed"),
    }
    return "" if may[stand] else f"the record says {state}, the slots are {stand}"


def outcome_fault(fate: Fate, state: str, cause: str | None) -> str:
    """Whether a walk may end so; empty if it may."""
    good = (state, cause) in _OUTCOMES[fate] | _UNLUCKY
    return "" if good else f"a bundle with the fate {fate} came to {state}, cause {cause}"
