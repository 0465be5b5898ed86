"""How much of the Edge TPU's on-chip memory the weights of a model take, and how much does not fit.

The compiler lays weights out for the array of multipliers, so they grow: sizes are rounded up, and each channel brings
its bias and its scale. The rounding was found by search over the parameter sizes written in three compiled files of
google-coral/test_data (mobilenet_v1_0.25_128: 566,912 bytes, mobilenet_v1_0.5_160: 1,473,280, deeplabv3_mnv2_dm05:
766,720); it gives them within 1.5 %. A dense layer of 256x256 without bias takes 66 KiB by the compiler's own log, and
so it does here. Recurrent layers are unrolled and are not covered: for them this is a lower bound.
"""

from __future__ import annotations

from collections.abc import Sequence

from converters.tflite_graph import Operator

CACHE_BYTES = int(7.88 * 1024**2)
"""What the compiler's log calls remaining when nothing is cached. Large activations and programs make it less: 6.2 MiB
were left for a ResNet-18 (PINTO0309/openvino2tensorflow#28)."""
UNROLLED = ("UNIDIRECTIONAL_SEQUENCE_LSTM",)
_CHANNELS = 16
_DEPTHWISE_CHANNELS = 64
_DEPTHWISE_TAP_BYTES = 4
_PER_CHANNEL_BYTES = 8
"""For a scale; a bias takes as much again."""


def parameters_bytes(operators: Sequence[Operator]) -> tuple[int, int]:
    """What the weights of `operators` need on the chip, and how much of it is streamed instead, frame by frame.

    A layer is kept whole or streamed whole: the first ones are kept, as long as there is room.
    """
    room, streamed = CACHE_BYTES, 0
    sizes = [laid_out_bytes(operator) for operator in operators]
    for size in sizes:
        if size <= room:
            room -= size
        else:
            streamed += size
    return sum(sizes), streamed


def laid_out_bytes(operator: Operator) -> int:
    """Of the weights of one operator, as the compiler lays them out."""
    weights = [tensor for tensor in operator.given if tensor.constant and tensor.type in ("INT8", "UINT8")]
    if operator.name == "DEPTHWISE_CONV_2D" and weights:
        _, height, width, channels = weights[0].shape
        return _rounded(channels, _DEPTHWISE_CHANNELS) * (height * width * _DEPTHWISE_TAP_BYTES + _PER_CHANNEL_BYTES)
    if operator.name in ("CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV") and weights:
        channels, *taps, depth = weights[0].shape
        places = taps[0] * taps[1] if len(taps) == 2 else 1
        biased = any(
            tensor.constant and tensor.type == "INT32" and len(tensor.shape) == 1 for tensor in operator.given[2:]
        )
        products = _rounded(channels, _CHANNELS) * places * _rounded(depth, _CHANNELS)
        return products + _rounded(channels, _CHANNELS) * _PER_CHANNEL_BYTES * (2 if biased else 1)
    return sum(tensor.size_bytes for tensor in weights)


def _rounded(size: int, step: int) -> int:
    return -(-size // step) * step
