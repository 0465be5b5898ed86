"""`device.toml` from the disk: parsed by the contract, its relative paths made absolute.

Relative means relative to the file, so that a state folder can be moved and a unit file needs no working directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from contract.device import Broker, Camera, DeviceConfig, Trust, parse_device_config
from contract.errors import ConfigError

_Path = TypeVar("_Path", str, "str | None")


def read_device_file(path: Path) -> DeviceConfig:
    """The configuration in `path`; ConfigError where it is missing or wrong."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise ConfigError(
            f"the device's configuration cannot be read: {problem.strerror}",
            where=str(path),
            fix="Check the path; `edgeferry flash` writes such a file.",
        ) from problem
    return _anchored(parse_device_config(data, where=str(path)), path.resolve().parent)


def _anchored(config: DeviceConfig, folder: Path) -> DeviceConfig:
    def absolute(text: _Path) -> _Path:
        return text if text is None else str(folder / text)

    broker, trust, identity = config.broker, config.trust, config.identity
    return replace(
        config,
        state_dir=absolute(config.state_dir),
        bundle=absolute(config.bundle),
        broker=Broker(
            url=broker.url,
            username=broker.username,
            password_file=absolute(broker.password_file),
            ca_file=absolute(broker.ca_file),
            cert_file=absolute(broker.cert_file),
            key_file=absolute(broker.key_file),
        ),
        trust=Trust(
            publishers=tuple(map(absolute, trust.publishers)),
            fleet=tuple(map(absolute, trust.fleet)),
            root=absolute(trust.root),
        ),
        update=replace(config.update, ca_file=absolute(config.update.ca_file)),
        identity=identity and replace(identity, ca_file=absolute(identity.ca_file)),
        camera=tuple(_anchored_camera(camera, folder) for camera in config.cameras),
    )


def _anchored_camera(camera: Camera, folder: Path) -> Camera:
    """A source that is a picture, a folder or a video beside the file; any other text means itself."""
    beside = folder / camera.source
    source = str(beside) if beside.exists() else camera.source
    return replace(camera, source=source, scene=None if camera.scene is None else str(folder / camera.scene))
