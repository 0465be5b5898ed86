"""A manifest for a bare model file, good enough to time it: its meaning is unknown, its tensors are not."""

from __future__ import annotations

from typing import Literal

from contract.errors import ModelError
from contract.manifest import Classify, Format, Manifest, Preprocessing, TensorSpec
from edge.backends import Backend


def stand_in_manifest(backend: Backend, format: Format, name: str) -> Manifest:
    """Pixels go in as they are, and the first output is read as class scores; ModelError for what no picture fits."""
    if len(backend.inputs) != 1 or not backend.outputs:
        raise ModelError(
            f"it has {len(backend.inputs)} inputs and {len(backend.outputs)} outputs, and one picture to feed them",
            where=name,
            fix="Time a model with one picture input.",
        )
    image = backend.inputs[0]
    scores = next((output for output in backend.outputs if _is_row(output)), None)
    if scores is None:
        raise ModelError(
            "no output is one row of class scores", where=name, fix="Convert it to a bundle and time that."
        )
    return Manifest(
        name="stand-in",
        version=1,
        task="classify",
        profile="none",
        format=format,
        model="model",
        inputs=backend.inputs,
        preprocessing=_plain(image, name),
        outputs=backend.outputs,
        decoding=Classify(scores=scores.name),
    )


def _is_row(output: TensorSpec) -> bool:
    size = 1
    for length in output.shape:
        size *= length
    return bool(output.shape) and size == output.shape[-1]


def _plain(image: TensorSpec, name: str) -> Preprocessing:
    """The preprocessing under which the tensor stores the pixel itself (minus 128 where it is signed)."""
    layout, (height, width, depth) = _layout(image.shape, name)
    mean, std = 0.0, 255.0
    if image.quantization is not None:
        offset = 128 if image.dtype == "int8" else 0
        mean, std = float(offset + image.quantization.zero_point), 1.0 / image.quantization.scale
    return Preprocessing(
        size_wh=(width, height),
        colour="grey" if depth == 1 else "rgb",
        layout=layout,
        mean=(mean,),
        std=(std,),
    )


def _layout(shape: tuple[int, ...], name: str) -> tuple[Literal["nhwc", "nchw", "nhw"], tuple[int, int, int]]:
    """How a picture lies in a tensor of that shape, and its height, width and colours."""
    if len(shape) == 3:
        return "nhw", (shape[1], shape[2], 1)
    if len(shape) == 4 and shape[3] in (1, 3):
        return "nhwc", (shape[1], shape[2], shape[3])
    if len(shape) == 4 and shape[1] in (1, 3):
        return "nchw", (shape[2], shape[3], shape[1])
    raise ModelError(f"no picture fits its input {shape}", where=name, fix="Time a model for pictures.")
