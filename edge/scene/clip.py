"""A clip: JPEGs one behind the other in a `.mjpeg` file, and a `.json` file that says when they were and why.

That stream needs no index and no ending, so a clip cut short by a power cut plays up to its last whole frame (FFmpeg,
VLC, mpv and our own video source read it). OpenCV's AVI and MP4 writers put the index at the end, and without it most
players refuse the file; they would also encode every frame a second time.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from contract.codec import to_pretty_json
from contract.result import SceneEvent
from edge.scene.preroll import Encoded
from edge.scene.store import Store

_SYNC_EVERY_S = 2.0
"""What a power cut may cost at most; left alone, Linux keeps half a minute in memory."""


class ClipRecord(Struct, frozen=True):
    """What is said about a clip in the file beside it."""

    source: str
    began_at: str
    """UTC, RFC 3339, of the event that began it."""
    frames_per_s: float
    """To play it at."""
    at_s: tuple[float, ...]
    """When each of its frames was, in seconds since the source began; empty while the clip is being written."""
    events: tuple[SceneEvent, ...]


class Clip:
    """One clip being written. NoRoomError and OSError pass through."""

    def __init__(self, store: Store, name: str, record: ClipRecord) -> None:
        self._store, self._name, self._record = store, name, record
        self._at_s: list[float] = []
        self._synced_s = -_SYNC_EVERY_S
        # First, so that a clip that is cut short has its story.
        self._write_record()
        self._file = store.create(f"{name}.mjpeg")

    def add(self, frame: Encoded) -> None:
        """One more frame."""
        self._file.append(frame.jpeg)
        self._at_s.append(round(frame.at_s, 3))
        if frame.at_s - self._synced_s >= _SYNC_EVERY_S:
            self._file.sync()
            self._synced_s = frame.at_s

    def add_events(self, events: tuple[SceneEvent, ...]) -> None:
        """More that happened while it runs; written down at its end."""
        self._record = replace(self._record, events=self._record.events + events)

    def close(self) -> bool:
        """Onto the medium, and its record with it; a clip that got no frame is deleted, and False."""
        self._file.close()
        if not self._at_s:
            self._store.discard(self._name)
            return False
        self._record = replace(self._record, at_s=tuple(self._at_s))
        self._write_record()
        return True

    def _write_record(self) -> None:
        self._store.write(f"{self._name}.json", to_pretty_json(self._record))
