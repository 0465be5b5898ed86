"""Whether an attached Edge TPU can be used, and whether a model in a slot wants one that is not there.

libedgetpu is loaded in a child process, because a build for another era of the runtime crashes (google-coral/edgetpu
issue 812). A compiled model is known by the name of its one operator, as in `edge/backends/interpreter.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from devices.detect import Accelerator
from devices.doctor.case import Case
from devices.doctor.child import LIBEDGETPU
from devices.doctor.finding import Finding, bad, ok, warn
from devices.doctor.libraries import is_installed
from devices.doctor.permission import refusal
from devices.doctor.trial import try_library

COMPILED = b"edgetpu-custom-op"
_CHECK, _LIBRARY = "edge tpu", "libedgetpu"
_INSTALL = "Install libedgetpu1-std built for this runtime: github.com/feranick/libedgetpu/releases"
_RULES = {
    "usb": "Install libedgetpu1-std, whose udev rule gives the stick to the group plugdev, and plug it in again.",
    "pci": 'Give /dev/apex_0 to a group: echo \'SUBSYSTEM=="apex", MODE="0660", GROUP="apex"\' as a udev rule.',
}


def coral_findings(case: Case, *, deadline_s: float) -> Iterator[Finding]:
    """Nothing where no Edge TPU is attached and nothing wants one."""
    attached = case.machine.accelerators
    if attached:
        yield _access(case, attached[0])
        yield _library(attached[0], deadline_s)
    elif case.profile is not None and case.profile.accelerator == "edgetpu":
        what = f"none is attached, and this is meant to be a {case.profile.name}: models run on the CPU meanwhile"
        yield warn(_CHECK, what, "Plug the Coral device in; the doctor looks for 1a6e:089a, 18d1:9302, /dev/apex_*.")
    compiled = list(_compiled_models(case.state_dir)) if case.state_dir else []
    if compiled and not attached:
        what = f"{compiled[0]} is compiled for an Edge TPU, and none is attached: it cannot run at all"
        yield bad("slots", what, "Plug the Coral device in, or assign a bundle with the uncompiled model.")


def _access(case: Case, accelerator: Accelerator) -> Finding:
    path = _node(case, accelerator)
    if path is None:
        return ok(_CHECK, f"{accelerator.evidence}")
    try:
        group = refusal(case.tree.root / path)
    except OSError as problem:
        return bad(_CHECK, f"{accelerator.evidence}, but /{path}: {problem.strerror}", "Pass the device through.")
    if group is None:
        return ok(_CHECK, f"{accelerator.evidence}; /{path} may be opened")
    fix = f"Put the agent's user into the group: usermod -aG {group} USER" if group else _RULES[accelerator.bus]
    return bad(_CHECK, f"{accelerator.evidence}, but /{path} may not be opened by this user", fix)


def _node(case: Case, accelerator: Accelerator) -> str | None:
    """The file the library opens, without its leading slash; None where the kernel does not number the device."""
    if accelerator.bus == "pci":
        return accelerator.evidence.strip("/")
    folder = accelerator.evidence.split(" ")[0].strip("/")
    bus, device = case.tree.text(f"{folder}/busnum"), case.tree.text(f"{folder}/devnum")
    return f"dev/bus/usb/{int(bus):03}/{int(device):03}" if bus.isdigit() and device.isdigit() else None


def _library(accelerator: Accelerator, deadline_s: float) -> Finding:
    module = next((name for name in ("ai_edge_litert", "tflite_runtime") if is_installed(name)), None)
    if module is None:
        return bad(_LIBRARY, "no TFLite library is installed that could load it", "pip install ai-edge-litert")
    outcome = try_library(_LIBRARY, f"{module}:{accelerator.bus}", deadline_s=deadline_s)
    if not outcome.failure:
        return ok(_LIBRARY, f"{module} loads {LIBEDGETPU}")
    what = f"an Edge TPU is attached, and {module} cannot load {LIBEDGETPU}: {outcome.failure}"
    return bad(_LIBRARY, what, _INSTALL)


def _compiled_models(state_dir: Path) -> Iterator[Path]:
    """Models in slots (`STATE/slots/DIGEST/`, see `edge/slots.py`) that edgetpu_compiler made."""
    return filter(_is_compiled, sorted((state_dir / "slots").glob("*/*.tflite")))


def _is_compiled(path: Path) -> bool:
    try:
        return COMPILED in path.read_bytes()
    except OSError:  # a slot on its way out, or another user's: the agent will say so
        return False
