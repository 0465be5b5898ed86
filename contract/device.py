"""What a device is told when it is set up: `device.toml`, written by provisioning, read by the agent.

Read strictly: an unknown key is an error with its line. Relative paths are relative to the file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contract.codec import from_toml
from contract.errors import ConfigError
from contract.topics import checked_name


class Broker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where telemetry goes."""

    url: str
    """`mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`."""
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class Trust(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose word counts here: files with Ed25519 public keys (PEM)."""

    publishers: tuple[str, ...] = ()
    """May sign bundles."""
    fleet: tuple[str, ...] = ()
    """May sign assignments."""
    root: str | None = None
    """The update repository's `root.json` (TUF): nothing is installed that the repository does not vouch for."""


class Camera(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the device looks at."""

    source: str
    """As for `edgeferry run --source`."""
    name: str = "camera"
    frames_per_s: Annotated[float, Meta(gt=0)] | None = None
    """At most this many inferences a second; None for as many as come."""
    policy: Literal["latest", "every"] | None = None
    """Which frames are answered; None for `latest` of cameras and `every` of files."""
    scene: str | None = None
    """A `scene.toml`: what to look for in this camera's view."""


class Inference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the model is run."""

    threads: Annotated[int, Meta(ge=1, le=256)] | None = None
    """None for what a short measurement finds best, once a model."""
    device: str = "auto"
    """As for `edgeferry run --device`."""
    isolate: bool = True
    """In a process of its own, so that a crash or a hang of the library costs a second and not the agent."""
    memory_limit_mib: Annotated[int, Meta(ge=32)] | None = None
    """Of that process; beyond it, it is replaced between two frames."""
    process_limit_mib: Annotated[int, Meta(ge=64)] | None = None
    """Of the process that reads the cameras and holds everything else of the loop; beyond it, it is replaced."""
    max_temperature_c: Annotated[float, Meta(gt=0, le=150)] | None = None
    """Work is reduced to stay under it; None for what the kernel says, or 80."""


class Telemetry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sent, and how often."""

    every_s: Annotated[float, Meta(gt=0)] = 5.0
    events: Literal["none", "changes", "all"] = "changes"
    """Results sent one by one: none, only when the first answer changes, or every one."""
    outbox_mib: Annotated[int, Meta(ge=1)] = 64
    outbox_days: Annotated[float, Meta(gt=0)] | None = None
    """Readings and events nobody took for so long are given up, and counted; an update's outcome never is."""


class Update(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What updates may cost this device."""

    slots_mib: Annotated[int, Meta(ge=1)] = 1024
    """All installed bundles together."""
    month_mib: Annotated[int, Meta(ge=1)] | None = None
    """Fetched in one calendar month, UTC; None for no limit."""
    ca_file: str | None = None
    """Certificate authorities of the server that bundles come from; None for the system's."""


class Identity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let this device get its certificate from the fleet's server and renew it by itself.

    Key and certificate lie in `state_dir/identity`; the broker's `cert_file`, `key_file` and `ca_file` need not be set.
    """

    server: str
    """`https://HOST[:PORT]`, or `http://`: what is asked and answered proves itself."""
    ca_file: str | None = None
    """Certificate authorities of that server, for https; None for the system's."""
    claim: str | None = None
    """A one-time claim code, used as long as there is no certificate."""


class Pictures(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of the pictures that scenes keep."""

    share: bool = False
    """Whether the fleet's operators may look at them: one is sent when somebody asks for it, and never unasked."""


class HomeAssistant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Announce this device to Home Assistant (home-assistant.io/integrations/mqtt, device discovery)."""

    prefix: str = "homeassistant"
    """Where Home Assistant looks for announcements."""


class DeviceConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `device.toml`."""

    fleet: str
    device: str
    profile: str
    state_dir: str
    """Slots, outbox and everything else that must survive a restart."""
    broker: Broker
    trust: Trust
    camera: Camera | Annotated[tuple[Camera, ...], Meta(min_length=1)]
    """One, or several as `[[camera]]`, which share the model."""
    inference: Inference = Inference()
    telemetry: Telemetry = Telemetry()
    update: Update = Update()
    identity: Identity | None = None
    """None where certificates, if any, are put there by hand."""
    pictures: Pictures = Pictures()
    home_assistant: HomeAssistant | None = None
    """None for no announcement."""
    site: str = ""
    tags: dict[str, str] = {}
    bundle: str | None = None
    """Installed when no slot is filled yet; signed by a publisher like any other."""

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """All of them."""
        return self.camera if isinstance(self.camera, tuple) else (self.camera,)


def parse_device_config(data: bytes, *, where: str) -> DeviceConfig:
    """The configuration in `data`, or ConfigError naming the key and its line."""
    config = from_toml(data, DeviceConfig, where=where, error=ConfigError)
    checked_name(config.fleet, what="fleet")
    checked_name(config.device, what="device")
    names = [camera.name for camera in config.cameras]
    if len(set(names)) < len(names):
        raise ConfigError(
            "two cameras have one name, and results could not be told apart",
            where=f"{where}, camera",
            fix="Give each [[camera]] a name of its own.",
        )
    return config
