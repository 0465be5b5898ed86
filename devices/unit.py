"""The systemd service and the udev rules of one kind of device, from the templates in `devices/install/`.

What can only be known on the device (which groups it has) is filled in by `install.sh`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from devices.profiles import Profile

CONFIG_FOLDER = "/opt/edgeferry/current/config"
_SHARE = 0.6
"""Of the profile's memory: a Raspberry Pi Zero 2 W shows 416 of its 512 MiB, and the camera takes its part of them."""
_DEVICES = ("char-video4linux", "char-media", "char-dma_heap", "char-drm", "char-vchiq", "char-usb_device")
_EDGE_TPU = ("char-apex",)


def service_unit(profile: Profile, credentials: Sequence[str]) -> bytes:
    """`edgeferry-agent.service`; `credentials` are the names of the files in `config/` it is handed."""
    filled = {
        "@CREDENTIALS@": "\n".join(f"LoadCredential={name}:{CONFIG_FOLDER}/{name}" for name in credentials),
        "@MEMORY_MAX@": f"{int(profile.memory_mib * _SHARE)}M",
        "@DEVICES@": _devices(profile),
    }
    text = _template("edgeferry-agent.service")
    for place, value in filled.items():
        text = text.replace(place, value)
    return text.encode()


def udev_rules(profile: Profile) -> bytes | None:
    """Who may use the accelerator; None where it needs no rule."""
    return _template("edgetpu.rules").encode() if profile.accelerator == "edgetpu" else None


def _devices(profile: Profile) -> str:
    if profile.accelerator == "cuda":
        return "# Every device: CUDA opens a dozen whose names differ from release to release."
    names = _DEVICES + (_EDGE_TPU if profile.accelerator == "edgetpu" else ())
    return "\n".join(["DevicePolicy=closed", *(f"DeviceAllow={name} rw" for name in names)])


def _template(name: str) -> str:
    return (resources.files("devices") / "install" / name).read_text()
