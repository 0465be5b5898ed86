"""Two labels that are one word: `Cat` and `cat `, or `cat` and `cats`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from unicodedata import normalize

from trainer.checks.examined import Examined
from trainer.checks.finding import SHOWN, Finding

_BETWEEN_WORDS = re.compile(r"[\s_\-.]+")
_PLURAL = re.compile(r"(?:(?<=sh|ch|ss)es|(?<=x)es|(?<=[^s])s)$")
"""English ones; other languages' are too many, and a wrong guess costs a look."""


def of_spelling(seen: Examined) -> Iterator[Finding]:
    """Labels that differ in case, spaces or hyphens alone, and labels that are the plural of another."""
    same = spellings(seen.origin.labels)
    if same:
        yield Finding(
            kind="label-spelling", severity="error", count=len(same), examples=_shown(same),
            what="labels that differ in case, spaces or hyphens alone: one thing, learnt as two",
            fix="Give them one name.",
        )  # fmt: skip
    once = [label for label in seen.origin.labels if not any(label in group for group in same)]
    plurals = _alike(once, lambda label: _PLURAL.sub("", plain(label)))
    if plurals:
        yield Finding(
            kind="label-plurals", severity="warning", count=len(plurals), examples=_shown(plurals),
            what="labels that are the plural of another", fix="Give them one name, if they mean one thing.",
        )  # fmt: skip


def spellings(labels: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of labels that are one word written in several ways."""
    return _alike(labels, plain)


def plain(label: str) -> str:
    """`label` without what people vary: case, spaces, hyphens, the form of its accents."""
    return _BETWEEN_WORDS.sub(" ", normalize("NFKC", label)).strip().casefold()


def _alike(labels: Sequence[str], key: Callable[[str], str]) -> list[tuple[str, ...]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        groups[key(label)].append(label)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _shown(groups: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return tuple(" = ".join(map(repr, group)) for group in groups[:SHOWN])
