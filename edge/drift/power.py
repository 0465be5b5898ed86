"""What a calibrated reference can see: its own pictures, changed in known ways, judged window by window.

A person who reads the reference then knows whether silence means anything. Only the input is asked; what a change does
to the answers would need the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from contract.manifest import Share
from contract.reference import Reference
from edge.drift.features import Measurer
from edge.drift.window import Judge
from edge.frames import Pixels
from edge.opencv import cv2

_WINDOWS = 100
_PICTURES = 256
_SEED = 0
Change = Callable[[Pixels, np.random.Generator], Pixels]


def brightness(factor: float) -> Change:
    """Every pixel times `factor`."""
    return lambda picture, _: cv2.convertScaleAbs(picture, alpha=factor).reshape(picture.shape)


def blur(sigma_px: float) -> Change:
    """Gaussian, in pixels of the fitted picture."""
    return lambda picture, _: cv2.GaussianBlur(picture, (0, 0), sigma_px).reshape(picture.shape)


def noise(sigma: float) -> Change:
    """Gaussian, in grey levels, independent in every channel."""

    def noisy(picture: Pixels, draws: np.random.Generator) -> Pixels:
        changed = picture + draws.normal(0.0, sigma, picture.shape)
        return np.clip(np.rint(changed), 0, 255).astype(np.uint8)

    return noisy


CHANGES: dict[str, Change] = {"brightness x 0.8": brightness(0.8), "blur 1 px": blur(1.0), "noise 8": noise(8.0)}


def measured_power(
    reference: Reference, thresholds: Mapping[str, float], frames: Pixels, window: int
) -> dict[str, Share]:
    """Share of windows in which the input was called changed, by change; `frames` (N, H, W, C) are fitted."""
    judge = Judge(reference, thresholds)
    draws = np.random.default_rng(_SEED)
    chosen = draws.permutation(len(frames))[:_PICTURES]
    return {name: _share(judge, frames[chosen], change, window, draws) for name, change in CHANGES.items()}


def _share(judge: Judge, frames: Pixels, change: Change, window: int, draws: np.random.Generator) -> Share:
    measure = Measurer(frames.shape[1:]).measure
    seen = [measure(change(picture, draws)) for picture in frames]
    alarms = 0
    for _ in range(_WINDOWS):
        filled = judge.new_window()
        for index in draws.integers(len(seen), size=window):
            filled.add_picture(seen[index])
        alarms += judge.judge(filled).input_changed
    return alarms / _WINDOWS
