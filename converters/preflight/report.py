"""What a pre-flight says: how much of a model the target takes, what it refuses, and what to do about each refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace


class Refusal(Struct, frozen=True, kw_only=True):
    """One reason why an operator, or the whole model, does not run where it should."""

    operator: str
    """Name of the operator; `MODEL` for what concerns all of it."""
    cause: str
    fix: str
    """A sentence to act on."""
    where: str = ""
    """The tensor it computes first, so that it can be found in a viewer."""
    source: str = ""
    """Where the rule was read, or what it was measured on."""
    count: int = 1
    """How many operators this is said of."""


class Preflight(Struct, frozen=True, kw_only=True):
    """What `edgeferry convert --dry-run --json` prints for one profile."""

    target: str
    """The profile's name."""
    processor: str
    """What operators are mapped to: `Edge TPU`, `TensorRT`, `XNNPACK`, `onnxruntime`."""
    operators: int
    operators_mapped: int
    """Those that run on `processor`."""
    left_on_cpu: dict[str, int]
    """The others by name, sorted."""
    parts: int
    """Into how many pieces the mapped operators fall; for an Edge TPU at most 1, whatever the graph."""
    cache_mib: float | None = None
    """On-chip memory the weights of the mapped operators take; None where the target has none."""
    cache_at_least: bool = False
    """Whether that is a lower bound, as for recurrent layers, which the compiler unrolls."""
    streamed_mib: float | None = None
    """What does not fit there, and crosses the bus for every frame."""
    fits: bool
    """Whether the target runs the model at all, as it is."""
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[Refusal, ...] = ()
    """What runs, and not as well as it could, or what no public figure decides."""
    compiler: tuple[str, ...] | None = None
    """Where the vendor's compiler decided otherwise, as sentences; None where it is not on this machine."""

    @property
    def fully_mapped(self) -> bool:
        """Whether nothing is left to the CPU."""
        return self.operators_mapped == self.operators


def counted(names: Iterable[str]) -> dict[str, int]:
    """How often each name occurs, sorted by name."""
    return dict(sorted(Counter(names).items()))


def gathered(refusals: Iterable[Refusal]) -> tuple[Refusal, ...]:
    """Equal ones told once, with their number; the first one's place, in the order they came."""
    first: dict[tuple[str, str, str], Refusal] = {}
    number: Counter[tuple[str, str, str]] = Counter()
    for refusal in refusals:
        key = (refusal.operator, refusal.cause, refusal.fix)
        first.setdefault(key, refusal)
        number[key] += refusal.count
    return tuple(replace(refusal, count=number[key]) for key, refusal in first.items())
