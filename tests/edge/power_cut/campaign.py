"""One whole update, cut at every moment in every way, and hindered at every verb: does the device come out of it?

What is asked of each state that a power cut may leave, and of each disk that refuses:

1. The device starts, even while the disk still refuses, and serves what `slots.json` promised: the current bundle, or
   the fallback while the current one is on trial. Until the commit that is the old bundle, after it the new one.
2. What serves is verified: each file of its slot is the signed bundle's, byte for byte. No other slot looks whole
   without being so. What the device would go back to is what served before.
3. The update, begun again, comes to its end, and the folder is then as if nothing had happened.

The outbox is left out: it is SQLite's file, and SQLite has its own proof (sqlite.org/atomiccommit.html).
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from contract.errors import FerryError
from contract.manifest import Digest
from edge.durable import Disk
from edge.part_file import boot_id
from tests.edge.power_cut.disks import FAULTS, Fault, RecordingDisk, RefusingDisk, UnseenChangeError
from tests.edge.power_cut.found import Served, commit_of, differences, promised, settled_after, short, unverified
from tests.edge.power_cut.medium import Medium, different, states_during
from tests.edge.power_cut.verbs import Tree, Verb, read_tree, write_tree

AFTER_A_FAULT = 4
"""So many states that power may leave after a refusal are looked at, drawn by chance; there are hundreds of faults."""
_OTHER_BOOT = b"00000000-0000-4000-8000-000000000000"
_WRONG = (FerryError, OSError, UnseenChangeError)
"""What a device may die of here; anything else is a bug of its own, and ends the campaign."""


class Device(Protocol):
    """What is put to the test. `old` serves at first, after an older one; the assignments ask for `new`."""

    old: Digest
    new: Digest
    end: Served
    """What an undisturbed update leads to."""

    def begin(self, state: Path) -> None:
        """Make the folder `state` of a device that serves `old`."""

    def live(self, state: Path, disk: Disk, assignments: int = 0) -> Served:
        """From a start of the agent to its end, with so many assignments one after the other; 0 only recovers."""


class Case(NamedTuple):
    """A folder found at a start, and how it came to be."""

    name: str
    tree: Tree
    may_serve: frozenset[Digest]


class Finding(NamedTuple):
    """A case the device did not come out of."""

    case: str
    problem: str


class Campaign:
    """All cases of one device's update, and the judgement on each. Folders are made below `place`."""

    def __init__(self, device: Device, place: Path, *, seed: int) -> None:
        """Carry the update out once, undisturbed, and keep what it did."""
        self._chance = random.Random(seed)
        self._device, self._state = device, place / "state"
        device.begin(self._state)
        self.before = read_tree(self._state)
        disk = RecordingDisk(self._state)
        served = device.live(self._state, disk, 1)
        disk.check()
        assert served == device.end, str(served)
        self.verbs, self.goal = disk.verbs, read_tree(self._state)
        self._judged: dict[frozenset[tuple[str, bytes | None]], list[str]] = {}

    @property
    def judged(self) -> int:
        """Different folders that were looked at."""
        return len(self._judged)

    def power_cuts(self) -> Iterator[Case]:
        """Every state that may be found, verb by verb."""
        for number, tree in states_during(Medium(self.before), self.verbs):
            yield Case(_moment(self.verbs, number), _rebooted(tree), self._may_serve(self.verbs, number))

    def second_cuts(self, case: Case) -> Iterator[Case]:
        """Every state that may be found when power goes again while the device recovers from `case`."""
        self._lay(case.tree)
        disk = RecordingDisk(self._state)
        self._device.live(self._state, disk)
        for number, tree in states_during(Medium(case.tree), disk.verbs):
            yield Case(f"{case.name}; {_moment(disk.verbs, number)}", _rebooted(tree), case.may_serve)

    def late_cuts(self, killed: int) -> Iterator[Case]:
        """The agent is killed after so many verbs, which loses nothing yet, and starts again and updates.

        Once its slots say what they are to say in the end, power goes, and takes along what neither life has synced.
        """
        medium = Medium(self.before).after(self.verbs[:killed])
        self._lay(medium.tree())
        disk = RecordingDisk(self._state, medium=medium)
        self._device.live(self._state, disk, 1)
        medium = Medium(self.before).after(self.verbs[:killed])
        settled = settled_after(disk.verbs)
        for number, tree in states_during(medium, disk.verbs):
            if number > settled:
                name = f"killed after {_moment(self.verbs, killed)}; {_moment(disk.verbs, number)}"
                yield Case(name, _rebooted(tree), frozenset({self._device.end.digest}))

    def judge(self, case: Case) -> list[Finding]:
        """What is wrong with the device's way out of it. Equal folders are looked at once."""
        key = frozenset(case.tree.items())
        if key not in self._judged:
            self._judged[key] = list(self._problems(case.tree))
        problems = list(self._judged[key])
        serves = promised(case.tree).digest
        if serves not in case.may_serve:
            problems.append(f"{short(serves)} is promised at a moment when it must not be")
        return [Finding(case.name, problem) for problem in problems]

    def faults(self) -> list[tuple[Fault, int]]:
        """Each way to refuse, and after how many verbs of the update it begins."""
        return [(fault, works) for fault in FAULTS for works in range(len(self.verbs))]

    def hinder(self, fault: Fault, works: int) -> list[Finding]:
        """What is wrong with the device while a disk refuses, afterwards, and after a power cut."""
        name = f"{fault.name}, {_moment(self.verbs, works + 1)}"
        self._lay(self.before)
        disk = RefusingDisk(self._state, works, fault)
        problems = [*self._lived(disk, 1)]
        left = [read_tree(self._state), *self._some_states(disk)]
        if fault.lasting:
            problems += self._lived(RefusingDisk(self._state, 0, fault), 0)
        else:
            self._lay(self.before)
            disk = RefusingDisk(self._state, works, fault)
            problems += self._ended(disk, 2)
            left += self._some_states(disk)
        found = [Finding(name, problem) for problem in problems]
        anything = frozenset({self._device.old, self._device.new})
        for tree in different(left):
            found += self.judge(Case(f"{name}; power", tree, anything))
        return found

    def _some_states(self, disk: RecordingDisk) -> list[Tree]:
        states = different(map(_rebooted, disk.medium.states()))
        return self._chance.sample(states, min(AFTER_A_FAULT, len(states)))

    def _may_serve(self, verbs: list[Verb], number: int) -> frozenset[Digest]:
        """What a device may be promised to serve after the first so many of these verbs."""
        old, new = self._device.old, self._device.new
        if self._device.end.digest == old:
            return frozenset({old})
        began, ended = commit_of(verbs, new)
        return frozenset({old} if number <= began else {new} if number > ended else {old, new})

    def _problems(self, tree: Tree) -> Iterator[str]:
        self._lay(tree)
        try:
            served = self._device.live(self._state, Disk())
        except _WRONG as problem:
            yield f"it does not start: {problem}"
            return
        if served != promised(tree):
            yield f"it serves {served} and not {promised(tree)}"
        yield from unverified(self._state, served)
        yield from self._ended(Disk(), 1)

    def _lived(self, disk: RefusingDisk, assignments: int) -> Iterator[str]:
        """Problems of a life with a disk that refuses: whatever happens, something verified serves."""
        try:
            served = self._device.live(self._state, disk, assignments)
        except _WRONG as problem:
            yield f"{'while it updates' if assignments else 'started on such a disk'}, nothing serves: {problem}"
            return
        if served.digest not in (self._device.old, self._device.new):
            yield f"it serves {served}"
        yield from unverified(self._state, served)

    def _ended(self, disk: Disk, assignments: int) -> Iterator[str]:
        """Problems of a life that ought to end as the undisturbed one; its leavings are tidied up at the next start."""
        try:
            self._device.live(self._state, disk, assignments)
            served = self._device.live(self._state, Disk())
        except _WRONG as problem:
            yield f"the update cannot be done: {problem}"
            return
        if served != self._device.end:
            yield f"after the update it serves {served}"
        for difference in differences(read_tree(self._state), self.goal):
            yield f"after the update {difference}"

    def _lay(self, tree: Tree) -> None:
        shutil.rmtree(self._state)
        write_tree(tree, self._state)


def _rebooted(tree: Tree) -> Tree:
    """Records may say in which boot of the machine they were written; a power cut begins another one."""
    here = boot_id().encode()
    return {path: data and data.replace(here, _OTHER_BOOT) for path, data in tree.items()}


def _moment(verbs: list[Verb], number: int) -> str:
    """By the verb that was begun last."""
    if not number:
        return "before the first verb"
    verb = verbs[number - 1]
    return f"verb {number}: {type(verb).__name__} {verb.path}"
