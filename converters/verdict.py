"""What the gate found: one row a stage, and where the model is refused, which of three causes it was.

A model passes three hands on its way to a device. The converter writes it in another format, the quantiser rounds its
numbers, and a processor's kernels compute it. Each stage is compared with the one before, so that a refusal can say
whose hand it was: `conversion`, `quantization` or `kernels`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from contract.errors import GateError

Cause = Literal["conversion", "quantization", "kernels"]
StageName = Literal["float", "emulated", "kernels"]


class Limits(Struct, frozen=True, kw_only=True):
    """What a conversion may cost."""

    max_drop: float = 0.02
    """Of accuracy, absolute; 0 for none at all."""
    min_agreement: float = 0.9
    """Mean share of pictures, boxes, pixels or values that are answered the same."""
    parity: float = 1e-4
    """Of a float32 artifact: largest error over largest output."""
    kernels_db: float = 1.0
    """How much less signal to noise a processor's kernels may leave than the emulation of the same file."""
    kernel_steps: float = 8.0
    """Of 256 over the range seen: kernels nearer to the emulation than this are the same, whatever the decibels."""
    min_correlation: float = 0.9
    """Of each output's numbers with the source's, where first answers do not say it all."""

    min_box_iou: float = 0.8
    """Of the source's boxes with the artifact's, a lost one counting as 0: nine in ten found, each to nine tenths."""

    def drop_on(self, pictures: int) -> float:
        """The fall allowed on that many pictures: one picture is always within it, as it tells nothing from chance."""
        return max(self.max_drop, 1 / pictures) if self.max_drop else 0.0

    def agreement_on(self, pictures: int) -> float:
        """The agreement needed on that many pictures: one of them may always differ."""
        return min(self.min_agreement, 1 - 1 / pictures)


class StageRow(Struct, frozen=True, kw_only=True):
    """One stage on the same pictures as the source."""

    stage: StageName
    by: str
    """What computed it, e.g. `ai-edge-litert 2.3.0, reference kernels`."""
    pictures: int
    sqnr_db: float | None
    """Of the worst output; None where both give the same numbers."""
    correlation: float
    """Centred, of the worst output."""
    relative_error: float
    """Largest error over largest value, of the worst output."""
    agreement: float
    """Mean over the pictures, of what `converters/sameness.py` calls the same."""
    box_iou: float | None = None
    """Mean overlap of the source's boxes with the stage's, for detectors that found any."""
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    """95 % interval; None where the pictures have no classes."""

    @property
    def churn(self) -> float:
        """Share of changed answers."""
        return 1 - self.agreement


class Verdict(Struct, frozen=True, kw_only=True):
    """All stages of one artifact, in the order a model passes them, and what follows."""

    rows: tuple[StageRow, ...]
    source_accuracy: float | None
    metric: str = "accuracy"
    """What is called accuracy here: of a detector it is `mAP50-95`."""
    cause: Cause | None = None
    """Whose hand changed the model; None where it passed."""
    what: str = ""
    fix: str = ""

    @property
    def passed(self) -> bool:
        """Whether it is the same model."""
        return self.cause is None

    @property
    def device(self) -> StageRow:
        """The file as the device's own code runs it: the last row."""
        return self.rows[-1]


WORDS: dict[Cause, str] = {
    "conversion": "the conversion changed the model",
    "quantization": "quantisation lost too much",
    "kernels": "this processor's kernels compute it wrongly",
}
"""How a refusal begins."""


def raise_refusal(verdict: Verdict, *, where: str) -> None:
    """GateError with the cause where the verdict is one; nothing otherwise."""
    if verdict.cause is not None:
        raise GateError(f"{WORDS[verdict.cause]}: {verdict.what}", where=where, fix=verdict.fix)
