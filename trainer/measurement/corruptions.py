"""Pictures made worse on purpose, the same way every time: what a model's robustness is measured against.

Fifteen kinds in five severities, after ImageNet-C (Hendrycks and Dietterich, arXiv 1903.12261), written anew for fitted
uint8 frames of any size from 24 pixels, grey or colour: lengths are shares of the shorter side, frost is grown rather
than photographed. The figures are therefore comparable between models measured here, not with published tables.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from contract.errors import ConfigError
from edge.opencv import cv2

SEVERITIES = (1, 2, 3, 4, 5)
SMALLEST_PX = 24
"""Below, one pixel of blur is already most of the picture."""
Frame = NDArray[np.float32]
"""(H, W, C) in 0..1."""
Maker = Callable[[Frame, int, np.random.Generator], Frame]
"""A frame, an index 0..4 into the severities, and the draws."""


def corrupt(frames: NDArray[np.uint8], kind: str, severity: int, seed: int) -> NDArray[np.uint8]:
    """`frames` (N, H, W, C) uint8 as one of `KINDS` leaves them; same shape, a new array.

    The draws of a frame follow from seed, kind and its index alone, so a severity only scales them. Channel order
    matters to none but `jpeg`, which takes the first for red. ConfigError for an unknown kind, a severity outside 1..5,
    or frames of fewer than 24 pixels either way.
    """
    check(frames, kind, severity)
    number = KINDS.index(kind)
    make = _MAKERS[kind]
    made = np.empty_like(frames)
    for index, frame in enumerate(frames):
        draws = np.random.default_rng((seed, number, index))
        changed = make(frame.astype(np.float32) / 255.0, severity - 1, draws)
        made[index] = np.rint(np.clip(changed, 0.0, 1.0) * 255.0).astype(np.uint8)
    return made


def check(frames: NDArray[np.uint8], kind: str, severity: int) -> None:
    """ConfigError unless `corrupt` can do this."""
    if kind not in _MAKERS:
        raise ConfigError(f"no corruption {kind!r}", where="corruptions", fix=f"There are: {', '.join(KINDS)}.")
    if severity not in SEVERITIES:
        raise ConfigError(f"severity {severity}", where=f"corruption {kind}", fix="Use 1 to 5.")
    if frames.ndim != 4 or frames.dtype != np.uint8 or frames.shape[3] not in (1, 3):
        raise ConfigError(
            f"frames of shape {frames.shape} and type {frames.dtype}",
            where=f"corruption {kind}",
            fix="Give fitted pictures: (N, H, W, 1 or 3) uint8.",
        )
    if min(frames.shape[1:3]) < SMALLEST_PX:
        raise ConfigError(
            f"pictures of {frames.shape[2]}x{frames.shape[1]} pixels are too small to be made worse",
            where=f"corruption {kind}",
            fix=f"Use at least {SMALLEST_PX} pixels each way.",
        )


def _gaussian_noise(frame: Frame, level: int, draws: np.random.Generator) -> Frame:
    """As a sensor in low light."""
    return frame + np.float32((0.04, 0.08, 0.12, 0.18, 0.26)[level]) * _normal(draws, frame.shape)


def _shot_noise(frame: Frame, level: int, draws: np.random.Generator) -> Frame:
    """Few photons: Poisson, by its normal approximation so that the same draws serve every severity."""
    photons = (500.0, 200.0, 80.0, 30.0, 12.0)[level]
    return np.asarray(frame + np.sqrt(np.maximum(frame, 1.0 / 255) / photons) * _normal(draws, frame.shape), np.float32)


def _impulse_noise(frame: Frame, level: int, draws: np.random.Generator) -> Frame:
    """Single values stuck at black or white."""
    share = (0.02, 0.05, 0.08, 0.14, 0.22)[level]
    struck, white = draws.random(frame.shape) < share, draws.random(frame.shape) < 0.5
    return np.where(struck, white.astype(np.float32), frame)


def _defocus_blur(frame: Frame, level: int, _: np.random.Generator) -> Frame:
    """A disc, as a lens out of focus gives."""
    radius = (0.018, 0.027, 0.04, 0.055, 0.075)[level] * _side(frame)
    return _filtered(frame, _disc(max(radius, 0.6 + 0.2 * level)))


def _glass_blur(frame: Frame, level: int, draws: np.random.Generator) -> Frame:
    """Pixels swapped with near ones, as frosted glass does."""
    reach = (0.012, 0.02, 0.03, 0.042, 0.06)[level] * _side(frame)
    shift = draws.uniform(-1.0, 1.0, (*frame.shape[:2], 2)).astype(np.float32) * np.float32(reach)
    moved = _moved(frame, shift[..., 0], shift[..., 1])
    return _shaped(cv2.GaussianBlur(moved, (0, 0), 0.35 + 0.15 * level), frame)


def _motion_blur(frame: Frame, level: int, draws: np.random.Generator) -> Frame:
    """A line in a direction of its own for every frame."""
    length = (0.06, 0.09, 0.13, 0.18, 0.25)[level] * _side(frame)
    return _filtered(frame, _line(max(length, 2.0 + 0.5 * level), draws.uniform(0.0, np.pi)))


def _zoom_blur(frame: Frame, level: int, _: np.random.Generator) -> Frame:
    """The mean over ever larger enlargements, as when zooming during the exposure."""
    furthest = (0.07, 0.12, 0.18, 0.25, 0.34)[level]
    steps = np.linspace(1.0, 1.0 + furthest, 8)
    return np.asarray(np.mean([_zoomed(frame, float(step)) for step in steps], axis=0), np.float32)


def _snow(frame: Frame, level: int, draws: np.random.Generator) -> Frame:
    """Paler, with streaks of falling flakes."""
    share, strength = (0.01, 0.02, 0.035, 0.05, 0.07)[level], (0.5, 0.6, 0.7, 0.8, 0.9)[level]
    flakes = (draws.random(frame.shape[:2]) < share).astype(np.float32)
    direction = draws.uniform(np.pi / 4, 3 * np.pi / 4)
    streaks = np.asarray(cv2.filter2D(flakes, -1, _line(0.06 * _side(frame) + 1.0, direction), None, (-1, -1), 0.0))
    streaks = np.clip(streaks * (0.05 * _side(frame) + 1.5), 0.0, 1.0)[..., None]
    pale = (0.05, 0.1, 0.16, 0.22, 0.3)[level]
    paler = frame + pale * (np.maximum(frame.mean(axis=2, keepdims=True) * 1.2 + 0.3, frame) - frame)
    return np.asarray(paler + strength * streaks * (1.0 - paler), np.float32)


def _frost(frame: Frame, level: int, draws: np.random.Generator) -> Frame:
    """Crystals grown from ridges of noise, densest at the rim, over a dimmed picture."""
    keep, ice = (0.92, 0.82, 0.72, 0.64, 0.56)[level], (0.2, 0.35, 0.45, 0.55, 0.65)[level]
    ridges = 1.0 - np.abs(2.0 * _plasma(frame.shape[:2], draws) - 1.0)
    height, width = frame.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    rim = np.clip(0.35 + 0.65 * np.maximum(np.abs(x), np.abs(y)), 0.0, 1.0)
    return np.asarray(keep * frame + ice * (ridges**2 * rim)[..., None], np.float32)


def _fog(frame: Frame, level: int, draws: np.random.Generator) -> Frame:
    """Clouds of fractal noise in front of a picture that loses its range."""
    thick = (0.4, 0.65, 0.95, 1.3, 1.7)[level]
    cloud = 0.4 + 0.6 * _plasma(frame.shape[:2], draws)[..., None]
    return np.asarray((frame + thick * cloud) / (1.0 + thick), np.float32)


def _brightness(frame: Frame, level: int, _: np.random.Generator) -> Frame:
    return frame + np.float32((0.1, 0.18, 0.26, 0.36, 0.46)[level])


def _contrast(frame: Frame, level: int, _: np.random.Generator) -> Frame:
    mean = frame.mean(axis=(0, 1), keepdims=True)
    return np.asarray((frame - mean) * (0.6, 0.45, 0.32, 0.2, 0.1)[level] + mean, np.float32)


def _elastic(frame: Frame, level: int, draws: np.random.Generator) -> Frame:
    """Stretched and squeezed as rubber, by a smooth field of shifts."""
    reach = (0.015, 0.025, 0.04, 0.055, 0.075)[level] * _side(frame)
    fields = [cv2.GaussianBlur(_normal(draws, frame.shape[:2]), (0, 0), 0.05 * _side(frame)) for _ in range(2)]
    x, y = (field / max(float(np.abs(field).std()) * 2.0, 1e-6) * reach for field in fields)
    return _moved(frame, np.asarray(x, np.float32), np.asarray(y, np.float32))


def _pixelate(frame: Frame, level: int, _: np.random.Generator) -> Frame:
    """Made smaller and blown up again with hard edges."""
    share = (0.7, 0.55, 0.42, 0.32, 0.24)[level]
    height, width = frame.shape[:2]
    small = cv2.resize(frame, (max(2, round(width * share)), max(2, round(height * share))), None, 0, 0, cv2.INTER_AREA)
    return _shaped(cv2.resize(small, (width, height), None, 0, 0, cv2.INTER_NEAREST), frame)


def _jpeg(frame: Frame, level: int, _: np.random.Generator) -> Frame:
    """Written and read with ever fewer bits."""
    quality = (30, 20, 14, 9, 5)[level]
    pixels = np.rint(frame * 255.0).astype(np.uint8)[..., ::-1]
    written = cv2.imencode(".jpg", np.ascontiguousarray(pixels), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    read = np.asarray(cv2.imdecode(written, cv2.IMREAD_UNCHANGED)).reshape(frame.shape)
    return read[..., ::-1].astype(np.float32) / 255.0


_MAKERS: dict[str, Maker] = {
    "gaussian_noise": _gaussian_noise,
    "shot_noise": _shot_noise,
    "impulse_noise": _impulse_noise,
    "defocus_blur": _defocus_blur,
    "glass_blur": _glass_blur,
    "motion_blur": _motion_blur,
    "zoom_blur": _zoom_blur,
    "snow": _snow,
    "frost": _frost,
    "fog": _fog,
    "brightness": _brightness,
    "contrast": _contrast,
    "elastic": _elastic,
    "pixelate": _pixelate,
    "jpeg": _jpeg,
}
KINDS = tuple(_MAKERS)
"""Names of the corruptions, noise first, then blur, weather, and what cameras and files do."""


def _side(frame: Frame) -> float:
    """The shorter side in pixels."""
    return float(min(frame.shape[:2]))


def _normal(draws: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return draws.standard_normal(shape, np.float32)


def _shaped(pixels: NDArray[np.float32], like: Frame) -> Frame:
    """With the channel axis cv2 drops of a grey picture."""
    return np.asarray(pixels, np.float32).reshape(like.shape)


def _filtered(frame: Frame, kernel: NDArray[np.float32]) -> Frame:
    return _shaped(cv2.filter2D(frame, -1, kernel, None, (-1, -1), 0.0, cv2.BORDER_REFLECT_101), frame)


def _disc(radius: float) -> NDArray[np.float32]:
    """A disc with a soft edge of one pixel, so that radii between whole pixels differ."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0.0, 1.0)
    return np.asarray(disc / disc.sum(), np.float32)


