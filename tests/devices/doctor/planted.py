"""Broken packages, planted where Python looks first, and cases of boards to judge them by."""

from __future__ import annotations

from pathlib import Path

from contract.device import DeviceConfig, parse_device_config
from devices.detect import detect
from devices.doctor.case import Case
from devices.profiles import load_profile
from devices.tree import Tree
from tests.conftest import ROOT

BOARDS = ROOT / "tests" / "data" / "boards"
DYING = "import os, signal\nos.kill(os.getpid(), signal.{})\n"
CRASHING = "import ctypes\nctypes.string_at(0)\n"
HANGING = "import time\ntime.sleep(600)\n"
REFUSING = "raise ImportError('libcudart.so.12: cannot open shared object file')\n"
LEAVING = "import sys\nsys.exit(0)\n"
ANSWERING = """
import numpy
class SessionOptions: pass
class InferenceSession:
    def __init__(self, model, options, providers): assert open(model, 'rb').read(), options
    def run(self, names, inputs): return (numpy.full((1, 1, 1, 1), {}, numpy.float32),)
"""
OF_NUMPY_1 = """
class Interpreter:
    def __init__(self, model_path, num_threads):
        raise SystemError('initialization of _pywrap_tensorflow_interpreter_wrapper raised unreported exception')
"""


def plant(folder: Path, module: str, body: str, *, package: str = "", version: str = "", submodule: str = "") -> Path:
    """A package `module` in `folder`, with a record of its version if one is given."""
    (folder / module).mkdir(parents=True)
    (folder / module / "__init__.py").write_text("" if submodule else body)
    if submodule:
        (folder / module / f"{submodule}.py").write_text(body)
    if version:
        record(folder, package or module, version)
    return folder


def record(folder: Path, package: str, version: str) -> None:
    """What pip leaves beside an installed package."""
    info = folder / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")


def case_of(board: str | Path, *, config: DeviceConfig | None = None, folder: Path = ROOT) -> Case:
    """A recorded board, or the tree at a path, and optionally a configuration for it."""
    root = BOARDS / board
    machine = detect(root)
    profile = config.profile if config else machine.profile
    return Case(
        machine=machine,
        profile=load_profile(profile) if profile else None,
        board=load_profile(machine.board) if machine.board else None,
        config=config,
        folder=folder,
        tree=Tree(root),
    )


def settings(*, profile: str = "rpi4", source: str = "synthetic:", broker: str = 'url = "mqtt://localhost"') -> str:
    """A `device.toml`."""
    return f"""
fleet = "toys"
device = "cam-1"
profile = "{profile}"
state_dir = "state"
[broker]
{broker}
[trust]
publishers = ["publisher.pub"]
[camera]
source = "{source}"
"""


def configured(folder: Path, board: str | Path = "rpi4", **changes: str) -> Case:
    """A board with that configuration, whose files lie in `folder`."""
    config = parse_device_config(settings(**changes).encode(), where="device.toml")
    return case_of(board, config=config, folder=folder)
