"""The time events are told in: of the recording where there is one, so that a replay says the same."""

from __future__ import annotations

from edge.frames import Frame

_REMEMBERED = 64
"""More frames than are ever on their way at once."""


class SceneClock:
    """Seconds since the source began, for one source's frames in their order; never goes back.

    Asked again about a frame it says the same, also when later ones came meanwhile.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[int, float], float] = {}
        self._began_mono: float | None = None
        self._now_s = self._ahead_s = 0.0

    def at_s(self, frame: Frame) -> float:
        """When `frame` was: its place in the recording, or the time since the first live frame.

        A recording that begins anew, or a place that steps back, goes on from where it was.
        """
        told_s = self._told.get((frame.index, frame.captured_mono))
        if told_s is not None:
            return told_s
        if self._began_mono is None:
            self._began_mono = frame.captured_mono
        place_s = frame.captured_mono - self._began_mono if frame.media_s is None else frame.media_s
        if place_s + self._ahead_s < self._now_s:
            self._ahead_s = self._now_s - place_s
        self._now_s = self._told[frame.index, frame.captured_mono] = place_s + self._ahead_s
        if len(self._told) > _REMEMBERED:
            del self._told[next(iter(self._told))]
        return self._now_s
