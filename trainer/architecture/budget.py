"""What a model may cost on a device, what it would cost there, and whether the one is within the other.

A budget is written `rpi4:30ms,2MB`, several with `;` between them. What is held against it is the upper end of the
prediction's error band, where one is known: a network that fits by half of the published networks' luck does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from contract.errors import ConfigError
from devices.cost.predict import cost_of
from devices.cost.tables import Precision
from devices.profiles import Profile, load_profile

_Above = Annotated[float, Meta(gt=0.0)]
DEFAULT_MS = 100.0
"""Of `--for PROFILE`: ten frames a second, which most scenes with people in them need."""
_FORM = "Write it like rpi4:30ms,2MB or rpi4:15fps,2MB,ram=120MB"
_LIMIT = re.compile(r"(ram=)?(\d+(?:\.\d+)?)\s*([A-Za-z]+)")
_BYTES: Mapping[str, float] = {"b": 1, "kb": 1e3, "mb": 1e6, "kib": 1024, "mib": 1024**2}
_MIB = 1024**2


class Budget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`[[budget]]`: the most a model may cost on one kind of device; what is left out is not limited."""

    profile: str
    latency_ms: _Above | None = None
    """Of one frame in the model alone."""
    size_bytes: Annotated[int, Meta(gt=0)] | None = None
    """Of the converted file."""
    memory_mib: _Above | None = None
    """Of the whole process at its peak."""

    def __str__(self) -> str:
        limits = (
            None if self.latency_ms is None else f"{self.latency_ms:g}ms",
            None if self.size_bytes is None else f"{self.size_bytes / 1e6:g}MB",
            None if self.memory_mib is None else f"ram={self.memory_mib:g}MiB",
        )
        return f"{self.profile}:{','.join(limit for limit in limits if limit)}"


class Measured(Struct, frozen=True, kw_only=True):
    """A time taken on the device itself, put beside the prediction by whoever took it (`edgeferry bench`)."""

    latency_ms: float
    """The median of a frame in the model alone."""
    bundle: str
    """Which release was timed."""
    when: str
    """ISO 8601, UTC."""


class Prediction(Struct, frozen=True, kw_only=True):
    """What a network would cost on a device once it is converted."""

    profile: str
    latency_ms: float
    """Of one frame in the model alone."""
    low: float | None
    """Milliseconds: the least that agrees with the error of such predictions; None where that is not known."""
    high: float | None
    """Milliseconds: the most."""
    size_bytes: int
    """Of the converted file."""
    memory_mib: float
    """Of the whole process at its peak."""
    macs: int
    precision: Precision
    error_share: float | None
    """What most published networks were foretold within, as a share of their time."""
    source: str
    """Whose published times."""
    notes: tuple[str, ...] = ()
    """What makes it weaker than its band says."""
    measured: Measured | None = None

    @property
    def surely_ms(self) -> float:
        """The upper end of the band, or the prediction itself where there is no band."""
        return self.latency_ms if self.high is None else self.high


def parse_budgets(texts: Iterable[str]) -> tuple[Budget, ...]:
    """The budgets in `texts`, each `PROFILE:LIMIT,LIMIT`, several with `;` between; ConfigError says what is wrong."""
    parts = [part.strip() for text in texts for part in text.split(";") if part.strip()]
    budgets = tuple(_parsed(part) for part in parts)
    names = [budget.profile for budget in budgets]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise _wrong(f"two budgets for {doubled}", "--budget", "Give one of them.")
    return budgets


def default_budget(name: str) -> Budget:
    """What `--for PROFILE` asks: ten frames a second within the memory the profile gives the service."""
    return Budget(profile=name, latency_ms=DEFAULT_MS, memory_mib=float(load_profile(name).memory_budget_mib))


def predicted(model: Any, profile: Profile | str) -> Prediction:
    """What the built Functional Keras `model` costs on `profile` once converted: 8 bits, float32 on a GPU.

    Nothing is run. ConfigError for a profile that is none, or has no published speeds.
    """
    from trainer.architecture.work import network_work

    known = load_profile(profile) if isinstance(profile, str) else profile
    precision: Precision = "float32" if known.accelerator == "cuda" else "int8"
    counted = network_work(model).counted(known, precision)
    cost = cost_of(counted, known.preferred_format, known)
    low, high = _band(cost.latency_ms, cost.error_share)
    return Prediction(
        profile=known.name,
        latency_ms=cost.latency_ms,
        low=low,
        high=high,
        size_bytes=counted.model_bytes,
        memory_mib=cost.memory_mib,
        macs=cost.macs,
        precision=precision,
        error_share=cost.error_share,
        source=cost.source,
        notes=cost.notes,
    )


