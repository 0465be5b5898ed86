"""What runs on a device from boot to shutdown: vision process, reporter and updater joined, and nothing of their work.

The agent itself holds keys, slots, outbox and the broker, and neither a camera nor a model: those are in a process of
their own (`edge/vision/`), so nothing that a driver or an inference library does can stop an update or lose a message.
It works without a broker from the start: results wait in the outbox. A camera that fails ends the agent with an error,
and systemd starts it again.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from pathlib import Path

from msgspec.structs import replace

from contract import __version__
from contract.device import DeviceConfig
from contract.errors import BackendError, BundleError, ConfigError, ModelError, SourceError, UpdateError
from contract.messages import Birth
from contract.result import Result
from edge.budget import Budget
from edge.bundles import opened_bundle
from edge.clock import FleetClock
from edge.device_file import read_device_file
from edge.durable import Disk
from edge.first_report import FirstReport
from edge.fitness import check_profile
from edge.home_assistant import HomeAssistant
from edge.identity import birth
from edge.memory import keep_one_heap, resident_bytes
from edge.metadata import Repository
from edge.outbox import Outbox
from edge.progress import Progress
from edge.quiet import Quiet
from edge.reporter import Reporter
from edge.signals import stopped_by_signals
from edge.slots import Slots
from edge.supply import Supply
from edge.systemd import Notifier
from edge.telemetry import Window
from edge.trust import Trust, pinned
from edge.updater import Updater
from edge.vision.messages import Ended
from edge.vision.supervisor import Listener, Vision

log = logging.getLogger(__name__)

OUTBOX = "outbox.db"
_FLUSH_S = 5.0
_MIB = 1 << 20
_DAY_S = 86400.0


def run_agent(config_path: Path) -> None:
    """Serve until SIGTERM or SIGINT, or the end of the source.

    ConfigError, BundleError, ModelError or SourceError when it cannot begin; SourceError when the camera fails later.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    keep_one_heap()
    agent = Agent(read_device_file(config_path))
    with stopped_by_signals(agent.stop):
        agent.run()


class Agent:
    """One device at work."""

    def __init__(self, config: DeviceConfig) -> None:
        """Everything that can fail fails here, in the order a person would mend it: keys, model, camera, broker."""
        self._config, self._stopping = config, False
        trust, state = pinned(config), Path(config.state_dir)
        _make_folder(state)
        # The outbox is locked for one agent, and a second one must not undo what the first is about.
        days = config.telemetry.outbox_days
        self._outbox = Outbox(
            state / OUTBOX, config.telemetry.outbox_mib * _MIB, max_age_s=None if days is None else days * _DAY_S
        )
        disk = Disk()
        self._first_report = FirstReport(state, disk)
        clock = FleetClock(state, disk)
        self._slots = Slots(state, disk=disk, quota_bytes=config.update.slots_mib * _MIB)
        self._vision = Vision(config, self._slots.folder, self._listener())
        self._updater = Updater(
            config,
            trust,
            self._slots,
            _supply(config, state, clock, disk),
            report=self._report,
            on_settled=lambda: self._reporter.introduce(),
            on_end=self._vision.stop,
            disk=disk,
            clock=clock.now,
        )
        self._home = _home(config)
        self._reporter = Reporter(
            config.broker,
            config.fleet,
            config.device,
            outbox=self._outbox,
            birth=self._birth,
            events=config.telemetry.events,
            on_desired=self._updater.desired,
            quiet=Quiet(),
            neighbour=self._home,
        )
        self._systemd = Notifier()
        self._updater.recover()
        serve_first(config, trust, self._slots, self._vision)

    def run(self) -> None:
        """Serve until `stop` or the source's end. SourceError, or UpdateError after a bug in the update's thread."""
        self._reporter.start()
        self._updater.start(self._vision)
        self._systemd.ready(f"serving {self._vision.serving.release}")
        try:
            ended = self._vision.wait()
            log.info("stopped after %d frames, %d with an answer", ended.ledger.captured, ended.ledger.inferred)
        finally:
            self._systemd.stopping()
            self._updater.stop()
            self._reporter.close(_FLUSH_S)
            log.info("stopped: %d messages, %d acknowledged", self._reporter.sent, self._reporter.acknowledged)
        self._explain_end(ended)

    def stop(self) -> None:
        """End `run` after the frame in hand. From any thread, and from a signal handler."""
        self._stopping = True
        self._vision.stop()

    def _listener(self) -> Listener:
        return Listener(
            result=self._result,
            window=self._window,
            alive=lambda: self._systemd.alive(),
            serving=self._introduce,
            gave_up=lambda digest: self._updater.give_up(digest),
        )

    def _result(self, result: Result) -> None:
        self._reporter.result(result)
        if self._home is not None:
            self._home.answered(result)

    def _window(self, window: Window) -> None:
        """With how often the vision process itself had to be replaced."""
        counts = Counter(window.restarts) + Counter(self._vision.restarts)
        window = replace(window, restarts=dict(counts), rss_bytes=window.rss_bytes + resident_bytes())
        self._reporter.window(window)
        if window.ledger.inferred:
            self._first_report.told(boot=self._outbox.boot, release=window.model, digest=window.digest)
        if self._home is not None:
            self._home.window(window)

    def _introduce(self) -> None:
        serving = self._vision.serving
        log.info("serving %s on %s", serving.release, serving.backend)
        self._reporter.introduce()
        if self._home is not None:
            self._home.serving(serving.release, serving.labels)

    def _explain_end(self, ended: Ended) -> None:
        """Ends nobody asked for are errors, so that systemd starts the agent again."""
        if self._updater.hopeless is not None:
            raise self._updater.hopeless
        if self._updater.broken:
            raise UpdateError(
                "the update's thread has died", where="updater", fix="Report the traceback above; it is a bug."
            )
        if ended.trouble is not None:
            raise ended.trouble.as_error()
        if ended.live and not self._stopping:
            raise SourceError("the camera sends no more frames", where=ended.where, fix="Check the camera.")
        if ended.ledger.inferred == 0 and not self._stopping:
            raise SourceError(
                f"not one of {ended.ledger.captured} frames could be answered",
                where=ended.where,
                fix="Try it by hand, where each frame says what is wrong: edgeferry run BUNDLE --source …",
            )

    def _report(self, progress: Progress) -> None:
        """Each state of the update walk, with what serves meanwhile."""
        assert progress.assignment is not None
        if self._home is not None:
            wanted = f"{progress.assignment.name}@{progress.assignment.version}"
            self._home.reported(progress.state, wanted, progress.detail)
        self._reporter.reported(
            counter=progress.counter,
            state=progress.state,
            digest=progress.assignment.digest,
            running=self._vision.serving.release,
            running_digest=self._vision.serving.digest,
            cause=progress.cause,
            detail=progress.detail,
        )

    def _birth(self) -> Birth:
        config, serving = self._config, self._vision.serving
        return birth(
            model=serving.release,
            digest=serving.digest,
            backend=serving.backend,
            boot=self._outbox.boot,
            profile=config.profile,
            holds=self._slots.held(),
            site=config.site,
            tags=config.tags,
        )


