"""`--fix`: a list of the pictures worth keeping, and a list of the others with the reason. The pictures stay untouched.

Left out is what is wrong beyond doubt: unreadable, of a single colour, there twice. Which label is right, which dark
picture is useful and which camera belongs to which split are decisions for a person.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contract.errors import ConfigError
from trainer.checks.copies import Copies
from trainer.checks.examined import Examined, Seen
from trainer.checks.files import why
from trainer.checks.finding import Finding
from trainer.checks.spelling import spellings
from trainer.data.origin import Listed

_PROTECTED = {None: 0, "train": 1, "validation": 2, "test": 3}
"""Of copies, the one that is measured stays: what was measured before stays comparable."""


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What becomes of every picture."""

    kept: tuple[Listed, ...]
    labels: Mapping[str, str]
    """By picture kept: the label it is listed with."""
    dropped: tuple[tuple[Listed, str], ...]
    """The others, and why."""


def clean(seen: Examined, copies: Copies, findings: tuple[Finding, ...], *, relabel: bool) -> Cleaning:
    """Decide; with `relabel`, suspected labels become the suggested ones and spellings of one word the commonest."""
    if relabel and seen.detect:
        raise ConfigError(
            "labels of boxes are not changed unseen", where="--relabel", fix="Change them where they were marked."
        )
    gone = {picture.listed.name: f"cannot be read: {why(seen, picture)}" for picture in seen.bad}
    for finding in findings:
        if finding.kind == "single-colour":
            gone |= {name: "of a single colour" for name in finding.pictures if isinstance(name, str)}
    gone |= _equal(seen, copies, gone)
    gone |= _near(seen, copies, gone)
    kept = tuple(picture for picture in seen.origin.pictures if picture.name not in gone)
    labels = {} if seen.detect else {picture.name: seen.origin.labels[picture.label] for picture in kept}
    if relabel:
        labels = _relabelled(labels, findings)
    dropped = tuple((picture, gone[picture.name]) for picture in seen.origin.pictures if picture.name in gone)
    return Cleaning(kept, labels, dropped)


def _equal(seen: Examined, copies: Copies, gone: Mapping[str, str]) -> dict[str, str]:
    gone_too: dict[str, str] = {}
    for group in copies.equal:
        left = sorted((read for read in group if read.listed.name not in gone), key=_worth)
        if not seen.detect and len({read.listed.label for read in left}) > 1:
            names = " = ".join(read.listed.name for read in left)
            gone_too |= {read.listed.name: f"equal pictures under different labels: {names}" for read in left}
        else:
            gone_too |= {read.listed.name: f"equal to {left[0].listed.name}" for read in left[1:]}
    return gone_too


def _near(seen: Examined, copies: Copies, gone: Mapping[str, str]) -> dict[str, str]:
    """Pictures in the order of their worth; one that is a near copy of a picture kept already is left out.

    Of a series in which each resembles the next, those far enough apart stay.
    """
    partners: dict[str, list[Seen]] = defaultdict(list)
    reads: dict[str, Seen] = {}
    for one, other in copies.near:
        partners[one.listed.name].append(other)
        partners[other.listed.name].append(one)
        reads |= {one.listed.name: one, other.listed.name: other}
    kept: set[str] = set()
    gone_too: dict[str, str] = {}
    for read in sorted((read for name, read in reads.items() if name not in gone), key=_worth):
        rival = next((p for p in partners[read.listed.name] if p.listed.name in kept and _torn(seen, read, p)), None)
        if rival is None:
            kept.add(read.listed.name)
        else:
            gone_too[read.listed.name] = f"nearly equal to {rival.listed.name}"
    return gone_too


def _torn(seen: Examined, read: Seen, kept: Seen) -> bool:
    """Whether `read` must go for its near copy: under another label of the same split both may be right."""
    return seen.detect or read.listed.label == kept.listed.label or read.listed.split != kept.listed.split


def _worth(read: Seen) -> tuple[int, int, str]:
    """Sorts what is measured before what is trained on, then large before small."""
    width, height = read.size_wh
    return -_PROTECTED[read.listed.split], -width * height, read.listed.name


def _relabelled(labels: Mapping[str, str], findings: tuple[Finding, ...]) -> dict[str, str]:
    suggested = {suspect.picture: suspect.suggested for finding in findings for suspect in finding.suspects}
    changed = {name: suggested.get(name, label) for name, label in labels.items()}
    one_name = dict(_one_name(changed))
    return {name: one_name.get(label, label) for name, label in changed.items()}


def _one_name(labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    counts = Counter(labels.values())
    for group in spellings(sorted(counts)):
        best = max(group, key=lambda label: (counts[label], label)).strip()
        yield from ((label, best) for label in group)
