"""A device that loses power at any point of its enrolment or renewal asks again, and is the member it was to be."""

from __future__ import annotations

import contextlib
import random
import shutil
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography import x509
from msgspec import Struct

from contract.enrolment import ClaimRequest, RenewRequest
from contract.errors import LinkError
from edge.durable import Disk, DiskError
from edge.enrolment import Server, enrol, renew
from edge.member_files import IDENTITY, MemberFiles
from fleet.identity import claims, folder
from fleet.identity.claims import Wish
from fleet.identity.registrar import Registrar, Terms
from fleet.store import open_store
from tests.edge.power_cut.disks import FAULTS, Fault, RecordingDisk, RefusingDisk
from tests.edge.power_cut.medium import Medium, states_during
from tests.edge.power_cut.memory import folder_in_memory
from tests.edge.power_cut.verbs import Tree, read_tree, write_tree
from tests.fleet.simulated import FLEET

T = TypeVar("T")
DAY_S = 86400.0


class Office(Server):
    """The server without its HTTP: a registrar on a copy of its books."""

    def __init__(self, books: Path, ca: Path, now_s: float, verbs: Callable[[], int] = lambda: 0) -> None:
        super().__init__("http://office")
        self._store = open_store(f"sqlite:///{books}", fleet=FLEET)
        self._registrar = Registrar(FLEET, self._store, Terms(ca=ca, broker="mqtts://b"), clock=lambda: now_s)
        self._verbs, self.asked_at, self.answers = verbs, 0, True

    def ask(self, path: str, question: Struct, kind: type[T]) -> T:
        """Writes down how far the device had come when the server heard of it."""
        self.asked_at = self._verbs()
        if isinstance(question, ClaimRequest):
            answer: object = self._registrar.claim(question)
        else:
            assert isinstance(question, RenewRequest)
            answer = self._registrar.renew(question)
        assert isinstance(answer, kind)
        if not self.answers:
            raise LinkError("the answer was lost", where="office", fix="Ask again.")
        return answer

    def code(self, now_s: float) -> str:
        with self._store.writing() as connection:
            made = claims.make(connection, [Wish("cam-1")], replaces=False, life_s=DAY_S, now_s=now_s, by="ann")
        return made[0].code

    def close(self) -> None:
        self._store.close()


class Story:
    """One authority, its books before and after, and a device's folder in memory."""

    def __init__(self, place: Path) -> None:
        self.place, self.ca = place, place / "ca"
        folder.begin(self.ca, FLEET, root_days=4000, issuing_days=3000)
        self.now_s = folder.now().timestamp()
        office = Office(place / "fresh.db", self.ca, self.now_s)
        self.code = office.code(self.now_s)
        office.close()
        self._number = 0

    def books(self, name: str) -> Path:
        """A copy, to be written into."""
        self._number += 1
        return shutil.copyfile(self.place / f"{name}.db", self.place / f"copy-{self._number}.db")

    def place_for(self, tree: Tree) -> Path:
        """A device's folder as a power cut has left it."""
        self._number += 1
        made = self.place / f"state-{self._number}"
        write_tree(tree, made)
        return made


@pytest.fixture
def story() -> Iterator[Story]:
    with folder_in_memory() as place:
        yield Story(place)


def some(cases: Iterator[tuple[int, Tree]]) -> list[tuple[int, Tree]]:
    """A share of them: all are 30 s, and were looked at."""
    found = list(cases)
    return random.Random(25).sample(found, min(25, len(found)))


def usable(state: Path) -> int:
    """The serial of a certificate that TLS can use with its key."""
    file = state / "identity" / IDENTITY
    ssl.create_default_context().load_cert_chain(file, file)
    pem = file.read_bytes()
    return x509.load_pem_x509_certificates(pem[pem.index(b"-----BEGIN CERT") :])[0].serial_number


def test_power_goes_while_a_device_enrols(story: Story) -> None:
    state = story.place_for({})
    disk, books = RecordingDisk(state), story.books("fresh")
    office = Office(books, story.ca, story.now_s, lambda: len(disk.verbs))
    enrol(story.code, office, MemberFiles(state, disk))
    disk.check()
    office.close()
    books.rename(story.place / "used.db")
    first, looked_at = usable(state), 0
    for number, tree in some(states_during(Medium({}), disk.verbs)):
        for name in {
            "fresh" if number <= office.asked_at else "used",
            "used" if number >= office.asked_at else "fresh",
        }:
            again = story.place_for(tree)
            retried = Office(story.books(name), story.ca, story.now_s)
            enrol(story.code, retried, MemberFiles(again, Disk()))
            retried.close()
            assert (usable(again) == first) == (name == "used")
            looked_at += 1
    assert looked_at > 20


def test_power_goes_while_a_certificate_is_renewed(story: Story) -> None:
    state, books = story.place_for({}), story.books("fresh")
    office = Office(books, story.ca, story.now_s)
    enrol(story.code, office, MemberFiles(state, Disk()))
    office.close()
    shutil.copyfile(books, story.place / "due.db")
    first, before, later_s = usable(state), read_tree(state), story.now_s + 70 * DAY_S
    disk = RecordingDisk(state)
    office = Office(books, story.ca, later_s, lambda: len(disk.verbs))
    assert renew(office, MemberFiles(state, disk), "cam-1") > 50 * DAY_S
    disk.check()
    office.close()
    books.rename(story.place / "renewed.db")
    second, looked_at = usable(state), 0
    assert second != first
    for number, tree in some(states_during(Medium(before), disk.verbs)):
        for name in {
            "due" if number <= office.asked_at else "renewed",
            "renewed" if number >= office.asked_at else "due",
        }:
            again = story.place_for(tree)
            assert usable(again) in (first, second)
            retried = Office(story.books(name), story.ca, later_s)
            renew(retried, MemberFiles(again, Disk()), "cam-1")
            retried.close()
            assert usable(again) != first
            looked_at += 1
    assert looked_at > 20


def test_a_lost_answer_is_asked_for_again(story: Story) -> None:
    state, books = story.place_for({}), story.books("fresh")
    office = Office(books, story.ca, story.now_s)
    office.answers = False
    with pytest.raises(LinkError):
        enrol(story.code, office, MemberFiles(state, Disk()))
    office.answers = True
    enrol(story.code, office, MemberFiles(state, Disk()))
    first = usable(state)
    office.close()
    later = Office(books, story.ca, story.now_s + 70 * DAY_S)
    later.answers = False
    with pytest.raises(LinkError):
        renew(later, MemberFiles(state, Disk()), "cam-1")
    assert usable(state) == first
    later.answers = True
    renew(later, MemberFiles(state, Disk()), "cam-1")
    assert usable(state) != first
    later.close()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_disk_that_refuses_is_said_and_leaves_what_can_be_tried_again(story: Story, fault: Fault) -> None:
    for works in range(0, 14, 2):
        state, books = story.place_for({}), story.books("fresh")
        office = Office(books, story.ca, story.now_s)
        with contextlib.suppress(DiskError):
            enrol(story.code, office, MemberFiles(state, RefusingDisk(state, works, fault)))
        enrol(story.code, office, MemberFiles(state, Disk()))
        usable(state)
        office.close()