def serve_first(config: DeviceConfig, trust: Trust, slots: Slots, vision: Vision) -> None:
    """Begin with the current slot's model; with the fallback's where that cannot be loaded any more, for good.

    A new device is given the bundle its configuration names.
    """
    if slots.current is None:
        _install_first(config, trust, slots, vision)
        return
    try:
        vision.start(slots.slot(slots.current))
    except (BundleError, ModelError, BackendError) as problem:
        if slots.fallback is None:
            raise
        log.error("the current bundle cannot serve, going back: %s", problem)
        vision.start(slots.slot(slots.roll_back()))


def _install_first(config: DeviceConfig, trust: Trust, slots: Slots, vision: Vision) -> None:
    """The same checks as for any other bundle, except that there is nothing to compare it with."""
    if config.bundle is None:
        raise ConfigError(
            "there is no model yet: no slot is filled and no bundle is named",
            where=f"device {config.device}",
            fix="Set `bundle` in device.toml to a signed bundle.",
        )
    with opened_bundle(Path(config.bundle), trust.publishers) as opened:
        check_profile(opened.bundle.manifest, config.profile)
        slot = slots.install(opened)
    vision.start(slot, golden=True)
    slots.activate(slot.digest)
    slots.commit()
    log.info("installed %s from %s", slot.manifest.release, config.bundle)


def _supply(config: DeviceConfig, state: Path, clock: FleetClock, disk: Disk) -> Supply:
    update, root = config.update, config.trust.root
    month_bytes = None if update.month_mib is None else update.month_mib * _MIB
    budget = Budget(state, disk, month_bytes=month_bytes, clock=clock.now)
    repository = None if root is None else Repository(Path(root), state, clock, disk, ca_file=update.ca_file)
    return Supply(state, disk, budget, repository=repository, ca_file=update.ca_file)


def _home(config: DeviceConfig) -> HomeAssistant | None:
    if config.home_assistant is None:
        return None
    return HomeAssistant(
        config.home_assistant,
        config.fleet,
        config.device,
        profile=config.profile,
        version=__version__,
        site=config.site,
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ConfigError(
            f"the state folder cannot be made: {problem.strerror}", where=str(folder), fix="Check state_dir."
        ) from problem
