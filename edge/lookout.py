"""One camera's scene at work in the runtime: the gate before the model, tracks, events and keeping after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from contract.result import Result
from contract.scene import Scene
from edge.frames import Frame
from edge.scene.keeping import Keeper, Kept
from edge.scene.unsure import Allowance, Spread, unsure
from edge.scene.watch import Watch


class Lookout:
    """A `edge.runtime.Watcher` for one source, by one scene. Used on the runtime's thread."""

    def __init__(self, scene: Scene, source_name: str) -> None:
        """MissingPartError when the scene needs a tracker that is not installed."""
        self.scene = scene
        self._watch = Watch(scene, source_name)
        self.masks = self._watch.masks
        keep = scene.keep
        self._keeper = None if keep is None else Keeper(keep, self.masks, source_name, Path(keep.folder))
        self._unsure = Allowance(keep.unsure_per_hour) if keep and keep.unsure_per_hour else None
        self._spread = Spread(keep.drifted_per_hour) if keep and keep.drifted_per_hour else None
        self.drifted: Callable[[], bool] = lambda: False
        """Whether this camera's pictures have drifted; whoever watches over that puts its own here."""

    @property
    def kept(self) -> Kept | None:
        """What was stored, where anything is."""
        return None if self._keeper is None else self._keeper.kept

    def wants(self, frame: Frame) -> bool:
        """Whether the model should look; frames it does not see may still be part of a clip."""
        if self._keeper is not None:
            self._keeper.frame(frame)
        return self._watch.wants(frame)

    def look(self, frame: Frame, result: Result) -> Result:
        """The result with labels left out, tracks and events, and the names of what was kept."""
        result = self._watch.look(frame, result)
        if self._keeper is None:
            return result
        if self._unsure is not None and unsure(result) and self._unsure.take(frame.captured_mono):
            self._keeper.picture(frame, result, "unsure")
        elif self._spread is not None and self.drifted() and self._spread.take(frame.captured_mono):
            self._keeper.picture(frame, result, "drifted")
        return self._keeper.answer(frame, result)

    def close(self) -> None:
        """Finish what is being written."""
        if self._keeper is not None:
            self._keeper.close()
