"""`scene.toml` from the disk: parsed by the contract, its folder made absolute."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from contract.errors import ConfigError
from contract.scene import Scene, parse_scene


def read_scene(path: Path) -> Scene:
    """The scene in `path`, `keep.folder` relative to the file; ConfigError where it is missing or wrong."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise ConfigError(
            f"the scene cannot be read: {problem.strerror}",
            where=str(path),
            fix="Check the path; docs/scene.md shows such a file.",
        ) from problem
    scene = parse_scene(data, where=str(path))
    if scene.keep is None:
        return scene
    return replace(scene, keep=replace(scene.keep, folder=str(path.resolve().parent / scene.keep.folder)))
