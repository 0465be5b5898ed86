"""The base package as an Arm board runs it: real aarch64 wheels, and the doctor, under an emulated Cortex-A53.

The long form, with all processors and photographs, is `scripts/bench devices`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from contract.errors import DataError
from scripts.benchmarks._arm import PROCESSORS, ROOT, SCRIPT, Emulated, prepare
from scripts.benchmarks._arm_bundles import KINDS, photographs, write_bundle
from scripts.benchmarks._arm_planted import FAULTS, found_faults
from scripts.benchmarks.devices import answers_here, answers_there, steps_apart

OLDEST = PROCESSORS[0]


@pytest.fixture(scope="module")
def arm() -> Emulated:
    """A Raspberry Pi 3; made here in CI, and elsewhere where somebody asked for one before."""
    if not (ROOT / "bin").is_dir() and not os.environ.get("CI"):
        pytest.skip(f"no arm64 root: scripts/arm prepare makes one in {ROOT}")
    try:
        prepare()
    except DataError as problem:
        pytest.skip(str(problem))
    return Emulated(OLDEST)


def test_the_doctor_finds_a_board_where_everything_works(arm: Emulated) -> None:
    findings = arm.doctor()
    assert [finding for finding in findings.values() if finding[0] == "bad"] == []
    assert findings["profile"] == ("ok", "rpi3: /proc/device-tree/compatible says raspberrypi,3-model-b-plus")
    for library in ("numpy", "ai_edge_litert", "onnxruntime", "cv2"):
        assert findings[library][0] == "ok", findings[library]
        assert "answers rightly" in findings[library][1]


def test_the_doctor_finds_every_planted_fault(arm: Emulated, tmp_path: Path) -> None:
    assert found_faults(arm.processor, tmp_path, Path("none")) == set(FAULTS)


def test_the_projects_own_bundles_pass_their_golden_frames(
    arm: Emulated, digits_bundles: dict[str, Path], tmp_path: Path
) -> None:
    bundles = [digits_bundles[profile] for profile in ("rpi4", "jetson-orin-jp6")]
    there = answers_there(arm.processor, tmp_path / "there", bundles, [])
    assert {name: found["golden"].item() for name, found in there.items()} == {path.stem: "" for path in bundles}


def test_the_same_bundles_give_the_same_classes_and_nearly_the_same_numbers(
    arm: Emulated, shared_data: Path, tmp_path: Path
) -> None:
    bundles = [write_bundle(shared_data, kind, tmp_path) for kind in KINDS[:2]]
    pictures = photographs(shared_data)[1:3]
    here = answers_here(tmp_path / "here", bundles, pictures)
    there = answers_there(arm.processor, tmp_path / "there", bundles, pictures)
    for kind, known in here.items():
        assert there[kind]["golden"].item() == ""
        assert np.array_equal(there[kind]["pixels"], known["pixels"])
        assert np.array_equal(there[kind]["answers"].argmax(axis=1), known["answers"].argmax(axis=1))
        assert steps_apart(known, there[kind]) <= 1


def test_differences_are_counted_in_steps_of_the_output() -> None:
    whole = {"answers": np.array([[3, 200], [9, 0]], np.uint8)}
    assert steps_apart(whole, {"answers": np.array([[3, 198], [9, 1]], np.uint8)}) == 2
    real = {"answers": np.array([[0.0, 0.25], [0.5, 4.0]], np.float32)}
    assert steps_apart(real, {"answers": real["answers"] + np.float32(0.75)}) == 3


def test_the_script_is_sound_and_says_what_it_wants() -> None:
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", SCRIPT], check=True)
    for arguments, code in (([], 2), (["run", OLDEST, "ls"], 2), (["run", "cortex-m0", "python"], 3)):
        done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert "scripts/arm" in done.stderr
