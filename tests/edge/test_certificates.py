"""When an agent asks for a certificate: by its life, by the server's word, and by a link that stays down."""

from __future__ import annotations

from pathlib import Path

from contract.device import Identity, parse_device_config
from edge.certificate_talk import Done, Task
from edge.certificates import Certificates
from edge.clock import FleetClock
from edge.durable import Disk
from edge.member_files import MemberFiles, MemberTerms, broker_of

DAY_S = 86400.0
TEXT = """fleet = "barn"
device = "cam-1"
profile = "rpi4"
state_dir = "{state}"
[broker]
url = "mqtts://broker"
[trust]
publishers = ["p.pub"]
[camera]
source = "synthetic:"
[identity]
server = "https://fleet"
claim = "{code}"
"""


class Device:
    """An agent's certificates, with clocks that a test sets and a server that answers what it is told."""

    def __init__(self, folder: Path, *, claim: str | None = None) -> None:
        self.wall_s, self.running_s, self.connected = 1_000_000_000.0, 0.0, True
        self.asked: list[Task] = []
        self.answer = Done(words="fine", wait_s=60 * DAY_S)
        self.files = MemberFiles(folder, Disk())
        config = parse_device_config(TEXT.format(state=folder, code="x").encode(), where="test")
        self.certificates = Certificates(
            config,
            Identity(server="https://fleet", claim=claim),
            clock=FleetClock(folder, Disk(), system=lambda: self.wall_s, monotonic=lambda: self.running_s),
            disk=Disk(),
            connected=lambda: self.connected,
            step=self.step,
            monotonic=lambda: self.running_s,
        )

    def step(self, task: Task) -> Done:
        self.asked.append(task)
        return self.answer

    def certified(self, *, days: float) -> None:
        begins_s = 1_000_000_000.0
        terms = MemberTerms(begins_s=begins_s, ends_s=begins_s + days * DAY_S)
        self.files.keep_member(b"", b"", terms, b"")

    def later(self, seconds: float) -> float:
        self.running_s += seconds
        self.wall_s += seconds
        return self.certificates.look()


def test_it_is_renewed_at_two_thirds_and_then_left_alone(tmp_path: Path) -> None:
    device = Device(tmp_path)
    device.certified(days=90)
    assert device.later(59 * DAY_S) == 3600
    assert device.asked == []
    assert device.later(1 * DAY_S) == 60 * DAY_S
    assert [task.claim for task in device.asked] == [None]
    device.later(30 * DAY_S)
    assert len(device.asked) == 1


def test_a_device_without_one_enrols_with_its_code_and_tries_again(tmp_path: Path) -> None:
    device = Device(tmp_path, claim="code")
    device.connected, device.answer = False, Done(problem="no network")
    first = device.later(0)
    assert 2.5 <= first <= 5
    second = device.later(first + 0.01)
    assert 5 <= second <= 10
    assert [task.claim for task in device.asked] == ["code", "code"]
    device.certified(days=90)
    device.answer = Done(words="fine", wait_s=60.0)
    device.later(second)
    assert len(device.asked) == 2


def test_without_certificate_and_code_nobody_is_asked(tmp_path: Path) -> None:
    device = Device(tmp_path)
    device.later(0)
    device.later(10 * DAY_S)
    assert device.asked == []


def test_a_refusal_is_not_repeated_for_hours(tmp_path: Path) -> None:
    device = Device(tmp_path, claim="code")
    device.connected, device.answer = False, Done(problem="used already", refused=True)
    device.later(0)
    device.later(4 * 3600)
    assert len(device.asked) == 1
    device.later(4 * 3600)
    assert len(device.asked) == 2


def test_a_clock_that_is_behind_does_not_keep_an_ended_certificate(tmp_path: Path) -> None:
    device = Device(tmp_path)
    device.certified(days=90)
    device.wall_s, device.connected = 0.0, False
    device.later(599)
    assert device.asked == []
    device.later(1)
    assert len(device.asked) == 1


def test_a_clock_that_is_ahead_asks_once_and_waits_as_the_server_says(tmp_path: Path) -> None:
    device = Device(tmp_path)
    device.certified(days=90)
    device.wall_s = 4_000_000_000.0
    device.answer = Done(words="a long way to go", wait_s=30 * DAY_S)
    for _ in range(10):
        device.later(DAY_S)
    assert len(device.asked) == 1


def test_the_broker_gets_the_files_of_the_identity_where_no_others_are_named(tmp_path: Path) -> None:
    config = parse_device_config(TEXT.format(state=tmp_path, code="x").encode(), where="test")
    broker = broker_of(config)
    assert broker.cert_file == broker.key_file == str(tmp_path / "identity" / "device.pem")
    assert broker.ca_file == str(tmp_path / "identity" / "ca.pem")


def test_keys_are_for_their_owner_alone_and_serve_one_purpose(tmp_path: Path) -> None:
    files = MemberFiles(tmp_path, Disk())
    files.keep_next_key("one", b"key\n")
    assert (files.next_key("one"), files.next_key("other")) == (b"key\n", b"")
    assert (tmp_path / "identity" / "next.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "identity").stat().st_mode & 0o777 == 0o700
    files.keep_member(b"key\n", b"chain\n", MemberTerms(begins_s=1, ends_s=4), b"root")
    assert (tmp_path / "identity" / "device.pem").stat().st_mode & 0o777 == 0o600
    assert files.next_key("one") == b""
    terms = files.terms()
    assert terms is not None
    assert terms.due_s == 3
