"""What is stored when something happens: a snapshot, and a clip with the seconds before and after.

The runtime's thread only puts jobs into a short queue; masking, encoding and writing are a thread's of its own. What
does not fit the queue, the limit or the disk is counted and given up: a camera's frames never wait for a card.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from msgspec import UNSET, Struct
from msgspec.structs import replace

from contract.codec import to_pretty_json
from contract.moments import rfc3339
from contract.result import Result
from contract.scene import Keep
from edge.durable import Disk
from edge.frames import Frame
from edge.opencv import cv2
from edge.scene.clip import Clip, ClipRecord
from edge.scene.clock import SceneClock
from edge.scene.masks import Masks
from edge.scene.preroll import Encoded, PreRoll
from edge.scene.store import NoRoomError, Store, safe_name

log = logging.getLogger(__name__)

BUSY, DISK, NO_ROOM, NO_JPEG = "busy", "disk", "no-room", "no-jpeg"
"""Causes of a loss: the queue was full; the disk refused; the limit is smaller than what was to be kept; the picture
is larger than JPEG allows."""

_WAITING_JOBS = 4
"""Each holds a frame as captured: 6 MB at 1920x1080."""
_LONGEST_CLIP_S = 60.0
"""Then a new one begins, so that one clip can never push out all others."""
_CLIP_QUALITY, _SNAPSHOT_QUALITY = 80, 92
_CALM_S = 10.0
"""Without a refusal, before the log says that pictures are kept again: a full disk still takes a small file."""
_CLOSE_S = 10.0
"""For what waits in the queue when the run ends."""
_MIB = 1 << 20
_LARGEST_SIDE_PX = 65500
_ROUNDING = 1e-6
"""Of a beat: a frame that is on it but for rounding is."""


class Kept(Struct, frozen=True, kw_only=True):
    """What keeping has done since its start."""

    pictures: int = 0
    clips: int = 0
    bytes: int = 0
    """On the disk now, of this run and earlier ones."""
    deleted: int = 0
    """Pictures and clips, to stay within the limit."""
    lost: dict[str, int] = {}
    """Pictures, clips and single frames of clips not kept, by cause."""


class _Job(Struct, frozen=True):
    """One frame with work to do: for a clip, for a snapshot, or both."""

    frame: Frame
    at_s: float
    name: str = ""
    """Of the snapshot, and the beginning of the clip's; none where nothing happened."""
    result: Result | None = None
    """What happened; None for a frame that only might be part of a clip."""
    snapshot: bool = False
    clip: bool = False


class Keeper:
    """Keeps pictures of one source. `frame`, `answer` and `close` are called on the runtime's thread.

    A frame's pixels must not be written to after they were handed over.
    """

    def __init__(self, keep: Keep, masks: Masks, source_name: str, folder: Path, disk: Disk | None = None) -> None:
        self._keep, self._source = keep, source_name
        self._clock = SceneClock()
        self._beat = -1
        self._jobs: queue.Queue[_Job | None] = queue.Queue(_WAITING_JOBS)
        self._counts = _Counts()
        self._writer = _Writer(keep, masks, source_name, folder, self._counts, disk or Disk())
        self._thread = threading.Thread(target=self._work, name=f"keep {source_name}", daemon=True)
        self._thread.start()

    @property
    def kept(self) -> Kept:
        """The counts of this moment. From any thread."""
        return self._counts.snapshot()

    def frame(self, frame: Frame) -> None:
        """Every frame that was taken, in order, also those no model looks at; before its `answer`."""
        at_s = self._clock.at_s(frame)
        beat = int(at_s * self._keep.frames_per_s + _ROUNDING)
        if self._keep.clips and frame.pixels is not None and beat > self._beat:
            self._beat = beat
            self._put(_Job(frame, at_s))

    def answer(self, frame: Frame, result: Result) -> Result:
        """Keep what `result`'s events ask for; the same result, its events naming their snapshot."""
        if result.events is UNSET or frame.pixels is None:
            return result
        wanted = tuple(event for event in result.events if event.kind in self._keep.on)
        if not wanted:
            return result
        name = self._name(frame, f"{wanted[0].kind}-{wanted[0].place}")
        told = self._with_snapshot(result, f"{name}.jpg") if self._keep.snapshots else result
        job = _Job(frame, self._clock.at_s(frame), name, told, self._keep.snapshots, self._keep.clips)
        return told if self._put(job) else result

    def picture(self, frame: Frame, result: Result, why: str) -> None:
        """Keep this one picture with its result, for a reason that is no event."""
        if frame.pixels is not None:
            self._put(_Job(frame, self._clock.at_s(frame), self._name(frame, why), result, snapshot=True))

    def close(self) -> None:
        """Write what waits and end the clip that runs; gives up on a disk that hangs."""
        try:
            self._jobs.put(None, timeout=_CLOSE_S)
        except queue.Full:
            log.warning("%s: the disk hangs; what waits to be kept is given up", self._source)
            return
        self._thread.join(_CLOSE_S)

    def _name(self, frame: Frame, what: str) -> str:
        """Sorts by time: `20261123T120624.123Z_front-door_entered-zone-yard_1041`, the last is the frame's number."""
        moment = rfc3339(frame.captured_at).replace("-", "").replace(":", "")
        return f"{moment}_{safe_name(self._source)}_{safe_name(what)}_{frame.index}"

    def _with_snapshot(self, result: Result, file_name: str) -> Result:
        assert result.events is not UNSET
        events = (
            replace(event, snapshot=file_name) if event.kind in self._keep.on else event for event in result.events
        )
        return replace(result, events=tuple(events))

    def _put(self, job: _Job) -> bool:
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            self._counts.lose(BUSY)
            return False
        return True

    def _work(self) -> None:
        self._writer.open()
        while (job := self._jobs.get()) is not None:
            self._writer.do(job)
        self._writer.close()


