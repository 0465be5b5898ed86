"""A share of what `scripts/bench updates_power` tries in full: power cuts, refusing disks, and both twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.durable import Disk
from tests.edge.file_server import FileServer
from tests.edge.power_cut.campaign import Campaign
from tests.edge.power_cut.device import UpdatedDevice
from tests.edge.power_cut.disks import RecordingDisk
from tests.edge.power_cut.medium import states_during
from tests.edge.power_cut.verbs import Sync, write_tree

SEED = 25


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    with FileServer(folder) as running:
        yield running


@pytest.fixture(params=["healthy", "unhealthy"])
def campaign(request: pytest.FixtureRequest, server: FileServer, tmp_path: Path) -> Campaign:
    """Of an update that is committed, and of one that is rolled back."""
    return Campaign(UpdatedDevice(server, healthy=request.param == "healthy"), tmp_path)


def test_a_device_comes_out_of_power_cuts_during_an_update(campaign: Campaign) -> None:
    cases = list(campaign.power_cuts())
    assert len(cases) > 500
    found = [finding for case in random.Random(SEED).sample(cases, 100) for finding in campaign.judge(case)]
    assert found == []


def test_a_device_comes_out_of_a_second_power_cut_while_it_recovers(campaign: Campaign) -> None:
    chance = random.Random(SEED)
    first = chance.sample(list(campaign.power_cuts()), 8)
    second = [case for one in first for case in campaign.second_cuts(one)]
    found = [finding for case in chance.sample(second, 40) for finding in campaign.judge(case)]
    assert found == []


def test_a_device_comes_out_of_disks_that_refuse(campaign: Campaign) -> None:
    faults = random.Random(SEED).sample(campaign.faults(), 6)
    assert [finding for fault, works in faults for finding in campaign.hinder(fault, works)] == []


def test_without_its_syncs_the_same_update_would_not_survive(server: FileServer, tmp_path: Path) -> None:
    campaign = Campaign(UpdatedDevice(server), tmp_path)
    campaign.verbs = [verb for verb in campaign.verbs if not isinstance(verb, Sync) or verb.path == "."]
    problems = {finding.problem for case in campaign.power_cuts() for finding in campaign.judge(case)}
    assert any("it does not start" in problem for problem in problems)
    assert any("looks whole, and model.onnx is not the signed one" in problem for problem in problems)


def test_a_new_device_may_lose_power_while_its_first_bundle_is_installed(server: FileServer, tmp_path: Path) -> None:
    device, state = UpdatedDevice(server), tmp_path / "state"
    state.mkdir()
    disk = RecordingDisk(state)
    served = device.live(state, disk)
    assert served == (device.first, None)
    trees = {frozenset(tree.items()): tree for _, tree in states_during({}, disk.verbs)}.values()
    for number, tree in enumerate(trees):
        again = tmp_path / str(number)
        write_tree(tree, again)
        assert device.live(again, Disk()) == served
    assert number > 50
