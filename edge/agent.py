"""What runs on a device from boot to shutdown: camera, model, reporter and updater joined, and nothing of their work.

The camera's loop has the main thread; link, reporter and updater have their own. The agent works without a broker
from the start: results wait in the outbox. A camera that fails ends the agent with an error, and systemd starts it
again.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from msgspec import UNSET

from contract.device import DeviceConfig
from contract.errors import BackendError, BundleError, ConfigError, ModelError, SourceError, UpdateError
from contract.manifest import REFERENCE
from contract.messages import Birth, FrameLedger
from contract.result import Result
from edge import candidate
from edge.bundles import read_bundle
from edge.cameras import Cameras
from edge.cooling import Cooling
from edge.device_file import read_device_file
from edge.identity import birth
from edge.isolated import CrashLoopError
from edge.loading import Loading
from edge.model import LoadedModel
from edge.observers import Observers
from edge.outbox import Outbox
from edge.progress import Progress
from edge.reporter import Reporter
from edge.runtime import Runtime
from edge.signals import stopped_by_signals
from edge.slots import Slots
from edge.systemd import Notifier
from edge.telemetry import Window
from edge.trust import Trust, pinned
from edge.updater import Updater

log = logging.getLogger(__name__)

OUTBOX = "outbox.db"
_CRASH_LOOP = CrashLoopError("", where="", fix="").cause
_FLUSH_S = 5.0
_MIB = 1 << 20


def run_agent(config_path: Path) -> None:
    """Serve until SIGTERM or SIGINT, or the end of the source.

    ConfigError, BundleError, ModelError or SourceError when it cannot begin; SourceError when the camera fails later.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    agent = Agent(read_device_file(config_path))
    with stopped_by_signals(agent.stop):
        agent.run()


class Agent:
    """One device at work."""

    def __init__(self, config: DeviceConfig) -> None:
        """Everything that can fail fails here, in the order a person would mend it: keys, model, camera, broker."""
        self._config, self._stopping = config, False
        self._loading = loading_of(config)
        trust = pinned(config)
        _make_folder(Path(config.state_dir))
        self._slots = Slots(Path(config.state_dir))
        self._updater = Updater(
            config,
            trust,
            self._slots,
            report=self._report,
            loading=self._loading,
            on_end=lambda: self._runtime.stop(),
        )
        self._updater.recover()
        _install_first(config, trust, self._slots, self._loading)
        model = first_model(self._slots, self._loading)
        self._cameras = Cameras(config)
        self._observers = Observers(self._cameras.sources)
        self._observe(model)
        self._runtime = Runtime(
            model,
            self._cameras.cameras,
            on_result=self._result,
            on_answer=self._observers.answer,
            on_window=self._window,
            window_s=config.telemetry.every_s,
        )
        self._outbox = Outbox(Path(config.state_dir) / OUTBOX, config.telemetry.outbox_mib * _MIB)
        self._reporter = Reporter(
            config.broker,
            config.fleet,
            config.device,
            outbox=self._outbox,
            birth=self._birth,
            events=config.telemetry.events,
            on_desired=self._updater.desired,
        )
        self._systemd = Notifier()

    @property
    def model(self) -> LoadedModel:
        """The one that answers the next frame."""
        return self._runtime.model

    def replace(self, model: LoadedModel) -> None:
        """Let `model` answer from the very next frame on, and tell the fleet. Called by the updater."""
        self._runtime.replace(model)
        self._observe(model)
        log.info("serving %s on %s", model.manifest.release, model.backend.name)
        self._reporter.introduce()

    def run(self) -> None:
        """Serve until `stop` or the source's end. SourceError, or UpdateError after a bug in the update's thread."""
        self._reporter.start()
        self._updater.start(self)
        self._systemd.ready(f"serving {self.model.manifest.release}")
        log.info("serving %s on %s", self.model.manifest.release, self.model.backend.name)
        try:
            with self._cooling():
                ledger = self._runtime.run()
            log.info("stopped after %d frames, %d with an answer", ledger.captured, ledger.inferred)
        finally:
            self._systemd.stopping()
            self._cameras.close()
            self._updater.stop()
            self._reporter.close(_FLUSH_S)
            log.info("stopped: %d messages, %d acknowledged", self._reporter.sent, self._reporter.acknowledged)
        self._explain_end(ledger)

    def stop(self) -> None:
        """End `run` after the frame in hand. From any thread, and from a signal handler."""
        self._stopping = True
        self._runtime.stop()

    def _explain_end(self, ledger: FrameLedger) -> None:
        """Ends nobody asked for are errors, so that systemd starts the agent again."""
        if self._updater.broken:
            raise UpdateError(
                "the update's thread has died", where="updater", fix="Report the traceback above; it is a bug."
            )
        if self._cameras.live and not self._stopping:
            raise SourceError("the camera sends no more frames", where=self._cameras.where, fix="Check the camera.")
        if ledger.inferred == 0 and not self._stopping:
            raise SourceError(
                f"not one of {ledger.captured} frames could be answered",
                where=self._cameras.where,
                fix="Try it by hand, where each frame says what is wrong: edgeferry run BUNDLE --source …",
            )

    def _result(self, result: Result) -> None:
        self._reporter.result(result)
        self._updater.observe(result)
        self._systemd.alive()
        if result.error is not UNSET and result.error.cause == _CRASH_LOOP:
            self._give_up_model()

    def _window(self, window: Window) -> None:
        self._reporter.window(self._observers.window(window))
        if self._cameras.away:
            # Starting anew would not bring a camera back, and the loop is alive: it came here.
            self._systemd.alive()

    def _give_up_model(self) -> None:
        """The model crashes again and again: back to the fallback. A model on trial is the updater's to judge."""
        if self._slots.provisional:
            return
        if self._slots.fallback is None:
            raise BackendError(
                "the model crashes again and again, and there is no other",
                where=self.model.release,
                fix="Roll out another model, or another version of the inference library.",
            )
        log.error("%s crashes again and again: going back", self.model.release)
        self._slots.roll_back()
        self.replace(first_model(self._slots, self._loading))

    def _observe(self, model: LoadedModel) -> None:
        """What `model` answers from now on is compared with its own reference."""
        slot = self._slots.slot(model.digest)
        reference = slot.member(REFERENCE) if slot.has(REFERENCE) else None
        self._observers.serving(model, reference, self._cameras.sources)

    def _cooling(self) -> Cooling:
        return Cooling(
            self._runtime,
            limit_c=self._config.inference.max_temperature_c,
            full_rate=max((camera.frames_per_s or 0.0 for camera in self._config.cameras), default=0.0) or None,
            threads=None if self._config.inference.threads == 1 else self._on_threads,
        )

    def _on_threads(self, threads: int | None) -> None:
        """The same model on fewer threads, or as many as usual, unless an update is under way."""
        model = self.model
        if self._slots.provisional:
            return
        slot = self._slots.slot(model.digest)
        again = self._loading.open(slot.manifest, slot.digest, slot.model, threads=threads)
        if self.model is model:
            self._runtime.replace(again)
            self._observe(again)

    def _report(self, progress: Progress) -> None:
        """Each state of the update walk, with what serves meanwhile."""
        assert progress.assignment is not None
        self._reporter.reported(
            counter=progress.counter,
            state=progress.state,
            digest=progress.assignment.digest,
            running=self.model.manifest.release,
            running_digest=self.model.digest,
            cause=progress.cause,
            detail=progress.detail,
        )

    def _birth(self) -> Birth:
        config = self._config
        return birth(
            self.model,
            boot=self._outbox.boot,
            profile=config.profile,
            holds=self._slots.held(),
            site=config.site,
            tags=config.tags,
        )


