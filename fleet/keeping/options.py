"""The options of `fleet serve` and `fleet store retain` that say how long what is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fleet.keeping.terms import Terms

_KEPT = (
    ("readings", "30d", "How long readings are kept, like 30d, 12h or forever."),
    ("events", "30d", "How long events are kept."),
    ("minutes", "14d", "How long roll-ups by minute are kept; charts of older days are by hour."),
    ("rollups", "400d", "How long roll-ups by hour are kept."),
)


def keep_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add them."""
    for name, default, words in reversed(_KEPT):
        command = click.option(f"--keep-{name}", default=default, show_default=True, metavar="TIME", help=words)(
            command
        )
    return command


def chosen_terms(options: dict[str, Any]) -> Terms:
    """What was given; takes its options out of `options`. ConfigError for what is no length of time."""
    from fleet.keeping.terms import terms

    return terms(*(options.pop(f"keep_{name}") for name, _, _ in _KEPT))
