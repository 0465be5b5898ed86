"""`edgeferry run`: bundles, sources, and answers, until the sources end or somebody stops it.

No slots and no updates: what a device does for good is `edge/agent.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from contract.dsse import Verifier
from contract.errors import ConfigError, SourceError
from contract.manifest import REFERENCE
from contract.messages import FrameLedger
from contract.result import FrameError, Result
from edge.bundles import CheckedBundle, read_bundle
from edge.capture import Policy
from edge.frames import Pixels
from edge.loading import Loading
from edge.model import LoadedModel
from edge.observers import Observers
from edge.runtime import Camera, Runtime
from edge.signals import stopped_by_signals
from edge.sources import Source, open_source
from edge.summary import RunSummary, Tally

if TYPE_CHECKING:
    from edge.lookout import Lookout
    from edge.preview import Preview
    from edge.telemetry import Window
    from edge.uplink import Uplink


class RunOptions(Struct, frozen=True, kw_only=True):
    """What to run, on what, and how."""

    bundles: tuple[Path, ...]
    """One for all sources, or one for each."""
    sources: tuple[str, ...]
    trusted: Mapping[str, Verifier]
    loading: Loading = Loading()
    workers: int = 1
    """Interpreters of each model that work side by side."""
    policy: Policy | None = None
    scenes: tuple[Path, ...] = ()
    """None, one for all sources, or one for each."""
    max_frames: int | None = None
    max_frames_per_s: float | None = None
    max_temperature_c: float | None = None
    preview_port: int | None = None
    preview_host: str = "127.0.0.1"
    uplink: Uplink | None = None


class Shown(Struct, frozen=True, kw_only=True):
    """Who is told what while it runs."""

    results: tuple[Callable[[Result], None], ...]
    bundle: Callable[[CheckedBundle], None]
    """Of each, before it is used."""
    preview: Callable[[str], None]
    """Where the page is, once it is there."""


def run_bundles(options: RunOptions, shown: Shown) -> RunSummary:
    """Answer frames until the end.

    Raises SourceError when not one frame could be answered, LinkError, before the first frame, when the broker of
    `uplink` does not answer, and what reading the bundles, the models, the scenes and the sources raise.
    """
    bundles = [_checked(path, options, shown) for path in options.bundles]
    with ExitStack() as stack:
        prepared = _Prepared(options, bundles, shown, stack)
        runtime = prepared.runtime()
        with stopped_by_signals(runtime.stop), prepared.cooled(runtime):
            ledger = runtime.run()
    if ledger.inferred == 0 and ledger.gated == 0:
        raise _unanswered(_said(options.sources, runtime.ledgers), ledger.captured, prepared.tally.first_error)
    return prepared.summary(runtime.ledgers)


class _Prepared:
    """Everything a run needs, opened; `stack` closes it."""

    def __init__(self, options: RunOptions, bundles: list[CheckedBundle], shown: Shown, stack: ExitStack) -> None:
        self._options, self._bundles, self._shown, self._stack = options, bundles, shown, stack
        each = _one_each(bundles, options.sources)
        self._teams = {bundle.digest: self._team(bundle) for bundle in bundles}
        sources = _opened(options.sources, stack)
        self._lookouts = _lookouts(options.scenes, sources, stack)
        self._preview = _preview(options, self._lookouts, shown, stack)
        self._observers = Observers({source.name: source for source in sources}, preview=self._preview)
        for name, lookout in self._lookouts.items():
            lookout.drifted = partial(self._observers.drifted, name)
        self._cameras = [self._camera(*both) for both in zip(sources, each, strict=True)]
        self.tally = Tally()

    def runtime(self) -> Runtime:
        """Ready to run, with everybody listening. LinkError when the broker does not answer."""
        options, first = self._options, self._teams[self._bundles[0].digest]
        report, tell_window = self._stack.enter_context(_reporting(options.uplink, first[0]))
        listeners = (self.tally.add, *self._shown.results, *report)

        def on_result(result: Result) -> None:
            for listener in listeners:
                listener(result)

        return Runtime(
            first,
            self._cameras,
            on_result=on_result,
            on_answer=self._observers.answer,
            on_window=lambda window: tell_window(self._observers.window(window)),
            window_s=options.uplink.telemetry_every_s if options.uplink else 5.0,
            max_frames_per_s=options.max_frames_per_s,
            max_frames=options.max_frames,
        )

    def cooled(self, runtime: Runtime) -> AbstractContextManager[object]:
        """Cameras go on for hours; a folder of pictures is over before anything gets hot."""
        if not any(camera.source.live for camera in self._cameras):
            return nullcontext()
        from edge.cooling import Cooling

        options, bundle = self._options, self._bundles[0]

        def reopened(threads: int | None) -> None:
            load = options.loading.open
            models = [
                load(bundle.manifest, bundle.digest, bundle.model, threads=threads) for _ in range(options.workers)
            ]
            runtime.replace(models)

        return Cooling(
            runtime,
            limit_c=options.max_temperature_c,
            full_rate=options.max_frames_per_s,
            threads=reopened if len(self._bundles) == 1 and options.loading.threads != 1 else None,
            note=None if self._preview is None else self._preview.note,
        )

    def summary(self, ledgers: Mapping[str, FrameLedger]) -> RunSummary:
        """Of the run, by source."""
        first = self._bundles[0]
        return self.tally.summary(
            model=", ".join(bundle.manifest.release for bundle in self._bundles),
            digest=first.digest,
            signed_by=first.keyid,
            backend=self._teams[first.digest][0].backend.name,
            ledgers=ledgers,
            kept={name: one.kept for name, one in self._lookouts.items() if one.kept is not None},
            left=self._observers.left(),
        )

    def _camera(self, source: Source, bundle: CheckedBundle) -> Camera:
        _check_fed(source, bundle)
        team = self._teams[bundle.digest]
        self._observers.serving(team[0], bundle.members.get(REFERENCE), [source.name])
        return Camera(source=source, models=team, watcher=self._lookouts.get(source.name), policy=self._options.policy)

    def _team(self, bundle: CheckedBundle) -> list[LoadedModel]:
        """Interpreters that work side by side."""
        team: list[LoadedModel] = []
        for _ in range(self._options.workers):
            team.append(self._options.loading.open(bundle.manifest, bundle.digest, bundle.model))
            self._stack.callback(team[-1].close)
        return team


def _checked(path: Path, options: RunOptions, shown: Shown) -> CheckedBundle:
    bundle = read_bundle(path, options.trusted)
    shown.bundle(bundle)
    return bundle


def _check_fed(source: Source, bundle: CheckedBundle) -> None:
    """Before the first frame, as not one of them could be answered."""
    wanted, given = bundle.manifest.preprocessing.of_numbers, getattr(source, "gives_numbers", False)
    if wanted != given:
        words = {True: "numbers", False: "pictures"}
        raise ConfigError(
            f"{bundle.manifest.release} takes {words[wanted]}, and the source gives {words[given]}",
            where=f"--source {source.name}",
            fix="Give a .npy or .csv file, or a folder of them." if wanted else "Give pictures, a video or a camera.",
        )


def _one_each(bundles: list[CheckedBundle], sources: tuple[str, ...]) -> list[CheckedBundle]:
    """The bundle of each source: the only one, or its own."""
    if len(bundles) == 1:
        return bundles * len(sources)
    if len(bundles) != len(sources):
        raise ConfigError(
            f"{len(bundles)} bundles and {len(sources)} sources do not go together",
            where="BUNDLE",
            fix="Give one bundle for all sources, or one for each, in their order.",
        )
    return bundles


def _opened(texts: tuple[str, ...], stack: ExitStack) -> list[Source]:
    """All sources, each with a name of its own: of two alike the second is called `synthetic 2`."""
    sources: list[Source] = []
    for text in texts:
        source = open_source(text)
        stack.callback(source.close)
        alike = sum(other.name.rpartition(" ")[0] == source.name or other.name == source.name for other in sources)
        if alike:
            source.name = f"{source.name} {alike + 1}"
        sources.append(source)
    return sources


def _lookouts(scenes: tuple[Path, ...], sources: list[Source], stack: ExitStack) -> dict[str, Lookout]:
    if not scenes:
        return {}
    from edge.lookout import Lookout
    from edge.scene.file import read_scene

    if len(scenes) not in (1, len(sources)):
        raise ConfigError(
            f"{len(scenes)} scenes and {len(sources)} sources do not go together",
            where="--scene",
            fix="Give one scene for all sources, or one for each, in their order.",
        )
    lookouts: dict[str, Lookout] = {}
    for number, source in enumerate(sources):
        lookouts[source.name] = Lookout(read_scene(scenes[number % len(scenes)]), source.name)
        stack.callback(lookouts[source.name].close)
    return lookouts


def _preview(options: RunOptions, lookouts: Mapping[str, Lookout], shown: Shown, stack: ExitStack) -> Preview | None:
    """The page, begun; pictures are masked by their camera's scene before anything is encoded."""
    if options.preview_port is None:
        return None
    from edge.preview import Preview

    def hide(source: str, pixels: Pixels) -> Pixels:
        return lookouts[source].masks.hidden(pixels) if source in lookouts else pixels.copy()

    preview = Preview(options.preview_port, host=options.preview_host, hide=hide if lookouts else None)
    for name, lookout in lookouts.items():
        preview.scene(name, lookout.scene)
    preview.start()
    stack.callback(preview.close)
    shown.preview(preview.url)
    return preview


def _said(texts: tuple[str, ...], names: Iterable[str]) -> str:
    """The sources as the person wrote them, except addresses, which may hold a password."""
    return ", ".join(name if "://" in text else text for text, name in zip(texts, names, strict=True))


def _unanswered(source: str, captured: int, first: FrameError | None) -> SourceError:
    if first is None:
        return SourceError("it gave no frame that was answered", where=source, fix="Check what --source gives.")
    return SourceError(
        f"not one of {captured} frames could be answered; the first: {first.cause}", where=first.where, fix=first.fix
    )


@contextmanager
def _reporting(
    uplink: Uplink | None, model: LoadedModel
) -> Iterator[tuple[list[Callable[[Result], None]], Callable[[Window], None]]]:
    """Who else hears of results, and of windows: the broker, where there is one."""
    if uplink is None:
        yield [], _untold
        return
    from edge.uplink import connected

    with connected(uplink, model) as reporter:
        yield [reporter.result], reporter.window


def _untold(window: Window) -> None:
    """Without a broker nobody is told of windows."""
