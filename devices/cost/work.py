"""The work in a model, operator by operator, in the units that published speeds can be fitted to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

Kind = Literal["conv", "square", "depthwise", "move", "host"]
"""conv: convolutions and dense layers; square: those of 3x3 with stride 1, for which there are quicker algorithms;
depthwise: a channel at a time; move: everything that reads and writes and computes little; host: an operator of its
own that accelerators leave to the CPU, such as the suppression of boxes."""


class Work(Struct, frozen=True, kw_only=True):
    """What one operator does for one frame."""

    operator: str
    where: str
    """The first tensor it computes."""
    kind: Kind
    macs: int = 0
    """Multiplications with addition; 0 for `move`."""
    parameters: int = 0
    """Numbers among its constants that are multiplied."""
    parameters_bytes: int = 0
    moved: int = 0
    """Numbers read and written, without constants."""


class Totals(Struct, frozen=True, kw_only=True):
    """The work of a whole network, or of a part of one."""

    conv_macs: int
    square_macs: int
    depthwise_macs: int
    moved: int
    operators: int
    parameters: int
    host: int = 0
    """Numbers read by operators of kind `host`."""
    streamed: int = 0
    """8-bit parameters that cross the bus of an Edge TPU for every frame."""

    @property
    def macs(self) -> int:
        """Of all kinds."""
        return self.conv_macs + self.square_macs + self.depthwise_macs


def total(works: Iterable[Work], *, streamed: int = 0) -> Totals:
    """Their sum."""
    works = tuple(works)
    macs = {kind: sum(work.macs for work in works if work.kind == kind) for kind in ("conv", "square", "depthwise")}
    return Totals(
        conv_macs=macs["conv"],
        square_macs=macs["square"],
        depthwise_macs=macs["depthwise"],
        moved=sum(work.moved for work in works if work.kind != "host"),
        operators=sum(work.kind != "host" for work in works),
        parameters=sum(work.parameters for work in works),
        host=sum(work.moved for work in works if work.kind == "host"),
        streamed=streamed,
    )


def kind_of(kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int] = (1, 1)) -> Kind:
    """Of a convolution over all channels."""
    return "square" if kernel == (3, 3) and stride == (1, 1) and dilation == (1, 1) else "conv"
