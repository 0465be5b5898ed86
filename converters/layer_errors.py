"""Which layers a quantised model loses most in: the same pictures through the float and the 8-bit artifact, compared
tensor by tensor.

Errors add up along the network, so the last layers always look worst. What counts is where they enter: a layer's
`added_noise` is the power of the noise in its output, as a share of the signal, less the largest such share in its
inputs. Names are what
`converters.make.make` takes as `keep_float`: output tensors in TFLite, nodes of the float model in ONNX.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from contract.codec import from_json
from contract.errors import ModelError
from converters.jobs import Job, run_together
from converters.recipe import Recipe, format_of
from converters.source import Source

CLEAN_DB = 60.0
"""A tensor nearer than this is as good as exact: what is beyond says nothing of the layer."""


class LayerError(Struct, frozen=True, kw_only=True):
    """One layer on all pictures together."""

    name: str
    operator: str
    sqnr_db: float
    """Of its output: 10 log10(sum(s^2) / sum((s - q)^2)), at most `CLEAN_DB`."""
    added_noise: float
    """The share of the signal's power that it made noise of itself; negative where it suppresses some."""


class LayerReport(Struct, frozen=True, kw_only=True):
    """What the process that looks leaves."""

    layers: tuple[LayerError, ...]
    """Those that lose most first."""


def layer_errors(
    source: Source, recipe: Recipe, float_model: Path, quantised: Path, frames: Path, folder: Path
) -> tuple[LayerError, ...]:
    """The layers of `quantised`, which was made by `recipe` from `float_model`, those that lose most first.

    `frames` is a `.npy` of uint8 (N, H, W, C); a dozen is enough. In a process of its own, because every intermediate
    tensor is kept. ModelError where one of the files cannot be run.
    """
    out = folder / f"layer-errors:{recipe}.json"
    job = Job(
        task="layer-errors",
        name=out.stem,
        model=str(float_model.resolve()),
        quantised=str(quantised.resolve()),
        source_kind="onnx" if format_of(recipe) == "onnx" else "tflite",
        origin=source.origin,
        preprocessing=source.preprocessing,
        outputs=source.outputs,
        states=source.states,
        frames=str(frames.resolve()),
        out=str(out),
    )
    run_together([job], folder)
    return from_json(out.read_bytes(), LayerReport, where=str(out), error=ModelError).layers


def worst(errors: Sequence[LayerError], count: int) -> tuple[str, ...]:
    """The names of the `count` layers that lose most, of those that lose anything worth a float layer."""
    return tuple(error.name for error in errors[:count] if error.added_noise > 0)
