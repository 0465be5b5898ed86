"""The options of `fleet rollout create` that say what a new model must hold, in the order in which it is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

_COUNT = click.IntRange(1)
_POSITIVE = click.FloatRange(0, min_open=True)
_SHARE = click.FloatRange(0, 1)
OPTIONS: tuple[tuple[str, str, click.ParamType[Any], float | None, str], ...] = (
    (
        "--shadow-frames",
        "shadow_frames",
        click.IntRange(0),
        10,
        "Frames answered beside the serving model; 0: none.",
    ),
    ("--shadow-seconds", "shadow_s", _POSITIVE, 60.0, "Time these may take."),
    ("--min-agreement", "min_agreement", _SHARE, 0.0, "Share of these with one first answer from both models."),
    ("--max-latency-ratio", "max_latency_ratio", _POSITIVE, None, "Largest p95 of these over the serving model's."),
    ("--max-memory-mib", "max_memory_mib", _COUNT, None, "Most memory of the process it runs in."),
    ("--min-confidence", "min_mean_confidence", _SHARE, 0.0, "Least mean confidence."),
    ("--max-latency-ms", "max_latency_p95_ms", _POSITIVE, None, "Largest p95 of a frame's whole way."),
    ("--max-error-share", "max_error_share", _SHARE, 0.0, "Frames without an answer."),
    ("--health-frames", "health_frames", _COUNT, 30, "Frames judged once it serves."),
    ("--health-seconds", "health_s", _POSITIVE, 60.0, "Time these may take."),
)
"""Option, the field of `Limits` it sets, its kind, default and help."""


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command all of them; their values arrive under the fields' names."""
    for option, field, kind, default, words in reversed(OPTIONS):
        shown = default is not None
        command = click.option(option, field, type=kind, default=default, show_default=shown, help=words)(command)
    return command


def chosen_limits(options: Mapping[str, Any]) -> dict[str, Any]:
    """The limits among a command's values, as the server wants them."""
    return {field: options[field] for _, field, *_ in OPTIONS}
