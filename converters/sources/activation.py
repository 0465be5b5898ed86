"""Whether a classifier's graph ends with scores or with logits: by its last operator, or by what it answered."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contract.errors import ConfigError, ModelError
from contract.manifest import TensorSpec
from converters.model_card import ModelCard
from edge.quantisation import dequantise

_ADDS_UP = 0.01
_QUANTISED_ADDS_UP = 0.25
"""Of a thousand small shares stored in 256 steps, most are rounded to nothing."""


def activation_of(
    answers: NDArray[np.generic],
    spec: TensorSpec,
    ends_with: Literal["softmax", "sigmoid"] | None,
    *,
    where: str,
    card: ModelCard,
) -> tuple[Literal["none", "softmax"], str]:
    """What turns the output into scores, and why.

    `answers` (n, *shape) are the model's own, to anything: shares add up to 1 whatever was seen. Raises ModelError
    where they are not finite, ConfigError where they could be either.
    """
    if ends_with is not None:
        return "none", f"the graph ends with {ends_with}"
    rows = dequantise(answers, spec).reshape(len(answers), -1)
    if not np.isfinite(rows).all():
        raise ModelError("it answers with numbers that are not finite", where=where, fix="Train or export it again.")
    if rows.min() < -_ADDS_UP or rows.max() > 1.0 + _ADDS_UP:
        return "softmax", "logits, as the answers lie beyond 0..1"
    slack = _ADDS_UP if spec.quantization is None else _QUANTISED_ADDS_UP
    if np.abs(rows.sum(axis=1) - 1.0).max() <= slack:
        return "none", "scores already, as the answers add up to 1"
    if card.decoding is not None and "activation" in card.decoding:
        return "none", f"said by {card.where}"
    raise ConfigError(
        f"its output {spec.name!r} may hold scores or logits: numbers within 0..1 that do not add up to 1",
        where=where,
        fix='Say it in a model card (--model-card): [decoding] kind = "classify", activation = "none" or "softmax".',
    )
