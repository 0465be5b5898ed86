"""What the runtime talks to, and what the server reads from: the preview as one thing."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from msgspec import UNSET, Struct

from contract.codec import to_json
from contract.result import FrameError, Result
from contract.scene import Line, Scene, Zone
from edge.frames import Frame
from edge.preview.feed import Feed, Hide
from edge.preview.web import Server
from edge.telemetry import Window

_MOST_SOURCES = 32
"""A folder of pictures calls each one a source; the oldest are forgotten."""
_MOST_MODELS = 8
_PAST = 120
"""Windows a new page is told of."""
_SMOOTHING = 0.2
"""Weight of the newest interval in a source's rate."""


class Left(Struct, frozen=True, kw_only=True):
    """What went out, since the start."""

    pictures: int = 0
    bytes: int = 0
    """Of everything: pictures, answers and the page."""
    viewers: int = 0
    """At this moment."""


class SourceState(Struct, frozen=True, kw_only=True):
    """How one source is doing."""

    name: str
    model: str
    """That answered its last frame, `NAME@VERSION`."""
    frames: int
    errors: int
    """Frames without an answer."""
    quiet_s: float
    """Since its last frame was answered, or could not be."""
    frames_per_s: float
    """Answered, over the last few."""
    age_ms: float | None
    """Of the last frame, when the model began to look at it."""
    error: FrameError | None
    """Of the last frame."""
    zones: tuple[Zone, ...]
    lines: tuple[Line, ...]


class State(Struct, frozen=True, kw_only=True):
    """What `/state` and `/events` tell."""

    note: str
    """What a person should know now, e.g. why fewer frames are answered; empty for nothing."""
    sources: tuple[SourceState, ...]
    windows: tuple[Window, ...]
    """The last one of each model, the latest last."""
    left: Left


class _Source:
    """One source: its feed and the little that is counted of every frame."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.frames = self.errors = 0
        self.last: Result | None = None
        self.last_mono = 0.0
        self._interval_s = 0.0

    def count(self, result: Result, now: float) -> None:
        if self.last is not None:
            interval_s = now - self.last_mono
            self._interval_s += (interval_s - self._interval_s) * (_SMOOTHING if self._interval_s else 1.0)
        self.frames += 1
        self.errors += result.error is not UNSET
        self.last, self.last_mono = result, now

    def state(self, name: str, scene: Scene, now: float) -> SourceState:
        last, quiet_s = self.last, max(0.0, now - self.last_mono)
        slowest = max(self._interval_s, quiet_s)
        return SourceState(
            name=name,
            model=last.model if last else "",
            frames=self.frames,
            errors=self.errors,
            quiet_s=quiet_s,
            frames_per_s=1.0 / slowest if self._interval_s else 0.0,
            age_ms=None if last is None or last.age_ms is UNSET else last.age_ms,
            error=None if last is None or last.error is UNSET else last.error,
            zones=scene.zones,
            lines=scene.lines,
        )


class Preview:
    """A page at `url` that shows what the model sees. Its port is bound at once: ConfigError where it cannot be had.

    `hide` blackens what nobody may see, before anything is encoded; it is called on the preview's own thread. Port 0
    takes any. Only this machine can look unless `host` is another address.
    """

    def __init__(
        self, port: int, *, host: str = "127.0.0.1", hide: Hide | None = None, max_frames_per_s: float = 10.0
    ) -> None:
        self._changed = threading.Condition()
        self._new_feed: Callable[[], Feed] = lambda: Feed(self._changed, hide, 1.0 / max_frames_per_s)
        self._everything = self._new_feed()
        self._sources: dict[str, _Source] = {}
        self._scenes: dict[str, Scene] = {}
        self._note = ""
        self._windows: dict[str, Window] = {}
        self._past: deque[Window] = deque(maxlen=_PAST)
        self._pictures = self._bytes = 0
        self._closing = False
        self._work = threading.Event()
        self._server = Server(host, port, self)
        self._encoder = threading.Thread(target=self._encode_all, name="preview encoder", daemon=True)
        self.url = self._server.url

    def start(self) -> None:
        """Begin to serve."""
        self._encoder.start()
        self._server.start()

    def scene(self, source: str, scene: Scene) -> None:
        """Draw the zones and lines of `scene` over the frames of `source`. From any thread."""
        self._scenes[source] = scene

    def note(self, words: str) -> None:
        """Show `words` above the figures until others come; empty for none. From any thread."""
        self._note = words

    def answer(self, frame: Frame, result: Result) -> None:
        """Show this frame to whoever waits for one. About 2 us while nobody watches."""
        now = time.monotonic()
        source = self._sources.get(frame.source) or self._meet(frame.source)
        source.count(result, now)
        if source.feed.watched or self._everything.watched:
            # Both are asked: each has its own viewers.
            wanted = source.feed.offer(frame, result, now), self._everything.offer(frame, result, now)
            if any(wanted):
                self._work.set()

    def window(self, window: Window) -> None:
        """Show the figures of a telemetry window that has closed."""
        with self._changed:
            self._windows.pop(window.model, None)
            self._windows[window.model] = window
            if len(self._windows) > _MOST_MODELS:
                del self._windows[next(iter(self._windows))]
            self._past.append(window)

    def close(self) -> None:
        """Send everybody away and free the port, within a second. Does nothing the second time."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._work.set()
        self._server.close()
        if self._encoder.ident is not None:
            self._encoder.join(1.0)

    @property
    def left(self) -> Left:
        """What went out so far."""
        return Left(pictures=self._pictures, bytes=self._bytes, viewers=self._server.viewers)

    # What the server asks for.

    def closing(self) -> bool:
        """Whether viewers should go."""
        return self._closing

    def feed(self, source: str | None) -> Feed | None:
        """The frames of that source, None for whichever comes; None where there is no such source."""
        if source is None:
            return self._everything
        known = self._sources.get(source)
        return known.feed if known else None

    def state(self) -> bytes:
        """As JSON."""
        now, nothing = time.monotonic(), Scene()
        sources = sorted(self._sources.copy().items())
        states = tuple(source.state(name, self._scenes.get(name, nothing), now) for name, source in sources)
        with self._changed:
            windows = tuple(self._windows.values())
        return to_json(State(note=self._note, sources=states, windows=windows, left=self.left))

    def past(self) -> bytes:
        """The last windows, oldest first, as JSON."""
        with self._changed:
            return to_json(list(self._past))

    def pause(self, seconds: float) -> None:
        """Sleep, at most until the end."""
        with self._changed:
            self._changed.wait_for(self.closing, seconds)

    def sent(self, size_bytes: int, *, pictures: int = 0) -> None:
        """Count what has left."""
        with self._changed:
            self._bytes += size_bytes
            self._pictures += pictures

    def _meet(self, name: str) -> _Source:
        if len(self._sources) >= _MOST_SOURCES:
            idle = (known for known, source in self._sources.items() if not source.feed.watched)
            self._sources.pop(min(idle, key=lambda known: self._sources[known].last_mono, default=""), None)
        source = self._sources[name] = _Source(self._new_feed())
        return source

    def _encode_all(self) -> None:
        while not self._closing:
            self._work.wait()
            self._work.clear()
            for feed in [self._everything, *(source.feed for source in self._sources.copy().values())]:
                feed.encode()
