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
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from contract import __version__
from contract.device import DeviceConfig
from contract.errors import BackendError, BundleError, ConfigError, ModelError, SourceError, UpdateError
from contract.messages import Birth
from contract.progress import Progress
from contract.result import Result
from edge.budget import Budget
from edge.bundles import opened_bundle
from edge.certificates import Certificates
from edge.clock import FleetClock
from edge.device_file import read_device_file
from edge.durable import Disk
from edge.first_report import FirstReport
from edge.fitness import check_floor, check_profile
from edge.home_assistant import HomeAssistant
from edge.identity import birth
from edge.kept_files import kept_files
from edge.member_files import broker_of
from edge.memory import keep_one_heap, resident_bytes
from edge.metadata import Repository
from edge.outbox import Outbox
from edge.outbox_file import IN_MEMORY, OutboxFullError
from edge.quiet import Quiet
from edge.reporter import Reporter
from edge.signals import stopped_by_signals
from edge.slots import FOLDER, Slots
from edge.supply import Supply
from edge.systemd import Notifier
from edge.telemetry import Window
from edge.trust import Trust, pinned
from edge.updater import Updater
from edge.vision.messages import Ended
from edge.vision.process import PROGRAM
from edge.vision.supervisor import Listener, Vision

log = logging.getLogger(__name__)

OUTBOX = "outbox.db"
_FLUSH_S = 5.0
_MIB = 1 << 20
_DAY_S = 86400.0
_IN_MEMORY_BYTES = 4 * _MIB


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

    def __init__(
        self, config: DeviceConfig, *, disk: Disk | None = None, vision_program: Sequence[str] = PROGRAM
    ) -> None:
        """Everything that can fail fails here, in the order a person would mend it: keys, model, camera, broker."""
        self._config, self._stopping = config, False
        trust, state = pinned(config), Path(config.state_dir)
        _make_folder(state)
        # The outbox is locked for one agent, and a second one must not undo what the first is about.
        self._outbox = _outbox(config, state / OUTBOX)
        disk = disk or Disk()
        self._first_report = FirstReport(state, disk)
        self._vision = Vision(config, state / FOLDER, self._listener(), program=vision_program)
        self._vision.warm()
        clock = FleetClock(state, disk)
        self._slots = Slots(state, disk=disk, quota_bytes=config.update.slots_mib * _MIB)
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
            broker_of(config),
            config.fleet,
            config.device,
            outbox=self._outbox,
            birth=self._birth,
            events=config.telemetry.events,
            on_desired=self._updater.desired,
            quiet=Quiet(),
            neighbour=self._home,
            clock=clock,
            may_lack_certificate=config.identity is not None,
            kept=kept_files(config),
        )
        self._certificates = self._certificates_of(config, clock, disk)
        self._systemd = Notifier()
        self._updater.recover()
        serve_first(config, trust, self._slots, self._vision)

    def run(self) -> None:
        """Serve until `stop` or the source's end. SourceError, or UpdateError after a bug in the update's thread."""
        if self._certificates is not None:
            self._certificates.start()
        self._reporter.start()
        self._updater.start(self._vision)
        self._systemd.ready(f"serving {self._vision.serving.release}")
        try:
            ended = self._vision.wait()
            log.info("stopped after %d frames, %d with an answer", ended.ledger.captured, ended.ledger.inferred)
        finally:
            self._systemd.stopping()
            if self._certificates is not None:
                self._certificates.stop()
            self._updater.stop()
            self._reporter.close(_FLUSH_S)
            log.info("stopped: %d messages, %d acknowledged", self._reporter.sent, self._reporter.acknowledged)
        self._explain_end(ended)

    def stop(self) -> None:
        """End `run` after the frame in hand. From any thread, and from a signal handler."""
        self._stopping = True
        self._vision.stop()

    def _certificates_of(self, config: DeviceConfig, clock: FleetClock, disk: Disk) -> Certificates | None:
        if config.identity is None:
            return None
        reporter = self._reporter
        return Certificates(config, config.identity, clock=clock, disk=disk, connected=lambda: reporter.connected)

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
    """Begin with the model that proved itself last; where it cannot be loaded any more, with the one before, for good.

    A new device is given the bundle its configuration names, and so is one whose slots are all spoilt.
    """
    while slots.proven is not None:
        try:
            vision.start(slots.slot(slots.proven))
        except (BundleError, ModelError, BackendError) as problem:
            if slots.fallback in (None, slots.proven) and config.bundle is None:
                raise
            log.error("the current bundle cannot serve, going back: %s", problem)
        else:
            return
        if slots.fallback in (None, slots.proven):
            break
        slots.roll_back()
    _install_first(config, trust, slots, vision)


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
        check_floor(opened.bundle.manifest, slots.floor)
        if opened.digest in slots.held():
            # It is there and does not serve, so something in it is spoilt that a look does not show.
            slots.discard(opened.digest)
        slot = slots.install(opened)
    vision.start(slot, golden=True)
    slots.activate(slot.digest)
    slots.commit()
    log.info("installed %s from %s", slot.manifest.release, config.bundle)


def _outbox(config: DeviceConfig, path: Path) -> Outbox:
    """On a full disk in memory: a device that cannot remember what it saw must see all the same."""
    limit_bytes, days = config.telemetry.outbox_mib * _MIB, config.telemetry.outbox_days
    max_age_s = None if days is None else days * _DAY_S
    try:
        return Outbox(path, limit_bytes, max_age_s=max_age_s)
    except OutboxFullError as full:
        log.error("%s Until the next start messages are kept in memory alone.", full)
        return Outbox(IN_MEMORY, min(limit_bytes, _IN_MEMORY_BYTES), max_age_s=max_age_s)


def _supply(config: DeviceConfig, state: Path, clock: FleetClock, disk: Disk) -> Supply:
    update, root = config.update, config.trust.root
    month_bytes = None if update.month_mib is None else update.month_mib * _MIB
    budget = Budget(state, disk, month_bytes=month_bytes, clock=clock.now)
    repository = None if root is None else Repository(Path(root), state, clock, disk, ca_file=update.ca_file)
    return Supply(state, disk, budget, repository=repository, ca_file=update.ca_file, clock=clock)


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
