"""What a loaded model runs on, for telemetry, the bench and a person: one small record a backend can be asked for.

A device that silently computes on the CPU beside its accelerator is the commonest complaint about Coral and Jetson
(blakeblackshear/frigate#381, #9663), so what was wanted and not got is part of the record.
"""

from __future__ import annotations

from msgspec import Struct


class Fallback(Struct, frozen=True, kw_only=True):
    """An accelerator that was wanted and does not serve, and what serves instead."""

    wanted: str
    got: str
    cause: str
    """A clause without a full stop, for a log line or a telemetry field."""
    fix: str

    @property
    def sentence(self) -> str:
        """All of it in words."""
        return f"{self.wanted} was wanted and {self.got} serves: {self.cause}. {self.fix}"


class BuildProgress(Struct, frozen=True, kw_only=True):
    """An engine that is being built while the CPU answers. Whoever asks gets the numbers of that moment."""

    elapsed_s: float
    expected_s: float | None = None
    """What the most similar build on this device took; None where there was none."""


class BackendState(Struct, frozen=True, kw_only=True):
    """Who computes, and how."""

    library: str
    version: str
    device: str
    """`cpu`, `usb:0`, `pci:1`, `tensorrt`, `cuda` or `openvino`; `unknown` for a backend that cannot say."""
    delegate: str = ""
    """The part of the library that does the work, e.g. `XNNPACK` or `CUDAExecutionProvider`; empty for none."""
    threads: int | None = None
    fallback: Fallback | None = None
    building: BuildProgress | None = None