def loading_of(config: DeviceConfig) -> Loading:
    """How this device opens models."""
    inference, mib = config.inference, config.inference.memory_limit_mib
    return Loading(
        threads=inference.threads,
        device=inference.device,
        isolate=inference.isolate,
        memory_limit_bytes=None if mib is None else mib * _MIB,
        folder=Path(config.state_dir) / "measured",
    )


def first_model(slots: Slots, loading: Loading) -> LoadedModel:
    """The current slot's model; the fallback's where that cannot be loaded any more, for good."""
    try:
        return _loaded(slots, loading)
    except (BundleError, ModelError, BackendError) as problem:
        if slots.fallback is None:
            raise
        log.error("the current bundle cannot serve, going back: %s", problem)
        slots.roll_back()
        return _loaded(slots, loading)


def _loaded(slots: Slots, loading: Loading) -> LoadedModel:
    assert slots.current is not None
    slot = slots.slot(slots.current)
    return loading.open(slot.manifest, slot.digest, slot.model)


def _install_first(config: DeviceConfig, trust: Trust, slots: Slots, loading: Loading) -> None:
    """Fill the empty store of a new device from the bundle its configuration names."""
    if slots.current is not None:
        return
    if config.bundle is None:
        raise ConfigError(
            "there is no model yet: no slot is filled and no bundle is named",
            where=f"device {config.device}",
            fix="Set `bundle` in device.toml to a signed bundle.",
        )
    bundle = read_bundle(Path(config.bundle), trust.publishers)
    candidate.check_profile(bundle, config.profile)
    slot = slots.install(bundle)
    candidate.tested(slot, loading).close()
    slots.activate(slot.digest)
    log.info("installed %s from %s", slot.manifest.release, config.bundle)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ConfigError(
            f"the state folder cannot be made: {problem.strerror}", where=str(folder), fix="Check state_dir."
        ) from problem
