"""What an evaluation says, as `metrics.json` and `edgeferry evaluate --json` hold it: figures with their intervals."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from contract.intervals import share_interval
from contract.manifest import Share


class Ranged(Struct, frozen=True, kw_only=True):
    """A figure and its 95 % interval."""

    value: float
    low: float | None = None
    """None where nothing was resampled: a size, a latency."""
    high: float | None = None


def ranged_share(part: int, whole: int) -> Ranged:
    """A share of `whole` pictures, one or more, with Wilson's interval."""
    share = part / whole
    low, high = share_interval(share, whole)
    return Ranged(value=share, low=min(low, share), high=max(high, share))  # rounding must not exclude 0 and 1


class ClassMeasures(Struct, frozen=True, kw_only=True):
    """One class; None where the data has nothing to measure it on."""

    label: str
    pictures: int
    precision: Ranged | None
    recall: Ranged | None
    f1: Ranged | None
    auroc: Ranged | None
    """Against all other classes together."""
    average_precision: Ranged | None


class Bin(Struct, frozen=True, kw_only=True):
    """Pictures the model was about equally sure of."""

    pictures: int
    sureness: Share
    """Mean of the best score."""
    right: Share
    """Share answered rightly."""


class Calibration(Struct, frozen=True, kw_only=True):
    """Whether scores are probabilities, before and after temperature scaling."""

    temperature: float | None = None
    """Scores are softmax(log(score) / temperature); above 1 the model was too sure. None where nothing fitted it."""
    fitted_on: int = 0
    """Validation pictures it was fitted on."""
    ece: Ranged
    ece_by_chance: float
    """What a perfectly calibrated model with these scores would show on so few pictures."""
    bins: tuple[Bin, ...]
    calibrated_ece: Ranged | None = None
    calibrated_ece_by_chance: float | None = None
    calibrated_log_loss: Ranged | None = None
    calibrated_brier: Ranged | None = None
    calibrated_bins: tuple[Bin, ...] = ()


class Slice(Struct, frozen=True, kw_only=True):
    """The pictures that have one thing in common."""

    column: str
    value: str
    pictures: int
    accuracy: Ranged
    macro_f1: Share
    """Over the classes that occur in it."""
    sureness: Share
    """Mean of the best score: far above the accuracy, and the model does not know that it fails here."""
    small: bool
    """Fewer than 20 pictures: to be read with the interval or not at all."""


class Slices(Struct, frozen=True, kw_only=True):
    """All slices, and the one to look at first."""

    slices: tuple[Slice, ...]
    worst: str | None
    """`COLUMN=VALUE` of the lowest accuracy among those that are not small."""
    left_out: tuple[str, ...] = ()
    """Columns with too many values to slice by, or with one."""


class OperatingPoint(Struct, frozen=True, kw_only=True):
    """A threshold chosen on the validation split for a stated goal, and what it gives on the test split."""

    goal: str
    """As written, for example `precision>=0.95`."""
    threshold: Share | None
    """Least score that counts; None where no threshold reaches the goal on the validation split."""
    on_validation: Share | None = None
    """The figure of the goal there."""
    validation_pictures: int = 0
    precision: Ranged | None = None
    """Share of the answers given that are right."""
    recall: Ranged | None = None
    """Share of the pictures to be found that are answered, rightly."""
    coverage: Share | None = None
    """Share of all pictures with an answer."""
    reached: bool | None = None
    """Whether the test split keeps what the validation split promised."""


class CostTable(Struct, frozen=True, kw_only=True):
    """What mistakes cost, by two ways to answer."""

    currency: str
    per_1000: Ranged
    """Expected cost of 1,000 pictures answered with the highest score."""
    least_per_1000: Ranged | None = None
    """The same, answered with the class of the least expected cost by calibrated scores."""
    saved_per_1000: Ranged | None = None
    """How much less that is, paired."""
    changed: Share = 0.0
    """Share of pictures the two ways answer differently."""
    least_accuracy: Share | None = None
    """Accuracy of the cheaper way: usually lower, which is the point."""


class Robustness(Struct, frozen=True, kw_only=True):
    """Accuracy on pictures made worse: `trainer/measurement/corruptions.py`."""

    pictures: int
    seed: int
    clean: Share
    """Accuracy on the same pictures as they are."""
    grid: dict[str, tuple[Share, ...]]
    """Accuracy by corruption, severities 1 to 5."""
    mean: Share
    """Mean corruption accuracy: over all kinds and severities."""
    worst: str
    """The corruption with the lowest mean."""


class GoalLine(Struct, frozen=True, kw_only=True):
    """One goal of `[goals]` and what became of it."""

    key: str
    goal: float
    direction: Literal["at least", "at most"]
    value: float | None
    """None where it was not measured here."""
    low: float | None = None
    high: float | None = None
    verdict: Literal["met", "missed", "not measured"]


class GoalTable(Struct, frozen=True, kw_only=True):
    """All goals; a goal without evidence is not met."""

    verdict: Literal["met", "missed"]
    judged_by: Literal["value", "interval"]
    lines: tuple[GoalLine, ...]


class Evaluation(Struct, frozen=True, kw_only=True):
    """Everything from one pass of scores over a set of labelled pictures."""

    pictures: int
    resamples: int
    seed: int
    groups: int | None = None
    """Groups of pictures that were resampled together; None where each picture stands alone."""
    figures: dict[str, Ranged]
    """`accuracy`, `top2`, `top3`, `top5`, `macro_f1`, `auroc`, `average_precision`, `log_loss`, `brier`."""
    per_class: tuple[ClassMeasures, ...]
    calibration: Calibration
    slices: Slices | None = None
    operating_points: tuple[OperatingPoint, ...] = ()
    costs: CostTable | None = None
    robustness: Robustness | None = None
    goals: GoalTable | None = None
