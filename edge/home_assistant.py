"""Home Assistant, as a switch in device.toml: this device announces itself, and shows what it sees and runs.

It is told over the same connection as the fleet, on two retained topics: the announcement under Home Assistant's own
prefix, and one JSON document beside our other topics (`state`), sent when it changes. Neither goes through the outbox:
what is shown is the present, and a moment that was missed is of no use to anybody later. Nothing here can change the
device; updates are decided by the fleet, so the `update` entity has no button.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from msgspec import UNSET, Struct, UnsetType

from contract import device as config
from contract.codec import to_json
from contract.result import Result
from contract.states import FINAL, State
from contract.topics import topic
from edge.discovery import Named, announcement, object_id, slugs
from edge.telemetry import TOTAL, Window

MOST_LABELS = 20
"""A model that knows more has sensors for those it has seen first."""
_MOST_SOURCES = 16
_PAUSE_S = 1.0
"""Between two states because of what a camera sees; the next window brings what was left out."""
_MOST_WORDS = 255
"""Home Assistant's limit for a summary."""


class Update(Struct, frozen=True, kw_only=True):
    """The only keys Home Assistant takes from an `update`'s state; one more, or a null, and it drops the message."""

    installed_version: str | UnsetType = UNSET
    latest_version: str | UnsetType = UNSET
    title: str = "Model"
    release_summary: str = ""
    in_progress: bool = False


class Shown(Struct, frozen=True, kw_only=True):
    """Payload of the `state` topic."""

    model: str
    frames_per_s: float
    latency_p95_ms: float | None
    temperature_c: int | None
    seen: bool
    counts: dict[str, int]
    """Of the newest answer of each camera together, by slug of the label."""
    model_update: Update
    """Not `update`: in a template that is a method of the document."""


class HomeAssistant:
    """One device in somebody's home. Any thread may call; it is a `Neighbour` of the reporter's."""

    def __init__(
        self,
        switch: config.HomeAssistant,
        fleet: str,
        device: str,
        *,
        profile: str,
        version: str,
        site: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`version` is this software's; `clock` counts seconds and never jumps."""
        self._named = Named(object_id(fleet, device), device, profile, version, site)
        self._config_topic = f"{switch.prefix}/device/{self._named.id}/config"
        self._status_topic = f"{switch.prefix}/status"
        self._state_topic, self._presence_topic = topic(fleet, device, "state"), topic(fleet, device, "presence")
        self._publish: Callable[[str, bytes], bool] = lambda *_: False
        self._lock, self._clock = threading.Lock(), clock
        self._model, self._latest, self._state, self._detail = "", "", "idle", ""
        self._window: Window | None = None
        self._seen: dict[str, Counter[str]] = {}
        self._slugs: dict[str, str] = {}
        self._removed: list[str] = []
        self._learns = False
        self._said, self._said_s = b"", float("-inf")

    @property
    def listens_to(self) -> Sequence[str]:
        """Where Home Assistant says that it has started."""
        return (self._status_topic,)

    def attach(self, publish: Callable[[str, bytes], bool]) -> None:
        """`publish` sends a retained message; False without a connection."""
        self._publish = publish

    def connected(self) -> None:
        """Say everything: the broker may have lost what it kept."""
        self.announce()

    def heard(self, topic: str, payload: bytes) -> None:
        """Home Assistant has started anew, or is leaving."""
        if topic == self._status_topic and payload == b"online":
            self.announce()

    def announce(self) -> None:
        """The announcement, and what there is to show."""
        with self._lock:
            self._announce()

    def withdraw(self) -> None:
        """Let Home Assistant forget this device: what is retained would announce it for ever."""
        with self._lock:
            self._publish(self._config_topic, b"")
            self._publish(self._state_topic, b"")

    def serving(self, release: str, labels: Sequence[str]) -> None:
        """Another model answers from now on, and knows these labels."""
        with self._lock:
            self._model = release
            self._learns = len(labels) > MOST_LABELS
            self._name_labels([] if self._learns else labels)
            self._seen.clear()
            self._announce()

    def reported(self, state: State, wanted: str, detail: str = "") -> None:
        """How far the fleet's wish, release `wanted`, has come."""
        with self._lock:
            self._state, self._latest, self._detail = state, wanted, detail
            self._show()

    def answered(self, result: Result) -> None:
        """One frame's answer."""
        if result.error is not UNSET:
            return
        with self._lock:
            self._seen[result.source] = seen = labels_in(result)
            while len(self._seen) > _MOST_SOURCES:
                del self._seen[next(iter(self._seen))]
            new = [label for label in seen if label not in self._slugs] if self._learns else []
            if new and len(self._slugs) < MOST_LABELS:
                self._name_labels([*self._slugs, *new][:MOST_LABELS])
                self._announce()
            elif self._clock() - self._said_s >= _PAUSE_S:
                self._show()

    def window(self, window: Window) -> None:
        """A closed telemetry window, also one that is not sent to the fleet."""
        with self._lock:
            self._window = window
            self._show()

    def _name_labels(self, labels: Sequence[str]) -> None:
        """Sensors of labels that are gone are said to be, until the next change."""
        before, self._slugs = self._slugs, slugs(labels)
        self._removed = sorted(set(before.values()) - set(self._slugs.values()))

    def _announce(self) -> None:
        said = announcement(
            self._named,
            state_topic=self._state_topic,
            presence_topic=self._presence_topic,
            labels=self._slugs,
            removed=self._removed,
        )
        self._publish(self._config_topic, to_json(said))
        self._said = b""
        self._show()

    def _show(self) -> None:
        """Publish the state if it is another than the last that went out."""
        state = to_json(self._shown())
        if state != self._said and self._publish(self._state_topic, state):
            self._said, self._said_s = state, self._clock()

    def _shown(self) -> Shown:
        window, total = self._window, Counter[str]()
        for seen in self._seen.values():
            total.update(seen)
        latency = window.latency_ms.get(TOTAL) if window is not None else None
        warmth = window.temperature_c if window is not None else None
        return Shown(
            model=self._model,
            frames_per_s=round(window.frames_per_s, 1) if window is not None else 0.0,
            latency_p95_ms=round(latency.p95, 1) if latency is not None else None,
            temperature_c=round(warmth) if warmth is not None else None,
            seen=bool(total),
            counts={slug: total[label] for label, slug in self._slugs.items()},
            model_update=self._update(),
        )

    def _update(self) -> Update:
        words = f"{self._state}: {self._detail}" if self._detail else self._state
        latest = self._latest or self._model
        return Update(
            installed_version=self._model or UNSET,
            latest_version=latest or UNSET,
            release_summary="" if self._state == "idle" else words[:_MOST_WORDS],
            in_progress=self._state not in FINAL,
        )


def labels_in(result: Result) -> Counter[str]:
    """What one answer shows: every detection, every segment's class once, or the first class."""
    if result.detections is not UNSET:
        return Counter(found.label for found in result.detections)
    if result.segments is not UNSET:
        return Counter({segment.label for segment in result.segments})
    classes = result.classes if result.classes is not UNSET else ()
    return Counter(first.label for first in classes[:1])
