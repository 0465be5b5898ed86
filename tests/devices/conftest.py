"""What the tests of flashing share: a publisher with a bundle, settings, and devices to log in to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.keys import load_signer, make_key
from devices.payload import Payload, build_payload
from devices.settings import Settings, anchored, settings_from
from tests.devices import small_agent
from tests.devices.folder_device import Device
from tests.devices.ssh_device import SshDevice, why_not
from tests.edge.tiny_bundle import PROFILE, write_bundle


class Desk:
    """Whoever flashes: keys, a signed bundle, a wheelhouse, and settings that fit them."""

    def __init__(self, folder: Path, wheelhouse: Path) -> None:
        self.folder = folder
        for name in ("publisher", "fleet"):
            make_key(folder / name)
        self.bundle = write_bundle(folder, 1, signer=load_signer(folder / "publisher"))
        self.values: dict[str, Any] = {
            "device_id": "cam-1",
            "profile": PROFILE,
            "broker": "mqtt://broker.example",
            "camera": "synthetic:?size=32x24&fps=20",
            "publishers": ["publisher.pub"],
            "fleet_keys": ["fleet.pub"],
            "wheelhouse": str(wheelhouse),
            "extras": [],
        }

    def settings(self, **changed: Any) -> Settings:
        """They, with some changed."""
        return settings_from(anchored({**self.values, **changed}, self.folder), where="test")

    def payload(self, **changed: Any) -> Payload:
        """For these settings."""
        return build_payload(self.settings(**changed), self.bundle)


def unpack(payload: Payload, folder: Path) -> Path:
    """The payload as files, as a card or a connection brings it."""
    for name, file in payload.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(file.chunks()))
        path.chmod(file.mode)
    return folder


@pytest.fixture(scope="session")
def small_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of the small agent."""
    return small_agent.fill(tmp_path_factory.mktemp("small") / "wheels")


@pytest.fixture(scope="session")
def small_venvs(tmp_path_factory: pytest.TempPathFactory, small_wheels: Path) -> Path:
    """The environment `install.sh` makes of them, for devices that shall have it already."""
    folder = tmp_path_factory.mktemp("venvs")
    desk, device = Desk(folder, small_wheels), Device(folder / "device")
    device.install(unpack(desk.payload(), folder / "payload"))
    return device.opt / "venvs"


@pytest.fixture
def desk(tmp_path: Path, small_wheels: Path) -> Desk:
    """One with the small agent's wheels."""
    folder = tmp_path / "desk"
    folder.mkdir()
    return Desk(folder, small_wheels)


NewDevice = Callable[..., SshDevice]


@pytest.fixture
def new_ssh_device(tmp_path: Path, small_venvs: Path) -> Iterator[NewDevice]:
    """Makes running devices that have the small agent's environment already; takes what `SshDevice` does."""
    if reason := why_not():
        pytest.skip(reason)
    made: list[SshDevice] = []

    def new(**given: Any) -> SshDevice:
        folder = tmp_path / f"device-{len(made) + 1}"
        folder.mkdir()
        made.append(SshDevice(folder, **{"venvs": small_venvs, **given}))
        made[-1].start()
        return made[-1]

    yield new
    for device in made:
        device.stop()
