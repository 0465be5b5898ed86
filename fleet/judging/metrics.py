"""What is compared on devices that answer: one entry a metric, in the order in which they are told."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["ratio", "share", "number"]


class Metric(NamedTuple):
    """How one metric is spoken of. Its change is always computed so that larger is worse (`windows.changes`)."""

    words: str
    kind: Kind
    """`ratio`: the change is a difference of natural logarithms; `share`: a difference of shares or scores 0..1, told
    in points; `number`: a plain difference."""
    falls: bool = False
    """Whether worse means less."""
    unit: str = ""


METRICS: dict[str, Metric] = {
    "latency": Metric("latency p95", "ratio"),
    "confidence": Metric("mean confidence", "share", falls=True),
    "answers": Metric("first answers under another label", "share"),
    "drift": Metric("drift windows with a lamp lit", "share"),
    "restarts": Metric("restarts", "number", unit="an hour"),
    "rate": Metric("frames a second", "share", falls=True),
    "errors": Metric("damaged frames", "share"),
    "accuracy": Metric("accuracy", "share", falls=True),
    "agreement": Metric("agreement", "share", falls=True),
}
