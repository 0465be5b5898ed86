"""How a frame becomes the model's input tensor: the only resize and the only normalisation of the project.

Trainer, converters and device all come through here, so training and serving cannot drift apart. The order is
chosen for small computers: resize the frame as captured first (`edge/fitter.py`), then look every byte of the small
picture up in a table of 256 stored values into which mean, std, scale and zero point are folded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contract.errors import ModelError
from contract.manifest import Preprocessing, TensorSpec
from edge.fitter import Fitter, channels
from edge.frames import Pixels
from edge.opencv import cv2
from edge.quantisation import Tensor, quantise

_BYTE = np.dtype(np.uint8)
_TOP_BIT = np.array(0x80, _BYTE)
"""As an array, because numpy would make one of the number for every frame."""
_LOOKED_UP_AS = {"float16": np.dtype(np.uint16)}
"""A look-up only moves bits, and OpenCV knows no 16-bit float: any type of that width will do."""


def fit(pixels_bgr: Pixels, prep: Preprocessing, out: Pixels | None = None) -> Pixels:
    """A frame (h, w, 3) BGR as the model sees it: uint8 (H, W, C) in the model's size and colour order.

    Written into `out` where one is given. A frame that has the size already is not resized.
    """
    return Fitter(prep).fit(pixels_bgr, out)


def real_values(fitted: Pixels, prep: Preprocessing) -> NDArray[np.float32]:
    """(pixel - mean) / std of fitted pixels, (H, W, C) or (N, H, W, C), as float32 of the same shape.

    What a floating-point model is fed; the device's quantised tensors stand for the same numbers. Frames of numbers
    are real values already.
    """
    if prep.of_numbers:
        return np.asarray(fitted, np.float32)
    table = _real_table(prep).astype(np.float32)
    out = np.empty(fitted.shape, np.float32)
    flat = (-1, *fitted.shape[-2:])
    _look_up(fitted.reshape(flat), table, out.reshape(flat))
    return out


class Preprocessor:
    """The whole way into one model's input buffer.

    Two kinds of models need no table: those that store the pixel itself (uint8) and those that store the pixel
    minus 128 (int8), which is the same byte with its top bit turned.
    """

    def __init__(self, spec: TensorSpec, prep: Preprocessing) -> None:
        width, height = prep.size_wh
        self._hwc = (height, width, channels(prep))
        # A single plane is the same memory in every layout.
        self._planar = prep.layout == "nchw" and self._hwc[2] > 1
        _check_shape(spec, self._hwc, prep.layout)
        self._fitter = Fitter(prep)
        self._table = quantise(_real_table(prep), spec)
        self._same_bytes = _is_identity(self._table)
        self._top_bit_turned = _is_minus_128(self._table)
        self._straight = (self._same_bytes or self._top_bit_turned) and not self._planar
        self._fitted = np.empty(self._hwc, np.uint8)
        self._interleaved = np.empty(self._hwc, spec.dtype) if self._planar else None

    def write(self, pixels_bgr: Pixels, out: Tensor) -> None:
        """Fill `out`, the model's input tensor (its spec's shape and type), from a frame (h, w, 3) BGR."""
        if not self._straight:
            self._store(self._fitter.fit(pixels_bgr, self._fitted), out)
            return
        stored = out.reshape(self._hwc)
        if not self._top_bit_turned:
            self._fitter.fit(pixels_bgr, stored)
            return
        stored = stored.view(_BYTE)
        self._fitter.fit(pixels_bgr, stored)
        np.bitwise_xor(stored, _TOP_BIT, out=stored)

    def write_fitted(self, fitted: Pixels, out: Tensor) -> None:
        """Fill `out` from pixels (H, W, C) that `fit` gave already."""
        if fitted.shape != self._hwc or fitted.dtype != np.uint8:
            raise ModelError(
                f"fitted pixels of shape {fitted.shape} and type {fitted.dtype}, where {self._hwc} uint8 is needed",
                where="preprocessing",
                fix="Fit the picture with this model's own preprocessing.",
            )
        self._store(fitted, out)

    def _store(self, fitted: Pixels, out: Tensor) -> None:
        if self._interleaved is None:
            _look_up(fitted, self._table, out.reshape(self._hwc))
            return
        _look_up(fitted, self._table, self._interleaved)
        for channel, plane in enumerate(out[0]):
            np.copyto(plane, self._interleaved[:, :, channel])


def _real_table(prep: Preprocessing) -> NDArray[np.float64]:
    """The real value of each byte: (1, 256, 1), or (1, 256, C) where the channels differ."""
    for name, values in (("mean", prep.mean), ("std", prep.std)):
        if len(values) not in (1, channels(prep)) or (name == "std" and 0.0 in values):
            raise ModelError(
                f"{name} {values} does not fit {channels(prep)} channels",
                where="preprocessing",
                fix="Give one value, or one a channel; std may not be 0.",
            )
    pixel = np.arange(256, dtype=np.float64)[:, None]
    table = (pixel - np.asarray(prep.mean)) / np.asarray(prep.std)
    if (table == table[:, :1]).all():
        table = table[:, :1]
    return np.ascontiguousarray(table[None])


def _look_up(fitted: Pixels, table: Tensor, out: Tensor) -> None:
    """out[..., c] = table[fitted[..., c], c], by OpenCV's LUT, which writes where it is told to."""
    bits = _LOOKED_UP_AS.get(table.dtype.name, table.dtype)
    cv2.LUT(fitted, table.view(bits), dst=out.view(bits))


def _is_identity(table: Tensor) -> bool:
    return table.dtype == np.uint8 and bool((table == np.arange(256)[None, :, None]).all())


def _is_minus_128(table: Tensor) -> bool:
    return table.dtype == np.int8 and bool((table == np.arange(-128, 128)[None, :, None]).all())


def _check_shape(spec: TensorSpec, hwc: tuple[int, int, int], layout: str) -> None:
    height, width, depth = hwc
    shapes = {"nhwc": (1, height, width, depth), "nchw": (1, depth, height, width), "nhw": (1, height, width)}
    wanted = shapes.get(layout)
    if spec.shape != wanted or spec.dtype == "int64" or (layout == "nhw" and depth != 1):
        colours = f" of {depth} colours" if layout == "nhw" else ""
        raise ModelError(
            f"the input is {spec.dtype} {spec.shape}, and the preprocessing makes {wanted}{colours}",
            where=f"input {spec.name!r}",
            fix="Correct the preprocessing's size, layout or colour, or convert the model again.",
        )