def _line(length: float, angle: float) -> NDArray[np.float32]:
    """A line through the middle, `length` pixels long, soft at its sides."""
    reach = int(np.ceil(length / 2.0))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along, beside = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    line = np.clip(length / 2.0 + 0.5 - np.abs(along), 0.0, 1.0) * np.clip(1.0 - np.abs(beside), 0.0, 1.0)
    return np.asarray(line / line.sum(), np.float32)


def _zoomed(frame: Frame, factor: float) -> Frame:
    """Enlarged around the middle."""
    height, width = frame.shape[:2]
    middle_x, middle_y = (width - 1) / 2.0, (height - 1) / 2.0
    matrix = np.array([[factor, 0, middle_x * (1 - factor)], [0, factor, middle_y * (1 - factor)]], np.float32)
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101
    return _shaped(cv2.warpAffine(frame, matrix, (width, height), None, flags, border), frame)


def _moved(frame: Frame, right: NDArray[np.float32], down: NDArray[np.float32]) -> Frame:
    """Each pixel taken from that many pixels away."""
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]].astype(np.float32)
    moved = cv2.remap(frame, x + right, y + down, cv2.INTER_LINEAR, None, cv2.BORDER_REFLECT_101)
    return _shaped(moved, frame)


def _plasma(shape: tuple[int, ...], draws: np.random.Generator) -> NDArray[np.float32]:
    """Fractal noise (H, W) in 0..1: octaves of smoothed draws, each half as strong as the coarser one."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    strength, cells = 1.0, 2
    while cells <= min(height, width):
        coarse = _normal(draws, (cells, cells))
        total += strength * np.asarray(cv2.resize(coarse, (width, height), None, 0, 0, cv2.INTER_CUBIC))
        strength, cells = strength * 0.55, cells * 2
    low, high = float(total.min()), float(total.max())
    return np.asarray((total - low) / max(high - low, 1e-6), np.float32)
