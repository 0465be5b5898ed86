"""What the Edge TPU's compiler demands of each operator, as rules over the graph.

Sources, by the word in a rule's `source`:

- `table`: "Supported operations" and "Model requirements" of coral.ai/docs/edgetpu/models-intro (compiler 16), whose
  list of names stands in `devices/catalog/coral-usb.toml`.
- `twin`: google-coral/test_data @ 104342d: models beside what the compiler made of them.
- `log`: compiler logs people published, each with its address.

A rule says nothing where it is kept, and a cause with a fix where it is not. Where public sources leave a span in
which either may be true, the rule keeps to what was seen refused, and `doubts` names the span.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from converters.tflite_graph import Operator, Tensor

TABLE = "coral.ai/docs/edgetpu/models-intro, Supported operations"
REQUIREMENTS = "coral.ai/docs/edgetpu/models-intro, Model requirements"
INT8 = ("INT8", "UINT8")
NO_ACTIVATION = 0
SOFTMAX_ELEMENTS = 16_000
MEAN_CHANNELS_MULTIPLE = 4
RESIZE_MOST_TIMES = 16
"""Enlargement beyond which an interpolation loses precision. Seen refused: 33 times (twin of deeplabv3_mnv2_dm05);
seen mapped: 2 times (google-coral/edgetpu#31). The weights of an n-fold interpolation come in steps of 1/n², and 8 bits
hold steps of 1/256: so 16 is where they end."""
RESIZE_SURE_TIMES = 2
RESIZE_MOST_BYTES = 4 << 20
"""Output size from which a resize was seen refused (google-coral/edgetpu#31: 512x512x32; #187: a U-Net of 256x256)."""
RESIZE_SURE_BYTES = 1 << 19
"""Output size up to which it was seen mapped (the same threads, at 128x128)."""
NEWEST_VERSIONS = {"FULLY_CONNECTED": 9, "CONV_2D": 6, "DEPTHWISE_CONV_2D": 6, "RESIZE_BILINEAR": 3}
NEWEST_VERSIONS |= {"RESIZE_NEAREST_NEIGHBOR": 3, "MUL": 5, "ADD": 4, "SUB": 5, "QUANTIZE": 3, "RESHAPE": 1}
NEWEST_VERSIONS |= {"SOFTMAX": 3, "CONCATENATION": 3, "MEAN": 3, "PAD": 4, "TRANSPOSE_CONV": 3, "STRIDED_SLICE": 6}
"""The newest version of an operator that TensorFlow Lite of the compiler's time knew (tensorflow/lite/kernels/
register.cc of 2021); later ones answer "Operation version not supported"."""


class Objection(NamedTuple):
    """Why an operator stays on the CPU, and what to do."""

    cause: str
    fix: str
    source: str = TABLE


Rule = Callable[[Operator], Iterator[Objection]]


def objections(operator: Operator, known: frozenset[str]) -> Iterator[Objection]:
    """Everything the compiler holds against `operator`; `known` are the names it takes at all."""
    if operator.name not in known:
        yield Objection("the Edge TPU has no such operator", INSTEAD.get(operator.name, _ELSEWHERE))
        return
    newest = NEWEST_VERSIONS.get(operator.name, operator.version)
    if operator.version > newest:
        yield Objection(
            f"version {operator.version} of it is newer than the compiler, which ends at {newest}",
            "Quantise its weights with one scale a tensor, or convert it with TensorFlow 2.5.",
            "tensorflow/lite/kernels/register.cc of 2021",
        )
    yield from _types(operator)
    yield from _sizes(operator)
    for rule in RULES.get(operator.name, ()):
        yield from rule(operator)


def doubts(operator: Operator) -> Iterator[Objection]:
    """Where what is published decides neither way."""
    if not operator.name.startswith("RESIZE_") or any(objections(operator, frozenset({operator.name}))):
        return
    if _times(operator) > RESIZE_SURE_TIMES or operator.outputs[0].size_bytes > RESIZE_SURE_BYTES:
        yield Objection(
            "whether the compiler takes a resize of this size is not published; it is counted as mapped",
            "Compile it, or enlarge 2 times a step and less than 128x128x32 in all.",
            "github.com/google-coral/edgetpu/issues/31",
        )


def _types(operator: Operator) -> Iterator[Objection]:
    """Activations 8-bit with one scale; INT32 for biases, sizes and axes; INT16 for the state of an LSTM alone."""
    states = ("INT16",) if operator.name == "UNIDIRECTIONAL_SEQUENCE_LSTM" else ()
    for tensor in (*operator.computed, *operator.outputs):
        if tensor.type not in (*INT8, *states):
            fix = _FLOAT_FIX if tensor.type.startswith("FLOAT") else "Use layers whose int8 kernels stay in 8 bits."
            yield Objection(f"{tensor.name!r} is {tensor.type}, not 8-bit", fix, REQUIREMENTS)
            return
        if not tensor.scales:
            yield Objection(f"{tensor.name!r} has no scale", _FLOAT_FIX, REQUIREMENTS)
            return
    for tensor in operator.given:
        if tensor.constant and tensor.type not in (*INT8, *states, "INT32"):
            yield Objection(f"its constant {tensor.name!r} is {tensor.type}", _FLOAT_FIX, REQUIREMENTS)
            return


def _sizes(operator: Operator) -> Iterator[Objection]:
    """Only the three innermost sizes may exceed 1: so the batch is 1, and there is no fourth axis."""
    for tensor in (*operator.computed, *operator.outputs):
        if len(tensor.real_shape) > 3:
            what = (
                f"{tensor.name!r} has the shape {list(tensor.shape)}, and only the three innermost sizes may exceed 1"
            )
            yield Objection(
                what, "Convert it with batch 1, and keep tensors to height, width and channels.", REQUIREMENTS
            )
            return


def _no_activation(operator: Operator) -> Iterator[Objection]:
    if operator.option("fusedActivationFunction") != NO_ACTIVATION:
        yield Objection(
            "it carries a fused activation function",
            "Put a convolution or a RELU of its own between it and the activation, or leave the activation out.",
        )


def _concatenation(operator: Operator) -> Iterator[Objection]:
    constants = [tensor for tensor in operator.given if tensor.constant]
    zeros = len(operator.given) == 2 and all(_is_zero(tensor) for tensor in constants)
    if constants and not zeros:
        yield Objection(
            "a constant is among its inputs, and only two inputs with a constant of zeros are taken",
            "Feed the constant in as the bias of a layer, or pad with zeros.",
        )


def _fully_connected(operator: Operator) -> Iterator[Objection]:
    weights = operator.inputs[1] if len(operator.inputs) > 1 else None
    if operator.option("weightsFormat") != 0:
        yield Objection("its weights are shuffled", "Convert it without the shuffled weights format.")
    if weights is None or not weights.constant:
        yield Objection(
            "its weights are computed", "Make them constants: a product of two activations stays on the CPU."
        )
    elif len(weights.scales) > 1:
        yield Objection(
            f"its weights have {len(weights.scales)} scales, one a channel",
            "Quantise dense layers with one scale a tensor, or use a 1x1 convolution in their place.",
        )
    if operator.outputs and len(operator.outputs[0].real_shape) > 1:
        shape = list(operator.outputs[0].shape)
        yield Objection(
            f"its output {shape} is not one-dimensional",
            "Use a 1x1 convolution where a dense layer is applied at many places.",
        )


def _dilation(operator: Operator) -> Iterator[Objection]:
    across, down = operator.option("dilationWFactor", 1), operator.option("dilationHFactor", 1)
    if across != down:
        yield Objection(f"it is dilated {across} times across and {down} times down", "Use one dilation for both.")


def _constant_weights(operator: Operator) -> Iterator[Objection]:
    # TRANSPOSE_CONV has its output's shape in front.
    needed = operator.inputs[:2] if operator.name == "TRANSPOSE_CONV" else operator.inputs[1:]
    if any(tensor is not None and not tensor.constant for tensor in needed):
        yield Objection(
            "its weights, bias or output size are computed while it runs", "Make them constants.", REQUIREMENTS
        )


def _reduction(operator: Operator) -> Iterator[Objection]:
    """Never over the batch; over channels only where their number is a multiple of 4, for MEAN and SUM."""
    axes = operator.constant(1)
    if axes is None:
        yield Objection("its axes are computed while it runs", "Name them as constants.", REQUIREMENTS)
        return
    shape = operator.given[0].shape
    places = {int(axis) % len(shape) for axis in np.atleast_1d(axes)}
    if len(shape) >= 4 and 0 in places:
        yield Objection("it reduces over the batch", "Reduce over height and width only.")
    channels = len(shape) - 1
    if operator.name in ("MEAN", "SUM") and channels in places and shape[channels] % MEAN_CHANNELS_MULTIPLE:
        yield Objection(
            f"it reduces over {shape[channels]} channels, not a multiple of {MEAN_CHANNELS_MULTIPLE}",
            "Reduce over height and width, or make the channels a multiple of 4.",
        )


def _pad(operator: Operator) -> Iterator[Objection]:
    padding = operator.constant(1)
    if padding is None:
        yield Objection("its padding is computed while it runs", "Make it a constant.", REQUIREMENTS)
        return
    rows = np.reshape(padding, (-1, 2))
    if len(rows) >= 3 and (rows[:-3].any() or rows[-1].any()):
        yield Objection("it pads the batch or the channels", "Pad height and width only.")


def _resize(operator: Operator) -> Iterator[Objection]:
    if operator.constant(1) is None:
        yield Objection("its size is computed while it runs", "Make it a constant.", REQUIREMENTS)
        return
    times = _times(operator)
    if times > RESIZE_MOST_TIMES:
        yield Objection(
            f"it enlarges {times:g} times, where the Edge TPU would lose precision",
            "Enlarge in several steps, or, from a single pixel, add it to the other input, which broadcasts.",
            "compiled twin of google-coral/test_data, deeplabv3_mnv2_dm05_pascal_quant",
        )
    size = operator.outputs[0].size_bytes
    if size >= RESIZE_MOST_BYTES:
        yield Objection(
            f"its output of {size / 1024**2:.1f} MiB is more than the on-chip memory takes",
            "Resize fewer channels or a smaller picture, or leave the last resize to the host.",
            "github.com/google-coral/edgetpu/issues/31 and /187",
        )


def _softmax(operator: Operator) -> Iterator[Objection]:
    shape = operator.given[0].real_shape
    if len(shape) > 1:
        yield Objection(f"its input {list(operator.given[0].shape)} is not one-dimensional", _SOFTMAX_FIX)
    elif operator.given[0].elements > SOFTMAX_ELEMENTS:
        yield Objection(f"its input has more than {SOFTMAX_ELEMENTS:,} elements", _SOFTMAX_FIX)


def _strided_slice(operator: Operator) -> Iterator[Objection]:
    strides = operator.constant(3)
    if any(operator.constant(place) is None for place in (1, 2, 3)):
        yield Objection("its begin, end or strides are computed while it runs", "Make them constants.", REQUIREMENTS)
    elif strides is not None and (np.asarray(strides) != 1).any():
        yield Objection(
            f"its strides are {np.asarray(strides).tolist()}, not all 1", "Use a strided convolution or pool."
        )
    for option in ("ellipsisMask", "newAxisMask"):
        if operator.option(option):
            yield Objection("it adds axes or uses an ellipsis", "Write the slice with begin and end for every axis.")


def _squeeze(operator: Operator) -> Iterator[Objection]:
    """Only leading ones may go: nothing may have to be laid out anew."""
    if operator.given[0].real_shape != operator.outputs[0].real_shape:
        yield Objection(
            f"it takes an axis out of the middle of {list(operator.given[0].shape)}", "Squeeze leading axes of 1 only."
        )


def _not_the_batch(operator: Operator) -> Iterator[Objection]:
    """PACK joins along an axis of its own; SPLIT has the axis as its first input."""
    rank = len(operator.outputs[0].shape)
    axis = operator.constant(0) if operator.name == "SPLIT" else np.asarray(operator.option("axis"))
    if axis is not None and rank >= 4 and int(np.ravel(axis)[0]) % rank == 0:
        yield Objection("it works along the batch", "Use another axis; the batch is 1.")


def _prelu(operator: Operator) -> Iterator[Objection]:
    slopes = operator.inputs[1] if len(operator.inputs) > 1 else None
    if slopes is not None and len(slopes.real_shape) > 1:
        yield Objection("its slopes differ from pixel to pixel", "Share slopes over height and width.")


def _transpose(operator: Operator) -> Iterator[Objection]:
    """Seen refused: one that moves channels; seen mapped: those of height and width alone."""
    order = operator.constant(1)
    if order is not None and len(order) >= 3 and int(order[-1]) != len(order) - 1:
        yield Objection(
            "it moves the channels",
            "Keep one layout, height x width x channels, from end to end.",
            "compiler logs: 'otherwise supported, but not mapped due to some unspecified limitation'",
        )


RULES: Mapping[str, tuple[Rule, ...]] = {
    "AVERAGE_POOL_2D": (_no_activation,),
    "CONCATENATION": (_no_activation, _concatenation),
    "CONV_2D": (_dilation, _constant_weights),
    "DEPTHWISE_CONV_2D": (_dilation, _constant_weights),
    "FULLY_CONNECTED": (_fully_connected,),
    "MAX_POOL_2D": (_no_activation,),
    "MEAN": (_reduction,),
    "PACK": (_not_the_batch,),
    "PAD": (_pad,),
    "PRELU": (_prelu,),
    "REDUCE_MAX": (_reduction,),
    "REDUCE_MIN": (_reduction,),
    "RESIZE_BILINEAR": (_resize,),
    "RESIZE_NEAREST_NEIGHBOR": (_resize,),
    "SOFTMAX": (_softmax,),
    "SPLIT": (_not_the_batch,),
    "SQUEEZE": (_squeeze,),
    "STRIDED_SLICE": (_strided_slice,),
    "SUM": (_reduction,),
    "TRANSPOSE": (_transpose,),
    "TRANSPOSE_CONV": (_constant_weights,),
}
_ELSEWHERE = "Replace it by operators of the table, or leave it and what follows to the host."
_FLOAT_FIX = "Convert it to int8 with calibration pictures, input and output included."
_SOFTMAX_FIX = "Leave the softmax out of the model and apply it to the dequantised scores on the host."
INSTEAD = {
    "ARG_MAX": "Let the model end before it and take the largest score on the host.",
    "BATCH_MATMUL": "Attention has no place on an Edge TPU; use a network of convolutions.",
    "DEQUANTIZE": "Convert it with int8 outputs; the host dequantises.",
    "DIV": "Multiply by the inverse, folded into a constant or a layer's weights.",
    "EXP": "Let the model end before it and do the rest on the host.",
    "GATHER": "Slice, or choose on the host.",
    "GELU": "Use RELU6 and train again.",
    "HARD_SWISH": "Use RELU6 and train again, or the minimalistic variant of MobileNetV3.",
    "LEAKY_RELU": "Use RELU or RELU6 and train again; PRELU with a shared slope is taken as well.",
    "PADV2": "Pad with zeros.",
    "TOPK_V2": "Let the model end before it and choose on the host.",
    "CUSTOM:TFLite_Detection_PostProcess": "Fine as the last operator: the host does it, from the boxes and scores.",
}
"""For the operators met most often."""


def _is_zero(tensor: Tensor) -> bool:
    """Whether a constant stands for nothing but zeros."""
    values = tensor.values()
    zero = tensor.zero_points[0] if tensor.zero_points else 0
    return values is not None and bool((values == zero).all())


def _times(operator: Operator) -> float:
    """How many times larger the output is, in the direction where it grows more."""
    before, after = operator.given[0].shape, operator.outputs[0].shape
    return max((large / small for small, large in zip(before[1:3], after[1:3], strict=True) if small), default=1.0)
