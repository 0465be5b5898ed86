"""A vision process for the campaign of `updates_kills.py`: speaks the real one's protocol, and writes down what it ran.

    python -I -S _kills_vision.py HANDLE

Whoever gives the program of `edge.vision.supervisor.Vision` may give this one: it reads the slot it is told to serve,
compares every member with the manifest byte for byte, and says signs of life as if it answered 100 frames a second.
How a model answers it looks up in `answers.json` beside the state folder. No numpy, no msgspec, nothing of ours beyond
the file next to it: it starts in 30 ms instead of half a second.

What it did goes into `ran.jsonl`, one line each, before the agent hears of it: a write(2) that no SIGKILL takes back.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from _packed import packed, unpacked

FRAMES_PER_S = 100.0
_LARGEST_BYTES = 128 * 1024
_PULSE_S, _TRIAL_PULSE_S = 0.2, 0.03
_LOADING_S = 0.01


class Model:
    """One slot as it lies on the disk, and how its model answers."""

    def __init__(self, slots: Path, digest: str, answers: dict[str, Any]) -> None:
        folder = slots / digest.removeprefix("sha256:")
        self.digest, self.whole = digest, False
        self.release, self.labels, self.prints = "?@0", list[str](), ""
        self.golden, self.confidence = answers.get(digest, (False, 0.0))
        try:
            told = (folder / "manifest.json").read_bytes()
            manifest = json.loads(told)
            self.prints = hashlib.sha256(told + (folder / "signature.json").read_bytes()).hexdigest()
            self.release, self.labels = f"{manifest['name']}@{manifest['version']}", manifest["labels"]
            self.whole = all(
                one["sha256"] == "sha256:" + hashlib.sha256((folder / one["name"]).read_bytes()).hexdigest()
                for one in manifest["members"]
            )
        except (OSError, ValueError, KeyError):
            return

    def serving(self) -> dict[str, Any]:
        """The message that says so."""
        about = {"digest": self.digest, "release": self.release, "labels": self.labels}
        return {"type": "Serving", "backend": "stand-in 1", **about}


class Stage:
    """Who serves, who is tried, and since when."""

    def __init__(self, handle: int) -> None:
        self._handle, self._life = handle, os.getppid()
        begin = unpacked(os.read(handle, _LARGEST_BYTES))
        self._slots = Path(begin["slots"])
        beside = self._slots.parent.parent
        self._answers = json.loads((beside / "answers.json").read_bytes())
        self._record = os.open(beside / "ran.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._model = Model(self._slots, begin["digest"], self._answers)
        self._before: Model | None = None
        self._candidate: Model | None = None
        self._asked, self._shadow_s, self._health_s = 0, 0.0, 0.0
        self._note("serve", self._model)
        self._say(self._model.serving())
        self._begun_s = time.monotonic()

    def run(self) -> None:
        """Until told to stop, or the agent is gone."""
        told = False
        while True:
            watched = self._shadow_s or self._health_s
            ready, _, _ = select.select([self._handle], [], [], _TRIAL_PULSE_S if watched else _PULSE_S)
            if ready:
                packet = os.read(self._handle, _LARGEST_BYTES)
                if not packet or not self._obey(unpacked(packet)):
                    return
            else:
                self._pulse()
            if not told:
                told = True
                self._tell()

    def _obey(self, order: dict[str, Any]) -> bool:
        """One order; False for the last."""
        kind, trouble = order["type"], None
        if kind == "Stop":
            self._say({"type": "Ended"})
            return False
        if kind == "Prepare":
            trouble = self._prepare(order["digest"])
        elif kind == "Shadow":
            self._asked, self._shadow_s = order["frames"], time.monotonic()
        elif kind == "Switch":
            assert self._candidate is not None
            self._shadow_s, self._health_s = 0.0, time.monotonic()
            self._before, self._candidate, model = self._model, None, self._candidate
            self._serve("switch", model)
        elif kind == "Back":
            self._shadow_s = self._health_s = 0.0
            self._candidate, self._before, before = None, None, self._before
            if before is not None:
                self._serve("back", before)
        elif kind == "Settle":
            self._health_s, self._before = 0.0, None
        self._say({"type": "Answer", "trouble": trouble})
        return True

    def _prepare(self, digest: str) -> dict[str, str] | None:
        self._candidate = Model(self._slots, digest, self._answers)
        self._note("prepare", self._candidate)
        time.sleep(_LOADING_S)
        if self._candidate.golden:
            return None
        return {"error": "GoldenError", "what": "wrong answers", "where": "stand-in", "fix": "None."}

    def _serve(self, what: str, model: Model) -> None:
        self._model = model
        self._note(what, model)
        self._say(model.serving())

    def _pulse(self) -> None:
        now_s = time.monotonic()
        shadow = health = None
        if self._shadow_s and self._candidate is not None:
            frames = min(self._asked, int((now_s - self._shadow_s) * FRAMES_PER_S))
            shadow = [[frames, 0, self._candidate.confidence, 1.0], 1.0, 1.0, None]
        if self._health_s:
            frames = int((now_s - self._health_s) * FRAMES_PER_S)
            health = [frames, 0, self._model.confidence, 1.0]
            self._note("health", self._model, frames=frames, confidence=self._model.confidence)
        results = int((now_s - self._begun_s) * FRAMES_PER_S) + 1
        pulse = {"results": results, "away": False, "slowest_s": 0.01, "health": health, "shadow": shadow}
        self._say({"type": "Pulse", **pulse})

    def _tell(self) -> None:
        """The first frame's answer, as an event for the outbox."""
        model = self._model
        self._pulse()
        answer = {"index": 0, "label": "cat", "score": model.confidence}
        about = {"source": "camera", "frame": 0, "captured_at": "2026-01-01T00:00:00.000Z"}
        result = {**about, "model": model.release, "digest": model.digest, "classes": [answer]}
        self._say({"type": "Told", "result": result})

    def _note(self, what: str, model: Model, **more: object) -> None:
        line = {"life": self._life, "what": what, "digest": model.digest, "whole": model.whole, "prints": model.prints}
        os.write(self._record, json.dumps({**line, **more}).encode() + b"\n")

    def _say(self, message: dict[str, Any]) -> None:
        os.write(self._handle, packed(message))


if __name__ == "__main__":
    try:
        Stage(int(sys.argv[1])).run()
    except (BrokenPipeError, ConnectionError):
        sys.exit(0)
