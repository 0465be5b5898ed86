"""The wheel as a device gets it: every room is ours, importable in isolation, and light."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_layers import KEPT_OFF_DEVICES, ROOMS

LIMIT_MB = 400
"""Of the whole environment with `[camera]`, interpreter links and pip left out."""
IMPORT_ROOM = """
import importlib, json, sys
room = importlib.import_module({room!r})
print(json.dumps({{"file": room.__file__, "modules": sorted({{name.split(".")[0] for name in sys.modules}})}}))
"""


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and `[camera]` at the locked versions, and nothing else."""
    folder = tmp_path_factory.mktemp("device")
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", folder / "dist", ROOT], check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv/bin/python"
    constraints = folder / "constraints.txt"
    lines = (ROOT / "requirements/dev.lock").read_text().splitlines()
    constraints.write_text("\n".join(line.rstrip("\\ ") for line in lines if line[:1].isalnum()))
    install = [uv, "pip", "install", "--quiet", "--python", python, "--constraint", constraints, f"{wheel}[camera]"]
    subprocess.run(install, check=True)
    return python


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_imports_from_the_wheel_and_pulls_in_nothing_heavy(device: Path, room: str, tmp_path: Path) -> None:
    code = IMPORT_ROOM.format(room=room)
    done = subprocess.run([device, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    answer = json.loads(done.stdout)
    assert Path(answer["file"]).is_relative_to(device.parent.parent), "somebody else's package of that name"
    assert not set(answer["modules"]) & (KEPT_OFF_DEVICES | {"cv2", "numpy", "paho"})


def test_the_device_environment_is_small_and_holds_nothing_by_accident(device: Path) -> None:
    site = next((device.parent.parent / "lib").glob("python*/site-packages"))
    size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file())
    assert size < LIMIT_MB * 1_000_000
    uv = Path(sys.executable).with_name("uv")
    listed = subprocess.run(
        [uv, "pip", "list", "--format", "json", "--python", device], capture_output=True, check=True
    )
    names = {package["name"] for package in json.loads(listed.stdout)}
    assert names <= {
        "edgeferry",
        *("click", "cryptography", "cffi", "pycparser", "msgspec", "numpy", "opencv-python-headless", "paho-mqtt"),
        # Update metadata and deltas:
        *("tuf", "securesystemslib", "urllib3", "zstandard"),
        # What LiteRT asks for:
        *("ai-edge-litert", "backports-strenum", "flatbuffers", "ml-dtypes", "protobuf", "tqdm", "typing-extensions"),
    }


def test_the_installed_command_runs_a_tflite_bundle_on_pictures_and_a_video(
    device: Path, digits_bundles: dict[str, Path], tmp_path: Path
) -> None:
    draw = (
        "import cv2, numpy as np, sys, pathlib\n"
        "p = pathlib.Path(sys.argv[1]); (p / 'pictures').mkdir()\n"
        "video = cv2.VideoWriter(str(p / 'clip.avi'), cv2.VideoWriter.fourcc(*'MJPG'), 10, (64, 64))\n"
        "for n in range(5):\n"
        "    frame = np.full((64, 64, 3), 40 * n, np.uint8)\n"
        "    cv2.imwrite(str(p / 'pictures' / f'{n}.png'), frame); video.write(frame)\n"
        "video.release()\n"
    )
    subprocess.run([device, "-I", "-c", draw, tmp_path], check=True)
    command = device.with_name("edgeferry")
    for source in ("pictures", "clip.avi"):
        run = [command, "run", digits_bundles["rpi4"], "--source", tmp_path / source, "--results", "-"]
        done = subprocess.run(run, capture_output=True, text=True, check=True)
        results = [json.loads(line) for line in done.stdout.splitlines()]
        assert [result["frame"] for result in results] == [0, 1, 2, 3, 4] or source == "pictures"
        assert len(results) == 5
        assert all(result["classes"][0]["label"] in "0123456789" for result in results)
