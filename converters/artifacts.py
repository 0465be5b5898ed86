"""One converted file becomes an artifact: run by the device's own code, judged, and known by heart.

An `Artifact` is everything the bundles of one recipe share; what differs by profile is added in
`converters/bundling.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from contract.digest import digest_of
from contract.manifest import Manifest
from converters.golden_rules import golden_rules
from converters.recipe import Recipe, float_of
from converters.reference import artifact_reference
from converters.source import Source
from converters.verdict import Verdict
from edge.golden import pack_golden
from edge.model import load_model

Raw = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A converted model that passed the gate."""

    recipe: Recipe
    words: str
    """How it was made, where the recipe alone does not say it."""
    draft: Manifest
    """Everything but profile, evidence, lineage and members."""
    model: bytes
    golden: bytes
    reference: bytes | None
    """The drift reference; None for tasks that have none."""
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Answered:
    """A file and what it says to the golden frames, on this machine, by the device's own code."""

    draft: Manifest
    model: bytes
    raw: Raw
    """(N, ...) by output, as the model gives them."""
    by: str
    """The library and its version."""
    latency_ms: float
    """Median over the frames, with one thread."""


def ask(source: Source, draft: Manifest, model: bytes) -> Answered:
    """Run `model` as a device would on the source's golden frames. ModelError where it does not fit its manifest."""
    with closing(load_model(draft, digest_of(model), model, device="cpu")) as loaded:
        answers, times, by = [], [], loaded.backend.name
        for frame in source.golden.frames:
            begun = perf_counter()
            answers.append(loaded.outputs_for(frame))
            times.append(perf_counter() - begun)
    raw = {spec.name: np.stack([_without_batch(answer[spec.name]) for answer in answers]) for spec in draft.outputs}
    return Answered(draft, model, raw, by, median(times) * 1000)


def artifact_of(
    source: Source, recipe: Recipe, words: str, answered: Answered, verdict: Verdict, *, reduced: bool
) -> Artifact:
    """What passed the gate, with golden frames and drift reference made of its own answers.

    `reduced` says that it is computed in fewer bits than float32 here or on the device. Raises GateError where no
    frame gets an answer firm enough. Whether the model, loaded anew, knows them again: `converters/promises.py`.
    """
    draft, raw = answered.draft, answered.raw
    where = f"{source.name} as {recipe}"
    rules, chosen = golden_rules(
        draft, raw, source.golden.labels, reduced=reduced or float_of(recipe) != recipe, where=where
    )
    golden = pack_golden(source.golden.frames[chosen], {name: rows[chosen] for name, rows in raw.items()})
    finished = replace(draft, golden=rules)
    reference = artifact_reference(source.golden, source.test_classes, finished, raw)
    return Artifact(recipe, words, finished, answered.model, golden, reference, verdict)


def _without_batch(output: NDArray[np.generic]) -> NDArray[np.generic]:
    return output[0] if output.shape[:1] == (1,) else output
