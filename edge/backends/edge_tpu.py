"""The Edge TPU (Coral USB and PCIe) by libedgetpu's delegate, or the model's uncompiled twin on the CPU, said aloud.

Written from Coral's published interface (`load_delegate("libedgetpu.so.1", {"device": "usb:0"})`, google-coral/pycoral
`utils/edgetpu.py`; USB ids from libedgetpu's udev rules) and tried with stand-ins for the shared object and for
`/sys`; no Edge TPU was at hand. One process at a time can hold one Edge TPU.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from contract.errors import BackendError
from edge.backends import probe
from edge.backends.device import Device
from edge.backends.interpreter import (
    ExternalDelegate,
    InterpreterBackend,
    TfliteLibrary,
    is_compiled,
    open_model,
)
from edge.backends.state import Fallback

LIBEDGETPU = "libedgetpu.so.1"
PROBE_DEADLINE_S = 30.0
"""The first contact loads firmware over USB and the device comes back under another id, which takes seconds."""
_USB_IDS = (("1a6e", "089a"), ("18d1", "9302"))
"""Before the firmware is loaded, and after."""
_INSTALL = "Install a libedgetpu built for this runtime (github.com/feranick/libedgetpu)"
_COMPILE = "Compile the model with edgetpu_compiler on x86-64 Debian, or choose the device cpu."


def attached(root: Path = Path("/")) -> tuple[str, ...]:
    """Edge TPUs this machine has, as device words: `usb:0`, `usb:1`, `pci:0`; `root` is where /sys and /dev are."""
    folders = (root / "sys/bus/usb/devices").glob("*")
    usb = [folder for folder in folders if (_read(folder / "idVendor"), _read(folder / "idProduct")) in _USB_IDS]
    pci = list((root / "dev").glob("apex_[0-9]*"))
    return tuple([f"usb:{n}" for n in range(len(usb))] + [f"pci:{n}" for n in range(len(pci))])


def open_edge_tpu(
    library: TfliteLibrary,
    model: bytes | Path,
    *,
    device: Device,
    threads: int,
    twin: bytes | Path | None = None,
    root: Path = Path("/"),
    shared_object: str = LIBEDGETPU,
    deadline_s: float = PROBE_DEADLINE_S,
) -> InterpreterBackend:
    """`model` on the Edge TPU; where that cannot be, its `twin` on the CPU with the reason in `fallback`.

    An uncompiled model is its own twin. A compiled one without a twin raises BackendError.
    """
    if not is_compiled(model):
        uncompiled = _fallback(device, "the model is not compiled for the Edge TPU", _COMPILE)
        return open_model(library, model, threads=threads, fallback=uncompiled)
    chosen = _chosen(device, attached(root))
    if isinstance(chosen, str):
        delegate = ExternalDelegate(shared_object, chosen)
        refused = _probed(library, model, delegate, device, deadline_s)
        if refused is None:
            return open_model(library, model, threads=threads, delegate=delegate)
        problem = refused
    else:
        problem = chosen
    if twin is None:
        raise BackendError(
            f"the model was compiled for the Edge TPU, and {problem.cause}",
            where="the model" if isinstance(model, bytes) else str(model),
            fix=f"{problem.fix} Or use the uncompiled twin of this model.",
        )
    return open_model(library, twin, threads=threads, fallback=problem)


def _chosen(device: Device, there: tuple[str, ...]) -> str | Fallback:
    """The word of the device that will be asked; without a wish, the first there is."""
    for word in there:
        if device.kind == "auto" or word == str(device) or (device.number is None and word.startswith(device.kind)):
            return word
    seen = f"only {', '.join(there)} is there" if there else "no Edge TPU is attached"
    return _fallback(device, seen, "Attach the Coral device and install libedgetpu.")


def _probed(
    library: TfliteLibrary, model: bytes | Path, delegate: ExternalDelegate, device: Device, deadline_s: float
) -> Fallback | None:
    """A whole load and one inference in a child: an ill-fitting delegate may crash as late as that."""
    argument = msgspec.json.encode((library.interpreter.__module__, *delegate)).decode()
    data = model if isinstance(model, bytes) else model.read_bytes()
    reason = probe.why_not("edge.backends.edge_tpu:try_delegate", argument, data, deadline_s=deadline_s)
    if reason is None:
        return None
    cause = f"the Edge TPU's delegate cannot be loaded: {reason}"
    return _fallback(device, cause, f"{_INSTALL}, and check the udev rule for the group plugdev.")


def try_delegate(argument: str, model: bytes) -> None:
    """What the child does; `argument` is JSON: the interpreter's module, the shared object, the device."""
    import importlib

    module, *delegate = msgspec.json.decode(argument, type=tuple[str, str, str])
    found = importlib.import_module(module)
    library = TfliteLibrary("tried", "", found.Interpreter, found.load_delegate)
    open_model(library, model, threads=1, delegate=ExternalDelegate(*delegate)).infer({})


def _fallback(device: Device, cause: str, fix: str) -> Fallback:
    wanted = "an Edge TPU" if device.kind == "auto" else f"the Edge TPU {device}"
    return Fallback(wanted=wanted, got="the CPU", cause=cause, fix=fix)


def _read(path: Path) -> str:
    """A line of /sys; empty where it has none, or where the device is going away."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
