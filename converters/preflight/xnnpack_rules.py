"""Which operators XNNPACK takes: the quick kernels that LiteRT runs on a CPU. All others run in LiteRT's own kernels.

Source: tflite/delegates/xnnpack/README.md of google-ai-edge/LiteRT @ 3a653aa, "Limitations and supported operators",
and ai-edge-litert 2.3.0 itself, which tells after loading how many parts it gave to XNNPACK: the rules give that number
for every model the tests have. Nothing here makes a model wrong, only slower.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from converters.tflite_graph import Operator, Tensor

SOURCE = "github.com/google-ai-edge/LiteRT, tflite/delegates/xnnpack/README.md @ 3a653aa"
FLOAT = frozenset({
    "ABS", "ADD", "AVERAGE_POOL_2D", "CEIL", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DIV",
    "ELU", "FLOOR", "FULLY_CONNECTED", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN",
    "MINIMUM", "MUL", "NEG", "PAD", "PRELU", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR", "ROUND",
    "SLICE", "SOFTMAX", "SPACE_TO_DEPTH", "SPLIT", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "STRIDED_SLICE", "SUB",
    "TANH", "TRANSPOSE", "TRANSPOSE_CONV",
})  # fmt: skip
QUANTISED = frozenset({
    "ADD", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "ELU", "FULLY_CONNECTED", "LEAKY_RELU",
    "LOGISTIC", "MAX_POOL_2D", "MEAN", "MUL", "PAD", "RESHAPE", "RESIZE_BILINEAR", "SLICE", "SPACE_TO_DEPTH", "SPLIT",
    "SUB", "TANH", "TRANSPOSE", "TRANSPOSE_CONV",
})  # fmt: skip
MOST_JOINED = 4
ACTIVATIONS = (0, 1, 2, 3)
"""NONE, RELU, RELU_N1_TO_1, RELU6."""
_STATIC: Mapping[str, tuple[int, ...]] = {
    "CONV_2D": (1, 2),
    "DEPTHWISE_CONV_2D": (1, 2),
    "FULLY_CONNECTED": (1, 2),
    "MEAN": (1,),
    "PAD": (1,),
    "PRELU": (1,),
    "RESHAPE": (1,),
    "RESIZE_BILINEAR": (1,),
    "SLICE": (1, 2),
    "STRIDED_SLICE": (1, 2, 3),
    "TRANSPOSE": (1,),
    "TRANSPOSE_CONV": (0, 1, 3),
}
"""Inputs that must be constants, or left out."""


def takes(operator: Operator) -> bool:
    """Whether XNNPACK runs `operator`."""
    if operator.name in ("QUANTIZE", "DEQUANTIZE"):
        return _between_types(operator)
    known = _kinds(operator)
    if known is None or operator.name not in known:
        return False
    if any(_computed(operator, place) for place in _STATIC.get(operator.name, ())):
        return False
    rule = _RULES.get(operator.name)
    return operator.option("fusedActivationFunction") in ACTIVATIONS and (rule is None or rule(operator))


def _kinds(operator: Operator) -> frozenset[str] | None:
    """The list that speaks of the numbers this operator works with."""
    if not operator.given or not operator.outputs:
        return None
    data = _data(operator)
    types = {data.type, operator.outputs[0].type}
    if types == {"FLOAT32"}:
        return FLOAT
    return QUANTISED if types in ({"INT8"}, {"UINT8"}) else None


def _data(operator: Operator) -> Tensor:
    """The input that carries numbers: TRANSPOSE_CONV has its output's shape in front, SPLIT its axis."""
    place = {"TRANSPOSE_CONV": 2, "SPLIT": 1}.get(operator.name, 0)
    return operator.given[min(place, len(operator.given) - 1)]


def _computed(operator: Operator, place: int) -> bool:
    tensor = operator.inputs[place] if place < len(operator.inputs) else None
    return tensor is not None and not tensor.constant


def _between_types(operator: Operator) -> bool:
    source, target = operator.given[0], operator.outputs[0]
    if operator.name == "DEQUANTIZE":
        halves = source.type == "FLOAT16" and source.constant
        return halves or (source.type in ("INT8", "UINT8") and len(source.scales) == 1 and target.type == "FLOAT32")
    if target.type not in ("INT8", "UINT8") or len(target.scales) != 1:
        return False
    if source.type == "FLOAT32":
        return True
    return source.type == target.type and 2**-8 <= source.scales[0] / target.scales[0] <= 2**7


def _has_bias(operator: Operator) -> bool:
    return len(operator.inputs) > 2 and operator.inputs[2] is not None


def _few(operator: Operator) -> bool:
    """CONCATENATION of up to four inputs, SPLIT into up to four outputs."""
    number = len(operator.given) if operator.name == "CONCATENATION" else len(operator.outputs)
    return 2 <= number <= MOST_JOINED


def _pool(operator: Operator) -> bool:
    point = operator.option("filterWidth", 1) * operator.option("filterHeight", 1) == 1
    return not point or operator.option("strideW", 1) * operator.option("strideH", 1) == 1


def _mean(operator: Operator) -> bool:
    axes = operator.constant(1)
    whole = len(operator.given[0].shape) == len(operator.outputs[0].shape) == 4
    return whole and axes is not None and sorted(map(int, axes.ravel())) in ([1, 2], [2])


def _resize(operator: Operator) -> bool:
    return len(operator.given[0].shape) == 4


def _softmax(operator: Operator) -> bool:
    return float(operator.option("beta", 1.0)) == 1.0


def _strided_slice(operator: Operator) -> bool:
    strides = operator.constant(3)
    plain = not any(operator.option(mask) for mask in ("ellipsisMask", "newAxisMask", "shrinkAxisMask"))
    return plain and strides is not None and bool((strides == 1).all())


def _two_inputs(operator: Operator) -> bool:
    return len(operator.given) == 2


_RULES: Mapping[str, Callable[[Operator], bool]] = {
    "ADD": _two_inputs,
    "AVERAGE_POOL_2D": _pool,
    "CONCATENATION": _few,
    "CONV_2D": _has_bias,
    "DEPTHWISE_CONV_2D": _has_bias,
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
    "RESIZE_BILINEAR": _resize,
    "SOFTMAX": _softmax,
    "SPLIT": _few,
    "STRIDED_SLICE": _strided_slice,
}
