"""The update walk on a device that runs: real bundles, a real server, a real runtime, and every way it can end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from contract.codec import to_json
from contract.device import Inference
from contract.digest import digest_of
from contract.dsse import ASSIGNMENT_TYPE, sign
from contract.errors import ModelError
from contract.messages import Assignment, Limits
from contract.moments import rfc3339
from contract.progress import Progress
from contract.states import State
from devices.keys import Signer, development_verifier, load_signer, load_verifiers, make_key
from edge.budget import Budget
from edge.durable import Disk
from edge.inbox import Inbox
from edge.progress import ProgressFile
from edge.slots import Slots
from edge.supply import Supply
from edge.trust import Trust
from edge.updater import Updater
from edge.walk import cause_of
from tests.edge.file_server import FileServer
from tests.edge.local_eyes import LocalEyes
from tests.edge.tiny_bundle import PROFILE, device_config, install, write_bundle

PATIENCE_S = 20.0
QUICK = Limits(shadow_frames=3, health_frames=5, health_s=10.0, min_mean_confidence=0.6)
UNSEEN = replace(QUICK, shadow_frames=0)
GOOD_WALK = ["downloading", "verifying", "staging", "testing", "shadowing", "switching", "provisional", "committed"]


class Device:
    """A device without its agent: slots, eyes and updater, and what the updater reported."""

    def __init__(self, state: Path, trust: Trust, bundle: Path, *, frames_per_s: int = 100) -> None:
        self.state = state
        source = f"synthetic:?size=32x24&fps={frames_per_s}"
        self.config = device_config(state, source, inference=Inference(isolate=False, threads=1))
        self.reports: list[Progress] = []
        self._changed = threading.Condition()
        self.slots = Slots(state)
        self.updater = self.new_updater(trust)
        self.updater.recover()
        if self.slots.current is None:
            self.slots.activate(install(self.slots, bundle).digest)
        self.eyes = LocalEyes(self.config, self.slots.folder, self.slots.slot(self.slots.current or ""))

    def new_updater(self, trust: Trust, **told: Callable[..., None]) -> Updater:
        disk = Disk()
        supply = Supply(self.state, disk, Budget(self.state, disk, month_bytes=None, clock=time.time))
        return Updater(self.config, trust, self.slots, supply, **{"report": self._hear, **told})

    def __enter__(self) -> Device:
        self.updater.start(self.eyes)
        return self

    def __exit__(self, *_: object) -> None:
        self.updater.stop()
        self.eyes.close()

    def states(self) -> list[State]:
        return [progress.state for progress in self.reports]

    def wait_for(self, *states: State) -> Progress:
        """The first report of one of `states` that has not been seen by an earlier wait."""
        until = time.monotonic() + PATIENCE_S
        with self._changed:
            while not (self.reports and self.reports[-1].state in states):
                assert self._changed.wait(until - time.monotonic()), self.states()
            return self.reports[-1]

    def _hear(self, progress: Progress) -> None:
        with self._changed:
            self.reports.append(progress)
            self._changed.notify_all()


class Fleet:
    """The other side: keys, a served folder, and signed assignments."""

    def __init__(self, folder: Path, server: FileServer) -> None:
        self.folder, self.server = folder, server
        make_key(folder / "fleet.key")
        make_key(folder / "stranger.key")
        self.signer = load_signer(folder / "fleet.key")
        self.stranger = load_signer(folder / "stranger.key")
        self.trust = Trust(publishers=development_verifier(), fleet=load_verifiers([folder / "fleet.key.pub"]))

    def assignment(self, bundle: Path, counter: int = 1) -> Assignment:
        data = bundle.read_bytes()
        served = self.server.folder / bundle.name
        served.write_bytes(data)
        return Assignment(
            fleet="test",
            device="cam-1",
            counter=counter,
            digest=digest_of(data),
            name="tiny",
            version=int(bundle.name.split("-")[1]),
            size_bytes=len(data),
            url=f"{self.server.url}/{bundle.name}",
            deadline=rfc3339(time.time() + 60.0),
            limits=QUICK,
        )

    def signed(self, assignment: Assignment, signer: Signer | None = None) -> bytes:
        key = signer or self.signer
        return to_json(sign(ASSIGNMENT_TYPE, to_json(assignment), key.keyid, key.sign, detached=False))


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    served = tmp_path / "served"
    served.mkdir()
    with FileServer(served) as server:
        yield Fleet(tmp_path, server)


@pytest.fixture
def device(tmp_path: Path, fleet: Fleet) -> Iterator[Device]:
    """Serving tiny@1, no frames yet lost, no assignment yet seen."""
    with Device(tmp_path / "state", fleet.trust, write_bundle(tmp_path, 1)) as running:
        yield running


def test_a_good_update_walks_the_whole_table(device: Device, fleet: Fleet, tmp_path: Path) -> None:
    assignment = fleet.assignment(write_bundle(tmp_path, 2))
    device.updater.desired(fleet.signed(assignment))
    assert device.wait_for("committed", "refused", "rolled-back").state == "committed"
    assert device.states() == GOOD_WALK
    assert device.eyes.serving.digest == device.slots.current == assignment.digest
    assert not device.slots.provisional
    assert list((device.state / "downloads").iterdir()) == []


def test_the_bundle_before_is_kept_and_an_older_one_deleted(device: Device, fleet: Fleet, tmp_path: Path) -> None:
    second, third = (fleet.assignment(write_bundle(tmp_path, v), counter=v) for v in (2, 3))
    for assignment in (second, third):
        device.updater.desired(fleet.signed(assignment))
        until = time.monotonic() + PATIENCE_S
        while (
            device.reports[-1:] == []
            or device.reports[-1].counter != assignment.counter
            or device.reports[-1].unfinished
        ):
            assert time.monotonic() < until
            time.sleep(0.01)
    device.updater.stop()
    assert set(device.slots.held()) == {second.digest, third.digest}
    assert (device.slots.current, device.slots.fallback) == (third.digest, second.digest)


Spoil = Callable[[Fleet, Path], Assignment]


def flipped_bit(fleet: Fleet, folder: Path) -> Assignment:
    """Damaged before it was published: the assignment names the damaged file."""
    bundle = write_bundle(folder, 2)
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(data)
    return fleet.assignment(bundle)


def damaged_on_the_way(fleet: Fleet, folder: Path) -> Assignment:
    assignment = fleet.assignment(write_bundle(folder, 2))
    served = fleet.server.folder / "tiny-2-generic-x86_64.bundle"
    served.write_bytes(served.read_bytes()[:-1] + b"!")
    return assignment


def absent(fleet: Fleet, folder: Path) -> Assignment:
    return replace(fleet.assignment(write_bundle(folder, 2)), url=f"{fleet.server.url}/absent")


def another_release(fleet: Fleet, folder: Path) -> Assignment:
    return replace(fleet.assignment(write_bundle(folder, 2)), version=7)


def foreign_signature(fleet: Fleet, folder: Path) -> Assignment:
    return fleet.assignment(write_bundle(folder, 2, signer=fleet.stranger))


def foreign_profile(fleet: Fleet, folder: Path) -> Assignment:
    return fleet.assignment(write_bundle(folder, 2, profile="rpi4"))


def wrong_golden(fleet: Fleet, folder: Path) -> Assignment:
    return fleet.assignment(write_bundle(folder, 2, golden="wrong"))


def unsure(fleet: Fleet, folder: Path) -> Assignment:
    """Its shadow run shows it, and no frame's answer is ever its own."""
    return fleet.assignment(write_bundle(folder, 2, confidence=0.4))


