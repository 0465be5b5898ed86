"""What a model looked at: Grad-CAM (Selvaraju et al., 2017, arXiv 1610.02391).

The last feature map that still has a place for everything is weighed by how much each channel raises the logit in
question, summed, and laid over the picture. It is as coarse as that map (6x6 cells for 96x96 pixels) and says where
evidence lay, not what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.manifest import Preprocessing
from edge.frames import Pixels
from edge.opencv import cv2
from edge.preprocess import real_values
from trainer.architecture.networks import LOGITS
from trainer.data.dataset import Pictures
from trainer.measurement.mistakes import png_of
from trainer.record import Mistake

_GLOW = 0.55
"""How much of the brightest place is colour rather than picture."""
_LEAST = 1e-12
_SHOWN_PX = 96
"""Smaller pictures are enlarged before the glow is laid over them."""


def saliency(
    model: keras.Model, frames: NDArray[np.uint8], classes: NDArray[np.int64], prep: Preprocessing
) -> NDArray[np.float32] | None:
    """Where evidence for `classes` (N,) lay in fitted `frames` (N, H, W, C): (N, H, W) in 0..1.

    All zeros where nothing spoke for the class. None for a network without a feature map to look into.
    """
    looking = _with_features(model)
    if looking is None:
        return None
    with tf.GradientTape() as tape:
        features, outputs = looking(real_values(frames, prep), training=False)
        logits = outputs if _has_logits(model) else tf.math.log(outputs + _LEAST)
        wanted = tf.gather(logits, classes, axis=1, batch_dims=1)
    slopes = tape.gradient(wanted, features)
    weights = tf.reduce_mean(slopes, axis=(1, 2), keepdims=True)
    maps = np.asarray(tf.nn.relu(tf.reduce_sum(weights * features, axis=-1)))
    height, width = frames.shape[1:3]
    grown = np.stack([cv2.resize(one, (width, height), None, 0, 0, cv2.INTER_LINEAR) for one in maps])
    highest = grown.max(axis=(1, 2), keepdims=True)
    return np.asarray(grown / np.maximum(highest, _LEAST), np.float32)


def overlaid(fitted: Pixels, heat: NDArray[np.float32]) -> bytes:
    """PNG of a fitted picture (H, W, C), dimmed to grey, with `heat` (H, W) 0..1 glowing in it."""
    grey = fitted[..., 0] if fitted.shape[2] == 1 else fitted.mean(axis=2).astype(np.uint8)
    factor = max(1, -(-_SHOWN_PX // max(grey.shape)))
    size = (grey.shape[1] * factor, grey.shape[0] * factor)
    grey = cv2.resize(grey, size, None, 0, 0, cv2.INTER_NEAREST)
    heat = np.clip(cv2.resize(heat, size, None, 0, 0, cv2.INTER_LINEAR), 0.0, 1.0)
    glow = cv2.applyColorMap(np.rint(heat * 255.0).astype(np.uint8), cv2.COLORMAP_TURBO)
    share = (_GLOW * heat)[..., None]
    mixed = grey[..., None] * (1.0 - share) + glow * share
    return bytes(cv2.imencode(".png", np.rint(mixed).astype(np.uint8))[1])


def with_saliency(
    model: keras.Model, pictures: Pictures, shown: Sequence[Mistake], labels: Sequence[str], prep: Preprocessing
) -> tuple[Mistake, ...]:
    """`shown`, each with what spoke for the answer the model gave."""
    if not shown:
        return ()
    places = [pictures.names.index(one.name) for one in shown]
    answers = np.array([labels.index(one.answer) for one in shown], np.int64)
    heats = saliency(model, pictures.frames[places], answers, prep)
    if heats is None:
        return tuple(shown)
    frames = pictures.frames[places]
    return tuple(
        replace(one, saliency=overlaid(frame, heat)) for one, frame, heat in zip(shown, frames, heats, strict=True)
    )


def surest_right(
    pictures: Pictures, scores: NDArray[np.float32], labels: Sequence[str], *, colour: str, limit: int = 6
) -> tuple[Mistake, ...]:
    """Pictures answered rightly, the surest of each class, at most `limit`: what a good look is like."""
    answers, sureness = scores.argmax(axis=1), scores.max(axis=1)
    right = np.flatnonzero(answers == pictures.labels)
    surest = right[np.argsort(-sureness[right], kind="stable")]
    firsts = [int(surest[answers[surest] == label][0]) for label in np.unique(answers[surest])][:limit]
    return tuple(
        Mistake(
            name=pictures.names[i],
            truth=labels[pictures.labels[i]],
            answer=labels[answers[i]],
            score=float(sureness[i]),
            png=png_of(pictures.frames[i], colour),
        )
        for i in firsts
    )


def _with_features(model: keras.Model) -> keras.Model | None:
    """The same network, giving its last feature map beside its logits, or beside its scores."""
    maps = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer) and _is_map(layer)]
    if not maps:
        return None
    last = model.get_layer(LOGITS).output if _has_logits(model) else model.output
    return keras.Model(model.input, [maps[-1].output, last])


def _is_map(layer: keras.Layer) -> bool:
    shape: tuple[int | None, ...] = tuple(getattr(layer.output, "shape", ()))
    if len(shape) != 4:
        return False
    return min(shape[1] or 0, shape[2] or 0) > 1


def _has_logits(model: keras.Model) -> bool:
    return any(layer.name == LOGITS for layer in model.layers)