class _Counts:
    """Counted by two threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept, self._lost = Kept(), Counter[str]()

    def lose(self, cause: str) -> None:
        with self._lock:
            self._lost[cause] += 1

    def note(self, store: Store, *, pictures: int = 0, clips: int = 0) -> None:
        with self._lock:
            self._kept = Kept(
                pictures=self._kept.pictures + pictures,
                clips=self._kept.clips + clips,
                bytes=store.held_bytes,
                deleted=store.deleted,
            )

    def snapshot(self) -> Kept:
        with self._lock:
            return replace(self._kept, lost=dict(self._lost))


class _Writer:
    """The work itself, on the thread that does nothing else."""

    def __init__(self, keep: Keep, masks: Masks, source_name: str, folder: Path, counts: _Counts, disk: Disk) -> None:
        self._keep, self._masks, self._source, self._counts = keep, masks, source_name, counts
        self._place = (folder, source_name, keep.max_mib * _MIB, disk)
        self._opened: Store | None = None
        self._before = PreRoll(keep.pre_roll_s, keep.pre_roll_mib * _MIB)
        self._clip: Clip | None = None
        self._began_s = self._until_s = 0.0
        self._now_s = 0.0
        self._refused_s: float | None = None

    def open(self) -> None:
        """Take over what earlier runs left."""
        self._try(lambda _: None)

    def do(self, job: _Job) -> None:
        """A frame for the clips, or what happened on one."""
        self._now_s = job.at_s
        if job.result is None:
            self._take(job)
            return
        if job.snapshot:
            self._try(lambda store: self._write_snapshot(store, job))
        if job.clip:
            self._begin_or_extend(job, job.result)

    def close(self) -> None:
        """End the clip that runs."""
        clip, self._clip = self._clip, None
        if clip is not None:
            self._try(lambda store: self._counts.note(store, clips=int(clip.close())))

    def _take(self, job: _Job) -> None:
        if self._clip is not None and job.at_s > min(self._until_s, self._began_s + _LONGEST_CLIP_S):
            self.close()
        jpeg = self._encoded(job.frame, _CLIP_QUALITY)
        if jpeg is not None:
            frame = Encoded(job.at_s, jpeg)
            self._before.add(frame)
            self._add_to_clip(frame)

    def _begin_or_extend(self, job: _Job, result: Result) -> None:
        assert result.events is not UNSET
        events = tuple(event for event in result.events if event.kind in self._keep.on)
        self._until_s = job.at_s + self._keep.post_roll_s
        if self._clip is not None:
            self._clip.add_events(events)
            return
        record = ClipRecord(self._source, result.captured_at, self._keep.frames_per_s, (), events)
        self._try(lambda store: self._begin(Clip(store, f"{job.name}_clip", record), job.at_s))
        for frame in self._before:
            if frame.at_s >= job.at_s - self._keep.pre_roll_s:
                self._add_to_clip(frame)

    def _begin(self, clip: Clip, at_s: float) -> None:
        self._clip, self._began_s = clip, at_s

    def _add_to_clip(self, frame: Encoded) -> None:
        clip = self._clip
        if clip is not None:
            self._try(lambda _: clip.add(frame))

    def _write_snapshot(self, store: Store, job: _Job) -> None:
        jpeg = self._encoded(job.frame, _SNAPSHOT_QUALITY)
        if jpeg is not None:
            store.write(f"{job.name}.jpg", jpeg)
            self._counts.note(store, pictures=1)
            store.write(f"{job.name}.json", to_pretty_json(job.result))

    def _encoded(self, frame: Frame, quality: int) -> bytes | None:
        """As JPEG with the masks applied: no byte of what they hide gets further than here.

        None for what JPEG cannot hold (65,500 pixels a side, says libjpeg), which is counted.
        """
        assert frame.pixels is not None
        if max(frame.size_wh) > _LARGEST_SIDE_PX or 0 in frame.size_wh:
            self._counts.lose(NO_JPEG)
            return None
        _, jpeg = cv2.imencode(".jpg", self._masks.hidden(frame.pixels), [cv2.IMWRITE_JPEG_QUALITY, quality])
        return bytes(jpeg)

    def _try(self, work: Callable[[Store], None]) -> None:
        """Do one thing with the store; where there is no room or the disk refuses, that is counted and logged."""
        try:
            store = self._store()
            work(store)
            self._counts.note(store)
        except NoRoomError:
            self._counts.lose(NO_ROOM)
        except OSError as problem:
            self._counts.lose(DISK)
            if self._refused_s is None:
                log.warning("%s: no picture can be kept: %s", self._source, problem.strerror or problem)
            self._refused_s = self._now_s
        else:
            if self._refused_s is not None and self._now_s - self._refused_s > _CALM_S:
                self._refused_s = None
                log.info("%s: pictures are kept again", self._source)

    def _store(self) -> Store:
        """Opened when first needed, so that a disk that comes late ends nothing."""
        if self._opened is None:
            folder, source_name, limit_bytes, disk = self._place
            self._opened = Store(folder, source_name, limit_bytes, disk)
        return self._opened
