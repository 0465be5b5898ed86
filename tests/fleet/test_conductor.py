"""Rollouts over a real broker: what devices are told, and when."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract import dsse
from contract.errors import ConfigError
from contract.messages import DeltaOffer, decode_assignment
from contract.moments import unix_s
from devices.keys import development_signer
from fleet import rollouts
from fleet.answers import HealthLimits, Rollout, RolloutOrder
from fleet.conductor import Conductor
from fleet.readings import overview
from fleet.repository import Repository
from fleet.store import Store
from tests.broker import Broker
from tests.fleet.conftest import Collecting
from tests.fleet.parcel import bundle_bytes, delta_bytes
from tests.fleet.server_process import eventually
from tests.fleet.simulated import DIGEST, FLEET, SimulatedDevice
from tests.fleet.test_rollouts import Yard

BASE = "http://fleet.example:8080"


@pytest.fixture
def devices(broker: Broker, store: Store, collecting: Collecting) -> Iterator[tuple[SimulatedDevice, SimulatedDevice]]:
    assert collecting.link.connected
    pair = (SimulatedDevice(broker.port, "cam-1"), SimulatedDevice(broker.port, "cam-2"))
    assert eventually(lambda: known(store) == 2)
    yield pair
    for device in pair:
        device.stop()


@pytest.fixture
def conductor(tmp_path: Path, store: Store, collecting: Collecting) -> Iterator[Conductor]:
    repository = Repository(tmp_path / "repository", store, None)
    with repository.incoming() as (file, path):
        file.write(bundle_bytes("rpi4"))
        file.flush()
        repository.adopt(path, where="test")
    running = Conductor(FLEET, store, development_signer(), collecting.link.publish, BASE)
    collecting.collector.on_commit = running.wake
    collecting.link.on_connected = running.tell_again
    running.start()
    yield running
    running.close()


@pytest.fixture
def yard(tmp_path: Path, either_store: Store) -> Yard:
    return Yard(tmp_path, either_store)


@pytest.fixture
def said() -> list[tuple[str, bytes]]:
    """Topics and payloads a conductor without a broker published."""
    return []


@pytest.fixture
def quiet(yard: Yard, said: list[tuple[str, bytes]]) -> Conductor:
    """Moves only when it is told to, by the yard's clock."""

    def publish(topic: str, payload: bytes, *, retain: bool) -> None:
        assert retain
        said.append((topic, payload))

    return Conductor(FLEET, yard.store, development_signer(), publish, BASE, clock=lambda: yard.now_s)


def known(store: Store) -> int:
    with store.reading() as connection:
        return sum(bool(device.profile) for device in overview(connection))


def show(store: Store, rollout: int) -> Rollout:
    with store.reading() as connection:
        return rollouts.show(connection, rollout)


def test_a_good_release_reaches_everybody_wave_by_wave(
    devices: tuple[SimulatedDevice, SimulatedDevice], store: Store, conductor: Conductor
) -> None:
    first, second = devices
    limits = HealthLimits(min_mean_confidence=0.6, health_frames=20)
    made = conductor.create(RolloutOrder(release="digits@2", limits=limits))
    told = first.told()
    assert (told.device, told.name, told.version, told.limits) == ("cam-1", "digits", 2, limits.for_device())
    assert told.url == f"{BASE}/bundles/{told.digest.removeprefix('sha256:')}.bundle"
    assert told.size_bytes == len(bundle_bytes("rpi4"))
    assert (told.delta, told.whole_if_delta_fails, told.budget_bytes) == (None, False, None)
    for state in ("downloading", "shadowing"):
        first.report(told, state)
        assert eventually(lambda state=state: show(store, made.id).devices[0].state == state)
    with pytest.raises(queue.Empty):
        second.told(timeout_s=1.5)
    first.report(told, "committed")
    second.report(second.told(), "committed")
    assert eventually(lambda: show(store, made.id).state == "done")
    with store.reading() as connection:
        assert {device.model for device in overview(connection)} == {"digits@2"}