def below_the_floor(fleet: Fleet, folder: Path) -> Assignment:
    return fleet.assignment(write_bundle(folder, 2, security=(1, 0)))


def too_large(fleet: Fleet, folder: Path) -> Assignment:
    return replace(fleet.assignment(write_bundle(folder, 2)), size_bytes=1 << 40)


def too_late(fleet: Fleet, folder: Path) -> Assignment:
    return replace(fleet.assignment(write_bundle(folder, 2)), deadline=rfc3339(time.time() - 1.0))


def timeless(fleet: Fleet, folder: Path) -> Assignment:
    return replace(fleet.assignment(write_bundle(folder, 2)), deadline="soon")


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (flipped_bit, "bundle"),
        (damaged_on_the_way, "download"),
        (absent, "download"),
        (another_release, "download"),
        (foreign_signature, "signature"),
        (foreign_profile, "profile"),
        (wrong_golden, "golden"),
        (unsure, "confidence"),
        (below_the_floor, "floor"),
        (too_large, "disk"),
        (too_late, "deadline"),
        (timeless, "deadline"),
    ],
)
def test_what_fails_before_the_switch_is_refused_with_its_cause(
    device: Device, fleet: Fleet, tmp_path: Path, spoil: Spoil, cause: str
) -> None:
    before = device.slots.current
    device.slots.raise_floor(2 if spoil is below_the_floor else 0)
    device.updater.desired(fleet.signed(spoil(fleet, tmp_path)))
    found = device.wait_for("committed", "refused", "rolled-back")
    assert (found.state, found.cause) == ("refused", cause)
    assert found.detail
    device.updater.stop()
    assert device.eyes.serving.digest == device.slots.current == before
    assert device.slots.held() == (before,)


