"""`--judge NAME=VALUE` of `fleet rollout create`: what the new model may do, for the server to check."""

from __future__ import annotations

from collections.abc import Sequence

from contract.errors import ConfigError
from fleet.judging.metrics import METRICS

NAMES = (*METRICS, "failures", "silence", "alpha", "looks")
HELP = (
    "How much worse than on the old model, e.g. latency=0.2 for 20 %, or off; may be repeated. "
    f"Names: {', '.join(NAMES)} (seconds after the switch, 300,900,3600)."
)


def chosen_judging(said: Sequence[str]) -> dict[str, float | list[float] | None]:
    """The settings as an order wants them (`fleet/judging/limits.py`); ConfigError for what is none."""
    found: dict[str, float | list[float] | None] = {}
    for words in said:
        name, equals, value = words.partition("=")
        if name not in NAMES or not equals:
            raise ConfigError(
                f"{words!r} is no comparison", where="--judge", fix=f"Write NAME=VALUE, NAME one of {', '.join(NAMES)}."
            )
        if name == "looks":
            found["looks_s"] = [_number(part, words) for part in value.split(",")]
        else:
            found[name] = None if value == "off" and name != "alpha" else _number(value, words)
    return found


def _number(value: str, words: str) -> float:
    try:
        return float(value)
    except ValueError as problem:
        raise ConfigError(
            f"{value!r} is no number", where=f"--judge {words}", fix="Write a number like 0.2, or `off`."
        ) from problem