def test_a_device_is_offered_a_delta_and_told_what_it_may_cost(
    tmp_path: Path, broker: Broker, store: Store, conductor: Conductor
) -> None:
    bundle = bundle_bytes("rpi4")
    data = delta_bytes(DIGEST, bundle)
    repository = Repository(tmp_path / "repository", store, None)
    with repository.incoming() as (file, path):
        file.write(data)
        file.flush()
        delta = repository.adopt_delta(path, where="test").digest
    holder = SimulatedDevice(broker.port, "cam-9", holds=(DIGEST,))
    assert eventually(lambda: known(store) == 1)
    made = conductor.create(RolloutOrder(release="digits@2", whole_if_delta_fails=True, budget_mib=0.5))
    told = holder.told()
    url = f"{BASE}/bundles/{delta.removeprefix('sha256:')}.delta"
    assert told.delta == DeltaOffer(base=DIGEST, digest=delta, size_bytes=len(data), url=url)
    assert (told.whole_if_delta_fails, told.budget_bytes, told.metadata_url) == (True, 512 * 1024, "")
    assert abs(unix_s(told.issued_at) - unix_s(made.created_at)) < 10
    broker.stop()
    broker.start()
    assert holder.told(timeout_s=20) == told
    assert show(store, made.id).devices[0].delta == delta
    holder.stop()


def test_a_bad_release_stops_at_the_first_device(
    devices: tuple[SimulatedDevice, SimulatedDevice], store: Store, conductor: Conductor
) -> None:
    first, second = devices
    made = conductor.create(RolloutOrder(release="digits@2"))
    first.report(first.told(), "refused", "golden", "frame 2 gave 7, expected 3")
    assert eventually(lambda: show(store, made.id).state == "halted")
    assert show(store, made.id).cause == "golden"
    with pytest.raises(queue.Empty):
        second.told(timeout_s=1.5)


def test_a_silent_device_stops_the_rollout_at_its_deadline(
    devices: tuple[SimulatedDevice, SimulatedDevice], store: Store, conductor: Conductor
) -> None:
    made = conductor.create(RolloutOrder(release="digits@2", deadline_minutes=0.02))
    told = devices[0].told()
    assert eventually(lambda: show(store, made.id).state == "halted")
    halted = show(store, made.id)
    assert halted.cause == "silence"
    assert halted.ended_at is not None
    assert unix_s(halted.ended_at) >= unix_s(told.deadline)


def test_a_stopped_rollout_takes_its_word_back(
    devices: tuple[SimulatedDevice, SimulatedDevice], conductor: Conductor
) -> None:
    made = conductor.create(RolloutOrder(release="digits@2"))
    devices[0].told()
    conductor.abort(made.id)
    assert devices[0].assignments.get(timeout=10) is None


def test_a_broker_that_forgot_is_told_again(
    broker: Broker, devices: tuple[SimulatedDevice, SimulatedDevice], conductor: Conductor
) -> None:
    conductor.create(RolloutOrder(release="digits@2"))
    told = devices[0].told()
    broker.stop()
    broker.start()
    assert devices[0].told(timeout_s=20).counter == told.counter


def test_what_a_device_was_told_last_is_what_it_is_told_again(
    yard: Yard, quiet: Conductor, said: list[tuple[str, bytes]]
) -> None:
    first = quiet.create(RolloutOrder(release="digits@2")).id
    quiet.tick()
    told = show(yard.store, first)
    quiet.abort(first)
    second = quiet.create(RolloutOrder(release="digits@2")).id
    quiet.tick()
    yard.report(told, "a", "downloading")  # late news of what was withdrawn
    assert show(yard.store, first).devices[0].state == "downloading"
    said.clear()
    quiet.tell_again()
    quiet.tick()
    ((topic, payload),) = said
    found = decode_assignment(dsse.payload_of(dsse.parse_envelope(payload, where=topic), where=topic), where=topic)
    assert (topic, found.counter) == (f"edgeferry/v1/{FLEET}/a/desired", show(yard.store, second).devices[0].counter)


def test_who_refuses_three_times_a_day_comes_into_the_penalty_box(yard: Yard, quiet: Conductor) -> None:
    order = RolloutOrder(release="digits@2", devices=("a",))
    for _ in range(3):
        rollout = quiet.create(order).id
        quiet.tick()
        yard.report(show(yard.store, rollout), "a", "refused", "disk")
        yard.now_s += 60
        quiet.tick()
    with pytest.raises(ConfigError, match="failed 3 updates within 24 hours"):
        quiet.create(order)
