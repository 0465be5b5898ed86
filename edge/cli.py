"""The device's commands: `run`, `bench` and `agent` with its own. They parse, call one function and print."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from contract.errors import ConfigError

# Before numpy is imported anywhere: its BLAS starts a thread a core at import, which takes longer than everything
# else at start, and nothing on a device multiplies large matrices outside the inference library.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from contract.dsse import Verifier
    from contract.result import Result
    from edge.at_device import Outcome
    from edge.bundles import CheckedBundle
    from edge.results import Show
    from edge.uplink import Uplink

FILE = click.Path(path_type=Path, dir_okay=False)
trust_option = click.option(
    "--trust", type=FILE, multiple=True, help="Public key that may have signed the bundle; may be repeated."
)


class Threads(click.ParamType[int | None]):
    """A number, or `auto` for what a short measurement finds best, which is None."""

    name = "N|auto"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """As click asks for it."""
        if value in ("auto", None):
            return None
        text = str(value)
        if not text.isdigit() or not 1 <= int(text) <= _MOST_THREADS:
            self.fail(f"{text!r} is neither a number from 1 to {_MOST_THREADS} nor `auto`.", param, ctx)
        return int(text)


_MOST_THREADS = 256
threads_option = click.option(
    "--threads",
    type=Threads(),
    default="1",
    show_default=True,
    help="Of the inference library; `auto` measures for a second or two and remembers.",
)
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="WORD",
    help="What computes: auto, cpu, usb[:N] or pci[:N] (Edge TPU), tensorrt, cuda, openvino.",
)


@click.command()
@click.argument("bundle", type=FILE, nargs=-1, required=True)
@click.option(
    "--source",
    required=True,
    multiple=True,
    metavar="SRC",
    help="Picture, folder, video, /dev/videoN, rtsp://…, http://…, pipe:COMMAND, pipe:raw?…:COMMAND or synthetic:. "
    "Repeat it for several cameras.",
)
@click.option("--mqtt", metavar="URL", help="Also report to this broker, e.g. mqtt://localhost.")
@click.option("--fleet", default="default", show_default=True, help="With --mqtt: the fleet to report to.")
@click.option("--device-id", help="With --mqtt: the name to report under; the machine's own by default.")
@click.option("--results", metavar="FILE|-", help="Append one JSON object a frame to FILE, or to standard output.")
@click.option("--events", type=FILE, help="Append one JSON object an event of the scene to FILE.")
@click.option("--scene", type=FILE, multiple=True, help="What to look for: one scene.toml, or one a source.")
@click.option("--preview", metavar="PORT", type=click.IntRange(0, 65535), help="Show it live on a page at this port.")
@click.option("--preview-host", default="127.0.0.1", show_default=True, help="The address the page listens on.")
@click.option("--policy", type=click.Choice(["latest", "every"]), help="Frames: latest (cameras) or every (files).")
@click.option("--max-frames", type=click.IntRange(1), help="Stop after so many results.")
@click.option("--max-fps", type=click.FloatRange(0, min_open=True), help="At most so many inferences a second.")
@click.option("--workers", type=click.IntRange(1, 16), default=1, show_default=True, help="Interpreters side by side.")
@click.option("--isolate", is_flag=True, help="Run the inference in a process of its own, replaced when it fails.")
@click.option("--memory-limit", type=click.IntRange(32), metavar="MIB", help="Of that process; implies --isolate.")
@click.option("--max-temperature", type=click.FloatRange(30, 150), metavar="C", help="Slow down to stay under it.")
@click.option("--telemetry-every", type=click.FloatRange(0.1), default=5.0, show_default=True, help="Seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object and nothing else.")
@trust_option
@threads_option
@device_option
def run(
    bundle: tuple[Path, ...],
    source: tuple[str, ...],
    mqtt: str | None,
    fleet: str,
    device_id: str | None,
    results: str | None,
    events: Path | None,
    scene: tuple[Path, ...],
    preview: int | None,
    preview_host: str,
    policy: Literal["latest", "every"] | None,
    max_frames: int | None,
    max_fps: float | None,
    workers: int,
    isolate: bool,
    memory_limit: int | None,
    max_temperature: float | None,
    telemetry_every: float,
    as_json: bool,
    trust: tuple[Path, ...],
    threads: int | None,
    device: str,
) -> None:
    """Run BUNDLE on pictures, a video or a camera; one BUNDLE for all sources, or one for each.

    Results are JSON lines when standard output is read by a program, and words when a person reads them.
    """
    with _imports_kept():
        from contract.codec import to_json
        from edge.cache_folder import cache_folder
        from edge.loading import Loading
        from edge.run import RunOptions, Shown, run_bundles
        from edge.summary import summary_words

        trusted = _trusted(trust)
    loading = Loading(
        threads=threads,
        device=device,
        isolate=isolate or memory_limit is not None,
        memory_limit_bytes=None if memory_limit is None else memory_limit << 20,
        folder=cache_folder(),
    )
    options = RunOptions(
        bundles=bundle,
        sources=source,
        trusted=trusted,
        loading=loading,
        workers=workers,
        policy=policy,
        scenes=scene,
        max_frames=max_frames,
        max_frames_per_s=max_fps,
        max_temperature_c=max_temperature,
        preview_port=preview,
        preview_host=preview_host,
        uplink=_uplink(mqtt, fleet, device_id, telemetry_every),
    )
    with _reader_may_leave(), _shown(results, as_json) as show, _shown_events(events) as show_events:
        summary = run_bundles(options, Shown(results=(show, show_events), bundle=_introduce, preview=_tell_page))
        click.echo(to_json(summary) if as_json else summary_words(summary), err=not as_json)


@click.command()
@click.argument("model", type=FILE)
@click.option("--source", help="Frames to time it with; a moving 1280x720 pattern by default.")
@click.option("--frames", type=click.IntRange(1), default=200, show_default=True, help="How many to time.")
@click.option("--plot", type=FILE, metavar="FILE.svg", help="Draw the distribution of the times.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@trust_option
@threads_option
@device_option
def bench(
    model: Path,
    source: str | None,
    frames: int,
    plot: Path | None,
    as_json: bool,
    trust: tuple[Path, ...],
    threads: int | None,
    device: str,
) -> None:
    """Time MODEL on this machine: a bundle, or a bare .tflite or .onnx file."""
    from contract.codec import to_json
    from edge.bench import bench as timed
    from edge.bench import report_words
    from edge.cache_folder import cache_folder
    from edge.loading import Loading
    from edge.plot import check_suffix, latency_plot, latency_words

    if plot is not None:
        check_suffix(plot)
    loading = Loading(threads=threads, device=device, folder=cache_folder())
    report, samples = timed(model, _trusted(trust), source=source, loading=loading, frames=frames)
    if plot is not None:
        latency_plot(samples, plot, title=f"{report.model} on {report.backend}, {report.threads} thread(s)")
    click.echo(to_json(report) if as_json else f"{report_words(report)}\n{latency_words(samples)}")


config_option = click.option("--config", type=FILE, help="The device.toml that provisioning wrote.")


@click.group(invoke_without_command=True)
@config_option
@click.pass_context
def agent(context: click.Context, config: Path | None) -> None:
    """What systemd starts on a device: serve the camera, report, and carry out updates.

    The commands below are for whoever stands in front of it: they work with and without a network.
    """
    context.obj = config
    if context.invoked_subcommand is not None:
        return
    with _imports_kept():
        from edge.agent import run_agent
    run_agent(_config(context, None))


wait_option = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    help="Seconds to wait for its end.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


@agent.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True), metavar="FILE|DIR")
@config_option
@wait_option
@json_option
@click.pass_context
def install(context: click.Context, source: Path, config: Path | None, wait_s: float, as_json: bool) -> None:
    """Install a bundle from FILE, or the one for this device in DIR, say on a stick.

    It has to prove itself as one the fleet sends: signature, the repository's metadata (DIR/metadata, where a root is
    pinned), security floor, golden frames, shadow run, health window.
    """
    from edge.at_device import install_from

    _tell_outcome(install_from(_config(context, config), source, wait_s=wait_s, say=_say), as_json)


@agent.command("roll-back")
@config_option
@wait_option
@json_option
@click.pass_context
def roll_back(context: click.Context, config: Path | None, wait_s: float, as_json: bool) -> None:
    """Let the model before serve again. It is on the device already."""
    from edge.at_device import ask_roll_back

    _tell_outcome(ask_roll_back(_config(context, config), wait_s=wait_s, say=_say), as_json)


@agent.command()
@config_option
@json_option
@click.pass_context
def status(context: click.Context, config: Path | None, as_json: bool) -> None:
    """Say what serves here, what would serve instead, and how the last update ended."""
    from contract.codec import to_json
    from edge.at_device import state_of, state_words

    state = state_of(_config(context, config))
    click.echo(to_json(state) if as_json else state_words(state))


def _config(context: click.Context, named: Path | None) -> Path:
    """Before the command or behind it."""
    config = named or context.obj
    if config is None:
        raise click.UsageError("Name the device's configuration: --config device.toml", context)
    return Path(config)


def _tell_outcome(outcome: Outcome, as_json: bool) -> None:
    """Words or JSON; an exit code for whatever is not what was asked for."""
    from contract.codec import to_json
    from contract.errors import UpdateError

    click.echo(to_json(outcome) if as_json else outcome.words())
    if not outcome.ok:
        sys.exit(UpdateError.exit_code)


def _say(words: str) -> None:
    click.echo(words, err=True)


@contextmanager
def _imports_kept() -> Iterator[None]:
    """What is imported inside stays until the end, so nobody looks through it for garbage, now or later.

    Spares 6 ms of the start, and every full collection between two frames as much.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _trusted(keys: tuple[Path, ...]) -> dict[str, Verifier]:
    """The keys named, or the one everybody knows."""
    from devices.keys import development_verifier, load_verifiers

    return load_verifiers(keys) if keys else development_verifier()