@pytest.mark.parametrize(
    ("limits", "cause"),
    [
        (UNSEEN, "confidence"),
        (replace(UNSEEN, min_mean_confidence=0.0, max_latency_p95_ms=0.000001), "latency"),
        (replace(UNSEEN, min_mean_confidence=0.0, health_frames=100_000, health_s=0.3), "silence"),
    ],
)
def test_what_fails_after_the_switch_rolls_back_with_its_cause(
    device: Device, fleet: Fleet, tmp_path: Path, limits: Limits, cause: str
) -> None:
    before = device.slots.current
    unsure = replace(fleet.assignment(write_bundle(tmp_path, 2, confidence=0.4)), limits=limits)
    device.updater.desired(fleet.signed(unsure))
    found = device.wait_for("committed", "refused", "rolled-back")
    assert (found.state, found.cause) == ("rolled-back", cause)
    assert device.eyes.serving.digest == device.slots.current == before
    assert not device.slots.provisional


def test_a_rolled_back_device_takes_the_next_good_update(device: Device, fleet: Fleet, tmp_path: Path) -> None:
    unsure = replace(fleet.assignment(write_bundle(tmp_path, 2, confidence=0.4)), limits=UNSEEN)
    device.updater.desired(fleet.signed(unsure))
    device.wait_for("rolled-back")
    device.updater.desired(fleet.signed(fleet.assignment(write_bundle(tmp_path, 3), counter=2)))
    assert device.wait_for("committed").counter == 2


def test_a_bundle_that_serves_already_is_committed_without_a_download(
    device: Device, fleet: Fleet, tmp_path: Path
) -> None:
    device.updater.desired(fleet.signed(fleet.assignment(write_bundle(tmp_path, 1))))
    device.wait_for("committed")
    assert device.states() == ["committed"]
    assert fleet.server.asked == []


def test_the_bundle_before_is_taken_back_without_a_download(device: Device, fleet: Fleet, tmp_path: Path) -> None:
    first = write_bundle(tmp_path, 1)
    device.updater.desired(fleet.signed(fleet.assignment(write_bundle(tmp_path, 2))))
    device.wait_for("committed")
    asked = len(fleet.server.asked)
    device.reports.clear()
    device.updater.desired(fleet.signed(fleet.assignment(first, counter=2)))
    device.wait_for("committed")
    assert device.eyes.serving.release == "tiny@1"
    assert len(fleet.server.asked) == asked


def test_who_goes_back_after_a_refusal_says_again_how_it_stands(device: Device, fleet: Fleet, tmp_path: Path) -> None:
    before, second = device.slots.current, fleet.assignment(write_bundle(tmp_path, 2))
    device.updater.desired(fleet.signed(second))
    device.wait_for("committed")
    device.updater.desired(fleet.signed(fleet.assignment(write_bundle(tmp_path, 3, confidence=0.4), counter=2)))
    device.wait_for("refused")
    device.reports.clear()
    device.updater.give_up(second.digest)
    assert device.wait_for("refused").counter == 2
    assert device.slots.current == before


