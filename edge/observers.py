"""Who looks at answered frames beside the reader of results: drift and the preview; and what windows say of them all.

One listener for the runtime's answers and one for its windows, the same for `edgeferry run` and the agent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from contract.drift import Drift
from edge.backends import describe
from edge.frames import Frame
from edge.sources import Source

if TYPE_CHECKING:
    from contract.manifest import Manifest
    from contract.result import Result
    from edge.drift.watch import DriftWatch
    from edge.model import LoadedModel
    from edge.preview import Preview
    from edge.telemetry import Window


class Observers:
    """Of one run on some cameras. `answer` and `window` are called on the runtime's thread."""

    def __init__(self, sources: Mapping[str, Source], *, preview: Preview | None = None) -> None:
        self._sources, self._preview = sources, preview
        self._drift: dict[str, DriftWatch] = {}
        self._models: dict[str, LoadedModel] = {}

    def serving(self, model: LoadedModel, reference: bytes | None, cameras: Iterable[str]) -> None:
        """`model` answers those cameras' frames from now on; `reference` is its bundle's. From any thread."""
        cameras = list(cameras)
        others = {name: watch for name, watch in self._drift.items() if name not in cameras}
        self._drift = {**others, **_watches(model.manifest, reference, cameras)}
        # By camera, so that a replaced model is let go, and its process with it.
        self._models = {**self._models, **dict.fromkeys(cameras, model)}

    def answer(self, frame: Frame, result: Result) -> None:
        """One answered frame."""
        watches = self._drift
        if watches:
            # The frames of a folder are named after their files, and are one source all the same.
            (watches.get(frame.source) or next(iter(watches.values()))).answer(frame, result)
        if self._preview is not None:
            self._preview.answer(frame, result)

    def drifted(self, camera: str) -> bool:
        """Whether the last window of that camera's pictures lit a drift lamp; never without a reference."""
        watch = self._drift.get(camera)
        return watch is not None and watch.lit

    def window(self, window: Window) -> Window:
        """The window with what else is known about this time."""
        window = replace(window, drift=self._closed_drift(), outages=_outages(self._sources), left=self.left())
        model = next((one for one in self._models.values() if one.digest == window.digest), None)
        if model is not None:
            window = replace(
                window,
                restarts=dict(model.restarts),
                rss_bytes=window.rss_bytes + model.resident_elsewhere_bytes(),
                fallback=_fallback(model),
            )
        if self._preview is not None:
            self._preview.window(window)
        return window

    def _closed_drift(self) -> dict[str, Drift]:
        closed = {name: watch.take() for name, watch in self._drift.items()}
        return {name: drift for name, drift in closed.items() if drift is not None}

    def left(self) -> dict[str, int]:
        """What left the device through the preview so far: nothing, or pictures and their bytes."""
        left = None if self._preview is None else self._preview.left
        return {"pictures": left.pictures, "bytes": left.bytes} if left is not None and left.pictures else {}


def _watches(manifest: Manifest, reference: bytes | None, cameras: Iterable[str]) -> dict[str, DriftWatch]:
    """One a camera, because each has a clock of its own; none without a reference."""
    if reference is None:
        return {}
    from edge.drift.watch import drift_watch

    found = {name: drift_watch(manifest, reference) for name in cameras}
    return {name: watch for name, watch in found.items() if watch is not None}


def _outages(sources: Mapping[str, Source]) -> dict[str, int]:
    counts = {name: getattr(source, "outages", 0) for name, source in sources.items()}
    return {name: count for name, count in counts.items() if count}


def _fallback(model: LoadedModel) -> str:
    fallback = describe(model.backend).fallback
    return "" if fallback is None else fallback.sentence