def predictions(model: Any, budgets: Sequence[Budget]) -> dict[str, Prediction]:
    """Of `model`, by the profile of each budget."""
    return {budget.profile: predicted(model, budget.profile) for budget in budgets}


def excesses(prediction: Prediction, budget: Budget) -> dict[str, float]:
    """How many times each limit is used, by its name: up to 1 is within it."""
    used = {
        "latency_ms": (prediction.surely_ms, budget.latency_ms),
        "size_bytes": (prediction.size_bytes, budget.size_bytes),
        "memory_mib": (prediction.memory_mib, budget.memory_mib),
    }
    return {name: value / limit for name, (value, limit) in used.items() if limit is not None}


def worst_excess(found: Mapping[str, Prediction], budgets: Sequence[Budget]) -> float:
    """Of all limits of all budgets; 0 where none is set."""
    return max((use for budget in budgets for use in excesses(found[budget.profile], budget).values()), default=0.0)


def overrun(found: Mapping[str, Prediction], budgets: Sequence[Budget]) -> str:
    """In words, which limits are passed and by what; empty where all are kept."""
    return "; ".join(
        f"{budget.profile} {_said(found[budget.profile], name)} where {_limit(budget, name)} are allowed"
        for budget in budgets
        for name, use in excesses(found[budget.profile], budget).items()
        if use > 1
    )


def _band(latency_ms: float, error_share: float | None) -> tuple[float | None, float | None]:
    """The times of which `latency_ms` would be off by that share of them; the upper end is open from 100 %."""
    if error_share is None:
        return None, None
    high = latency_ms / (1 - error_share) if error_share < 1 else None
    return float(f"{latency_ms / (1 + error_share):.3g}"), None if high is None else float(f"{high:.3g}")


def _said(prediction: Prediction, name: str) -> str:
    if name == "latency_ms":
        band = "" if prediction.high is None else f" (up to {prediction.high:g} ms)"
        return f"{prediction.latency_ms:g} ms{band}"
    return f"{prediction.size_bytes / 1e6:.2f} MB" if name == "size_bytes" else f"{prediction.memory_mib:.0f} MiB"


def _limit(budget: Budget, name: str) -> str:
    if name == "latency_ms":
        return f"{budget.latency_ms:g} ms"
    return f"{(budget.size_bytes or 0) / 1e6:.2f} MB" if name == "size_bytes" else f"{budget.memory_mib:g} MiB"


def _parsed(text: str) -> Budget:
    name, colon, limits = text.partition(":")
    if not colon or not limits.strip():
        raise _wrong("a budget needs a profile and a limit", text, f"{_FORM}.")
    found: dict[str, float] = {}
    for limit in limits.split(","):
        key, value = _limited(limit.strip(), text)
        if key in found:
            raise _wrong(f"two limits of {key}", text, "Give one of them.")
        found[key] = value
    size = found.get("size_bytes")
    return Budget(
        profile=load_profile(name.strip()).name,
        latency_ms=found.get("latency_ms"),
        size_bytes=None if size is None else int(size),
        memory_mib=found.get("memory_mib"),
    )


def _limited(limit: str, text: str) -> tuple[str, float]:
    match = _LIMIT.fullmatch(limit)
    if match is None:
        raise _wrong(f"{limit!r} is no limit", text, f"{_FORM}.")
    memory, number, unit = match[1], float(match[2]), match[3].lower()
    if number <= 0:
        raise _wrong(f"{limit!r} leaves nothing", text, "Give a number above 0.")
    if unit in _BYTES:
        size = number * _BYTES[unit]
        return ("memory_mib", size / _MIB) if memory else ("size_bytes", max(1.0, size))
    if unit in ("ms", "fps") and not memory:
        return "latency_ms", number if unit == "ms" else 1000 / number
    raise _wrong(f"no unit {match[3]!r}", text, "There are ms, fps, KB, MB, KiB and MiB.")


def _wrong(what: str, where: str, fix: str) -> ConfigError:
    return ConfigError(what, where=f"budget {where!r}" if where != "--budget" else where, fix=fix)