@pytest.fixture
def ignored(device: Device, fleet: Fleet, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Callable[[bytes], bool]:
    """Whether a payload is looked at and leaves no trace, and the assignment after it is carried out."""
    caplog.set_level(logging.INFO, "edge.updater")

    def looked_at_without_trace(payload: bytes) -> bool:
        device.reports.clear()
        device.updater.desired(payload)
        until = time.monotonic() + PATIENCE_S
        while "ignored" not in caplog.text:
            assert time.monotonic() < until
            time.sleep(0.01)
        device.updater.desired(fleet.signed(fleet.assignment(write_bundle(tmp_path, 9), counter=1000)))
        device.wait_for("committed")
        return {progress.counter for progress in device.reports} == {1000}

    return looked_at_without_trace


Ignored = Callable[[bytes], bool]


def test_a_replayed_assignment_is_ignored(device: Device, fleet: Fleet, tmp_path: Path, ignored: Ignored) -> None:
    payload = fleet.signed(fleet.assignment(write_bundle(tmp_path, 2, confidence=0.4), counter=5))
    device.updater.desired(payload)
    device.wait_for("refused")
    assert ignored(payload)


def test_another_devices_assignment_is_ignored(fleet: Fleet, tmp_path: Path, ignored: Ignored) -> None:
    foreign = replace(fleet.assignment(write_bundle(tmp_path, 2)), device="cam-2")
    assert ignored(fleet.signed(foreign))


def test_an_assignment_by_a_stranger_is_ignored(fleet: Fleet, tmp_path: Path, ignored: Ignored) -> None:
    assignment = fleet.assignment(write_bundle(tmp_path, 2))
    assert ignored(fleet.signed(assignment, fleet.stranger))


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe", b"[]", b'{"payloadType": 1}'])
def test_garbage_is_ignored(ignored: Ignored, payload: bytes) -> None:
    assert ignored(payload)


def test_a_restart_while_provisional_rolls_back_and_says_so(tmp_path: Path, fleet: Fleet) -> None:
    first = write_bundle(tmp_path, 1)
    patient = replace(fleet.assignment(write_bundle(tmp_path, 2)), limits=Limits(health_frames=100_000, health_s=50.0))
    with Device(tmp_path / "state", fleet.trust, first) as device:
        device.updater.desired(fleet.signed(patient))
        device.wait_for("provisional")
    with Device(tmp_path / "state", fleet.trust, first) as again:
        found = again.wait_for("rolled-back")
        assert (found.cause, found.counter) == ("interrupted", 1)
        assert again.eyes.serving.release == "tiny@1"


@pytest.mark.parametrize("state", ["downloading", "verifying", "staging", "testing", "shadowing"])
def test_a_restart_before_the_switch_begins_the_assignment_again(tmp_path: Path, fleet: Fleet, state: State) -> None:
    assignment = fleet.assignment(write_bundle(tmp_path, 2))
    folder = tmp_path / "state"
    folder.mkdir()
    ProgressFile(folder, Disk()).save(Progress(state=state, assignment=assignment, tries=1))
    with Device(folder, fleet.trust, write_bundle(tmp_path, 1)) as device:
        assert device.wait_for("committed").tries == 2
        assert device.states() == GOOD_WALK


def test_the_last_outcome_is_said_again_after_a_restart(tmp_path: Path, fleet: Fleet) -> None:
    first = write_bundle(tmp_path, 1)
    with Device(tmp_path / "state", fleet.trust, first) as device:
        device.updater.desired(fleet.signed(fleet.assignment(write_bundle(tmp_path, 2))))
        device.wait_for("committed")
    with Device(tmp_path / "state", fleet.trust, first) as again:
        assert again.wait_for("committed").counter == 1
        assert again.eyes.serving.release == "tiny@2"


def test_an_order_at_the_device_is_not_carried_out_again_where_power_went_at_its_end(
    tmp_path: Path, fleet: Fleet
) -> None:
    state = tmp_path / "state"
    with Device(state, fleet.trust, write_bundle(tmp_path, 1)):
        pass
    inbox = Inbox(state, Disk())
    order = inbox.place_install(write_bundle(tmp_path, 2), None)
    assignment = fleet.assignment(tmp_path / f"tiny-2-{PROFILE}.bundle")
    ended = Progress(state="rolled-back", assignment=assignment, local=True, order=order.id, cause="interrupted")
    ProgressFile(state, Disk()).save(ended)
    with Device(state, fleet.trust, tmp_path / "unused") as again:
        until = time.monotonic() + PATIENCE_S
        while inbox.look() is not None:
            assert time.monotonic() < until
            time.sleep(0.01)
    assert again.states() == ["rolled-back"]
    assert again.slots.held() == (again.slots.current,)


def test_a_record_that_says_committed_of_what_does_not_serve_is_put_right(tmp_path: Path, fleet: Fleet) -> None:
    state = tmp_path / "state"
    with Device(state, fleet.trust, write_bundle(tmp_path, 1)):
        pass
    committed = Progress(state="committed", assignment=fleet.assignment(write_bundle(tmp_path, 2)), accepted=1)
    ProgressFile(state, Disk()).save(committed)
    with Device(state, fleet.trust, tmp_path / "unused") as again:
        assert again.wait_for("rolled-back").cause == "interrupted"
    assert ProgressFile(state, Disk()).load().state == "rolled-back"


def test_the_old_model_answers_every_frame_until_the_switch(device: Device, fleet: Fleet, tmp_path: Path) -> None:
    device.updater.desired(fleet.signed(fleet.assignment(write_bundle(tmp_path, 2))))
    device.wait_for("committed")
    ledger = device.eyes.close().ledger
    assert ledger.captured == ledger.inferred + sum(ledger.dropped.values())
    assert "failed" not in ledger.dropped


def test_a_bug_ends_the_thread_and_is_not_hidden(tmp_path: Path, fleet: Fleet) -> None:
    ended = threading.Event()
    raised: list[type[BaseException]] = []
    hook, threading.excepthook = threading.excepthook, lambda args: raised.append(args.exc_type)

    def broken(_: Progress) -> None:
        raise ZeroDivisionError

    try:
        device = Device(tmp_path / "state", fleet.trust, write_bundle(tmp_path, 1))
        device.updater = device.new_updater(fleet.trust, report=broken, on_end=ended.set)
        with device:
            device.updater.desired(fleet.signed(fleet.assignment(write_bundle(tmp_path, 2))))
            assert ended.wait(PATIENCE_S)
        assert device.updater.broken
        assert raised == [ZeroDivisionError]
    finally:
        threading.excepthook = hook


def test_a_model_the_library_refuses_has_the_backends_cause() -> None:
    assert cause_of(ModelError("", where="", fix="")) == "backend"
