"""A share of what `scripts/bench updates_power` tries in full: power cuts, refusing disks, and both twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from edge.durable import Disk
from tests.edge.file_server import FileServer
from tests.edge.power_cut.campaign import Campaign
from tests.edge.power_cut.device import UpdatedDevice
from tests.edge.power_cut.disks import RecordingDisk
from tests.edge.power_cut.medium import Medium, different, states_during
from tests.edge.power_cut.memory import folder_in_memory
from tests.edge.power_cut.verbs import Rename, Sync, write_tree
from tests.edge.tiny_bundle import MODEL

SEED = 25


@pytest.fixture
def place() -> Iterator[Path]:
    with folder_in_memory() as folder:
        yield folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    with FileServer(folder) as running:
        yield running


@pytest.fixture(params=["committed", "rolled back", "by delta"])
def campaign(request: pytest.FixtureRequest, server: FileServer, place: Path) -> Campaign:
    """Of an update that is committed, of one that is rolled back, and of one that comes as a delta."""
    device = UpdatedDevice(server, healthy=request.param != "rolled back", delta=request.param == "by delta")
    return Campaign(device, place, seed=SEED)


def test_a_device_comes_out_of_power_cuts_during_an_update(campaign: Campaign) -> None:
    cases = list(campaign.power_cuts())
    assert len(cases) > 500
    found = [finding for case in random.Random(SEED).sample(cases, 50) for finding in campaign.judge(case)]
    assert found == []


def test_a_device_comes_out_of_a_second_power_cut_while_it_recovers(campaign: Campaign) -> None:
    chance = random.Random(SEED)
    first = chance.sample(list(campaign.power_cuts()), 5)
    second = [case for one in first for case in campaign.second_cuts(one)]
    found = [finding for case in chance.sample(second, 20) for finding in campaign.judge(case)]
    assert found == []


def test_what_a_killed_agent_had_not_synced_is_synced_by_the_next(server: FileServer, place: Path) -> None:
    campaign = Campaign(UpdatedDevice(server), place, seed=SEED)
    named = [number for number, verb in enumerate(campaign.verbs, 1) if isinstance(verb, Rename)]
    slot = next(number for number in named if campaign.verbs[number - 1].path.startswith("slots/"))
    cases = random.Random(SEED).sample(list(campaign.late_cuts(slot)), 40)
    assert [finding for case in cases for finding in campaign.judge(case)] == []


def test_a_device_comes_out_of_disks_that_refuse(campaign: Campaign) -> None:
    faults = random.Random(SEED).sample(campaign.faults(), 4)
    assert [finding for fault, works in faults for finding in campaign.hinder(fault, works)] == []


def test_slots_whose_members_were_not_synced_would_be_found_out(server: FileServer, place: Path) -> None:
    campaign = Campaign(UpdatedDevice(server), place, seed=SEED)
    campaign.verbs = [verb for verb in campaign.verbs if not (isinstance(verb, Sync) and verb.path.endswith(MODEL))]
    cases = [case for case in campaign.power_cuts() if "Rename slots/.staging" in case.name]
    problems = {finding.problem for case in cases for finding in campaign.judge(case)}
    assert any(f"looks whole, and {MODEL} is not the signed one" in problem for problem in problems)


def test_a_record_that_was_not_synced_would_be_found_out(server: FileServer, place: Path) -> None:
    campaign = Campaign(UpdatedDevice(server), place, seed=SEED)
    campaign.verbs = [verb for verb in campaign.verbs if verb != Sync("update.json.new")]
    cases = islice(campaign.power_cuts(), 60)
    problems = {finding.problem for case in cases for finding in campaign.judge(case)}
    assert any("it does not start" in problem and "update.json" in problem for problem in problems)


def test_a_new_device_may_lose_power_while_its_first_bundle_is_installed(server: FileServer, place: Path) -> None:
    device, state = UpdatedDevice(server), place / "state"
    state.mkdir()
    disk = RecordingDisk(state)
    served = device.live(state, disk)
    assert served == (device.first, None)
    trees = different(tree for _, tree in states_during(Medium({}), disk.verbs))
    for number, tree in enumerate(trees):
        again = place / str(number)
        write_tree(tree, again)
        assert device.live(again, Disk()) == served
    assert number > 50
