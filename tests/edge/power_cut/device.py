"""A device to be updated again and again: the real slots, supply and updater, behind a camera that is always content.

Bundles are real and signed, and come over HTTP; only their models are noise, because nobody runs them here.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract import manifest as manifests
from contract.codec import to_json
from contract.device import DeviceConfig
from contract.digest import digest_of
from contract.dsse import ASSIGNMENT_TYPE, sign
from contract.health import Comparison, Numbers
from contract.messages import Assignment, DeltaOffer, Limits
from contract.progress import Progress
from converters.delta import make_delta
from converters.sealing import sealed
from devices.keys import development_signer, development_verifier
from edge.agent import serve_first
from edge.budget import Budget
from edge.durable import Disk
from edge.progress import ProgressFile
from edge.slot import Slot
from edge.slots import Slots
from edge.supply import Supply
from edge.trust import Trust
from edge.updater import Updater
from edge.vision.messages import Serving
from tests.edge.file_server import FileServer
from tests.edge.power_cut.found import Served
from tests.edge.tiny_bundle import CLASSES, MODEL, PROFILE, device_config, install, tiny_manifest

MODEL_BYTES = 70_000
"""More than one piece of a download."""
PATIENCE_S = 20.0
_NOW_S = 1.8e9
_TRUST = Trust(publishers=development_verifier(), fleet=development_verifier())


class ContentEyes:
    """Stands in for the camera's process: `healthy` is what it says of every new model."""

    def __init__(self, *, healthy: bool) -> None:
        self._errors = 0 if healthy else 1
        self._before: Slot | None = None
        self._prepared: Slot | None = None

    def start(self, slot: Slot, *, golden: bool = False) -> None:
        """Serve that model first."""
        self._slot = slot

    @property
    def serving(self) -> Serving:
        return Serving(digest=self._slot.digest, release=self._slot.manifest.release, backend="none")

    def prepare(self, slot: Slot) -> None:
        slot.member(slot.manifest.model)
        self._prepared = slot

    def shadow(self, frames: int) -> None:
        assert self._prepared is not None

    def compared(self, timeout_s: float) -> Comparison:
        return Comparison(Numbers(1, 0, 1.0, 1.0), agreement=1.0, serving_p95_ms=1.0, memory_bytes=None)

    def switch(self) -> None:
        assert self._prepared is not None
        self._slot, self._prepared = self._prepared, None

    def watched(self, timeout_s: float) -> Numbers:
        return Numbers(1, self._errors, 1.0, 1.0)

    def settle(self) -> None:
        """Nothing is held of the model before."""

    def go_back(self, slot: Slot) -> None:
        self._slot, self._prepared = slot, None


class UpdatedDevice:
    """See `campaign.Device`. A `healthy` update is committed, another one rolled back; it may come as a `delta`."""

    def __init__(self, server: FileServer, *, healthy: bool = True, delta: bool = False) -> None:
        self._server, self._healthy = server, healthy
        self._files = [self._publish(version) for version in (1, 2, 3)]
        self._delta = self._publish_delta() if delta else None
        self.first, self.old, self.new = [digest_of(file.read_bytes()) for file in self._files]
        self.end = Served(self.new, self.old) if healthy else Served(self.old, self.first)

    def begin(self, state: Path) -> None:
        slots = Slots(state)
        for file in self._files[:2]:
            slots.activate(install(slots, file).digest)
            slots.commit()

    def live(self, state: Path, disk: Disk, assignments: int = 0) -> Served:
        life = _Life(self._config(state), state, disk, ContentEyes(healthy=self._healthy))
        if assignments:
            counter = ProgressFile(state, disk).load().accepted
            with life.going_on():
                for _ in range(assignments):
                    counter += 1
                    life.carry_out(self._assignment(counter), counter)
        return life.served

    def _publish(self, version: int) -> Path:
        """A signed bundle in the server's folder."""
        model = random.Random(0).randbytes(MODEL_BYTES - 1) + bytes([version])
        members = {MODEL: model, manifests.LABELS: "\n".join(CLASSES).encode()}
        manifest = tiny_manifest(version, PROFILE, members)
        file = self._server.folder / manifest.file_name
        file.write_bytes(sealed(manifest, members, development_signer()))
        return file

    def _publish_delta(self) -> DeltaOffer:
        """From the bundle that serves to the new one."""
        file = self._server.folder / "new.delta"
        make_delta(self._files[1], self._files[2], file)
        data = file.read_bytes()
        base = digest_of(self._files[1].read_bytes())
        return DeltaOffer(
            base=base, digest=digest_of(data), size_bytes=len(data), url=f"{self._server.url}/{file.name}"
        )

    def _assignment(self, counter: int) -> bytes:
        file, key = self._files[2], development_signer()
        assignment = Assignment(
            fleet="test",
            device="cam-1",
            counter=counter,
            digest=self.new,
            name="tiny",
            version=3,
            size_bytes=file.stat().st_size,
            url=f"{self._server.url}/{file.name}",
            deadline="2999-01-01T00:00:00Z",
            delta=self._delta,
            limits=Limits(shadow_frames=1, health_frames=1),
        )
        return to_json(sign(ASSIGNMENT_TYPE, to_json(assignment), key.keyid, key.sign, detached=False))

    def _config(self, state: Path) -> DeviceConfig:
        return device_config(state, bundle=str(self._files[0]))


class _Life:
    """One run of the agent, from its recovery on, without the parts that have nothing to do with updates."""

    def __init__(self, config: DeviceConfig, state: Path, disk: Disk, eyes: ContentEyes) -> None:
        self._last: Progress | None = None
        self._ended = False
        self._changed = threading.Condition()
        self._slots = Slots(state, disk=disk)
        self._eyes = eyes
        supply = Supply(state, disk, Budget(state, disk, month_bytes=None, clock=lambda: _NOW_S))
        self._updater = Updater(config, _TRUST, self._slots, supply, report=self._hear, on_end=self._end, disk=disk)
        self._updater.recover()
        serve_first(config, _TRUST, self._slots, eyes)

    @property
    def served(self) -> Served:
        """At the end of this life."""
        return Served(self._eyes.serving.digest, self._slots.fallback)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """With the updater's thread; what it dies of is raised here."""
        died: list[BaseException] = []
        hook, threading.excepthook = threading.excepthook, lambda how: died.append(how.exc_value or RuntimeError())
        try:
            self._updater.start(self._eyes)
            yield
            self._updater.stop()
        finally:
            threading.excepthook = hook
            if died:
                raise died[0]

    def carry_out(self, payload: bytes, counter: int) -> None:
        """Hand the assignment over and wait until it has ended in one way or another."""
        self._updater.desired(payload)
        with self._changed:
            assert self._changed.wait_for(lambda: self._ended or self._finished(counter), PATIENCE_S), self._last

    def _finished(self, counter: int) -> bool:
        last = self._last
        return last is not None and last.counter == counter and not last.unfinished

    def _hear(self, progress: Progress) -> None:
        with self._changed:
            self._last = progress
            self._changed.notify_all()

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
