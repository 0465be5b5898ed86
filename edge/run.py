"""`edgeferry run`: a bundle, a source, and answers, until the source ends or somebody stops it.

No slots and no updates: what a device does for good is `edge/agent.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from contract.dsse import Verifier
from contract.errors import SourceError
from contract.result import FrameError, Result
from edge.bundles import CheckedBundle, read_bundle
from edge.model import LoadedModel, load_model
from edge.runtime import Runtime
from edge.signals import stopped_by_signals
from edge.sources import Source, open_source
from edge.summary import RunSummary, Tally

if TYPE_CHECKING:
    from edge.telemetry import Window
    from edge.uplink import Uplink


class RunOptions(Struct, frozen=True, kw_only=True):
    """What to run, on what, and how."""

    bundle: Path
    source: str
    trusted: Mapping[str, Verifier]
    threads: int = 1
    max_frames: int | None = None
    max_frames_per_s: float | None = None
    uplink: Uplink | None = None


def run_bundle(
    options: RunOptions, *, show: Callable[[Result], None], opened: Callable[[CheckedBundle], None]
) -> RunSummary:
    """Answer frames until the end; `opened` is told the bundle beforehand, `show` each result.

    Raises SourceError when not one frame could be answered, LinkError, before the first frame, when the broker of
    `uplink` does not answer, and what reading the bundle, the model and the source raise.
    """
    bundle = read_bundle(options.bundle, options.trusted)
    opened(bundle)
    model = load_model(bundle.manifest, bundle.digest, bundle.model, threads=options.threads)
    source = open_source(options.source)
    tally = Tally()
    try:
        with _listeners(options.uplink, model) as (tell, window):
            runtime = _runtime(options, model, source, [tally.add, show, *tell], window)
            with stopped_by_signals(runtime.stop):
                ledger = runtime.run()
    finally:
        source.close()
    if ledger.inferred == 0:
        raise _unanswered(options.source, ledger.captured, tally.first_error)
    return tally.summary(
        model=model.release,
        digest=model.digest,
        signed_by=bundle.keyid,
        backend=model.backend.name,
        source=source.name,
        ledger=ledger,
    )


def _unanswered(source: str, captured: int, first: FrameError | None) -> SourceError:
    if first is None:
        return SourceError("it gave no frame that was answered", where=source, fix="Check what --source gives.")
    return SourceError(
        f"not one of {captured} frames could be answered; the first: {first.cause}", where=first.where, fix=first.fix
    )


@contextmanager
def _listeners(
    uplink: Uplink | None, model: LoadedModel
) -> Iterator[tuple[list[Callable[[Result], None]], Callable[[Window], None] | None]]:
    """Who else hears of results, and of windows: the broker, where there is one."""
    if uplink is None:
        yield [], None
        return
    from edge.uplink import connected

    with connected(uplink, model) as reporter:
        yield [reporter.result], reporter.window


def _runtime(
    options: RunOptions,
    model: LoadedModel,
    source: Source,
    tell: list[Callable[[Result], None]],
    window: Callable[[Window], None] | None,
) -> Runtime:
    def on_result(result: Result) -> None:
        for listener in tell:
            listener(result)

    return Runtime(
        model,
        source,
        on_result=on_result,
        on_window=window,
        window_s=options.uplink.telemetry_every_s if options.uplink else 5.0,
        max_frames_per_s=options.max_frames_per_s,
        max_frames=options.max_frames,
    )
