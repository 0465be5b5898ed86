"""A camera whose pictures are no longer like the training's keeps some of them for a person's label."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from tests.conftest import edgeferry

FRAMES = 60
"""One a second of the clip's time; a window of fifty is judged, and the rest are met by a lit lamp."""


def test_a_lit_drift_lamp_keeps_pictures(digits_bundles: dict[str, Path], tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    clip = cv2.VideoWriter(str(tmp_path / "fog.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 1.0, (64, 64))
    for _ in range(FRAMES):
        clip.write(chance.integers(120, 136, (64, 64, 3), np.uint8))
    clip.release()
    (tmp_path / "scene.toml").write_text("[keep]\nclips = false\ndrifted_per_hour = 3600\n")
    bundle, source = digits_bundles["rpi4"], tmp_path / "fog.avi"
    edgeferry("run", bundle, "--source", source, "--scene", tmp_path / "scene.toml")
    kept = sorted(path.name for path in (tmp_path / "kept").glob("*_drifted_*.jpg"))
    assert kept
    assert min(int(name.rpartition("_")[2].removesuffix(".jpg")) for name in kept) >= 50
