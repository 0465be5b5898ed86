"""A device's cameras and their scenes."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from contract.device import Camera
from edge.cameras import Cameras
from edge.lookout import Lookout
from tests.edge.tiny_bundle import device_config


def test_each_scene_hears_of_its_own_cameras_drift(tmp_path: Path) -> None:
    scene = tmp_path / "scene.toml"
    scene.write_text("[keep]\nclips = false\ndrifted_per_hour = 1\n")
    watched = tuple(Camera(source="synthetic:", name=name, scene=str(scene)) for name in ("door", "yard"))
    config = replace(device_config(tmp_path), camera=(*watched, Camera(source="synthetic:", name="plain")))
    cameras = Cameras(config)
    cameras.tell_drift(lambda name: name == "door")
    lookouts = [camera.watcher for camera in cameras.cameras if isinstance(camera.watcher, Lookout)]
    assert [lookout.drifted() for lookout in lookouts] == [True, False]
    cameras.close()
    for source in cameras.sources.values():
        source.close()