def _introduce(bundle: CheckedBundle) -> None:
    """On standard error, what is going to run; loudly where anybody could have signed it."""
    from devices.keys import development_verifier

    if bundle.keyid in development_verifier():
        click.echo("Signed with the development key, which everybody has: for trying out only.", err=True)
    if bundle.manifest.note:
        click.echo(f"Note: {bundle.manifest.note}", err=True)


def _tell_page(url: str) -> None:
    """On standard error, where to look, and who else can."""
    from urllib.parse import urlsplit

    click.echo(f"Preview: {url}", err=True)
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        click.echo("Anybody who can reach this address sees the picture; there is no password.", err=True)


def _shown_events(path: Path | None) -> AbstractContextManager[Show]:
    """Events of a scene as lines of a file; nowhere without one."""
    from edge.results import appended_events

    return nullcontext(_unshown) if path is None else appended_events(path)


def _shown(results: str | None, as_json: bool) -> AbstractContextManager[Show]:
    """Where each result goes: a file, standard output as JSON or as words, or nowhere beside `--json`."""
    from edge.results import appended, json_lines, words

    if results not in (None, "-"):
        return appended(Path(results))
    if as_json and results == "-":
        raise ConfigError(
            "results and the summary cannot both be standard output",
            where="--results - --json",
            fix="Give --results a file, or leave out --json.",
        )
    if as_json:
        return nullcontext(_unshown)
    if results is None and sys.stdout.isatty():
        return nullcontext(lambda result: click.echo(words(result)))
    return nullcontext(json_lines(sys.stdout.buffer))


def _unshown(result: Result) -> None:
    """Beside `--json` without `--results`."""


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """`edgeferry run ... | head -1` is a normal end. What is still buffered must not be written again at exit."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _uplink(url: str | None, fleet: str, device: str | None, every_s: float) -> Uplink | None:
    if url is None:
        return None
    import socket

    from edge.uplink import Uplink

    return Uplink(url=url, fleet=fleet, device=device or socket.gethostname(), telemetry_every_s=every_s)
