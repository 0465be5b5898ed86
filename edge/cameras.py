"""A device's cameras as its configuration names them, opened, each with its scene."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from contract.device import Camera as CameraConfig
from contract.device import DeviceConfig
from edge.runtime import Camera
from edge.sources import Source, open_source

if TYPE_CHECKING:
    from edge.lookout import Lookout


class Cameras:
    """All of them."""

    def __init__(self, config: DeviceConfig, *, patient: bool = False) -> None:
        """What opening the scenes and sources raises.

        The only camera must be there, so that a wrong name is said, unless `patient`; one of several is waited for, and
        the others work.
        """
        patient = patient or len(config.cameras) > 1
        self.sources: dict[str, Source] = {}
        self._configured: list[tuple[str, Source]] = []
        self.cameras: list[Camera] = []
        self._lookouts: dict[str, Lookout] = {}
        for camera in config.cameras:
            lookout = _lookout(camera)
            source = open_source(camera.source, name=camera.name, patient=patient)
            self.sources[camera.name] = source
            self._configured.append((camera.source, source))
            if lookout is not None:
                self._lookouts[camera.name] = lookout
            self.cameras.append(
                Camera(source=source, watcher=lookout, policy=camera.policy, max_frames_per_s=camera.frames_per_s)
            )

    @property
    def live(self) -> bool:
        """Whether any of them should never end."""
        return any(source.live for source in self.sources.values())

    @property
    def away(self) -> bool:
        """Whether any is being waited for."""
        return any(getattr(source, "away", False) for source in self.sources.values())

    @property
    def where(self) -> str:
        """All of them as they were configured, except addresses, which may hold a password."""
        return ", ".join(source.name if "://" in text else text for text, source in self._configured)

    def tell_drift(self, drifted: Callable[[str], bool]) -> None:
        """Let scenes keep pictures while `drifted` says of a camera's name that its pictures have."""
        for name, lookout in self._lookouts.items():
            lookout.drifted = partial(drifted, name)

    def close(self) -> None:
        """Finish what scenes are writing; the runtime closes the sources."""
        for lookout in self._lookouts.values():
            lookout.close()


def _lookout(camera: CameraConfig) -> Lookout | None:
    if camera.scene is None:
        return None
    from edge.lookout import Lookout
    from edge.scene.file import read_scene

    return Lookout(read_scene(Path(camera.scene)), camera.name)
