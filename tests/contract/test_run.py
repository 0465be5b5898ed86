"""A run's files as other rooms read them: classifiers as before, detectors with how they are decoded and measured."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import UNSET

from contract.decoding import DetectGrid
from contract.run import DetectedClass, DetectionMetrics, DetectionScores, Settings

CLASSIFIER = """
name = "digits"
task = "classify"
[preprocessing]
size_wh = [32, 32]
"""
DETECTOR = """
name = "cells"
task = "detect"
[preprocessing]
size_wh = [320, 240]
[decoding]
kind = "detect-grid"
boxes = "boxes"
scores = "scores"
encoding = "yolox"
strides = [8]
activation = "sigmoid"
score_threshold = 0.49
"""


def test_a_classifiers_settings_read_as_they_always_did() -> None:
    settings = msgspec.toml.decode(CLASSIFIER, type=Settings)
    assert settings.decoding is UNSET
    assert "decoding" not in msgspec.to_builtins(settings)


def test_a_detectors_settings_say_how_it_is_decoded() -> None:
    decoding = msgspec.toml.decode(DETECTOR, type=Settings).decoding
    assert isinstance(decoding, DetectGrid)
    assert (decoding.strides, decoding.score_threshold) == ((8,), 0.49)


def test_a_detectors_metrics_come_back_as_they_were_and_hold_nothing_over_one() -> None:
    row = DetectedClass(label="RBC", ap50_95=0.55, ap50=0.81, ar=0.72, precision=0.74, recall=0.7, f1=0.72, boxes=805)
    test = DetectionScores(
        pictures=72,
        boxes=805,
        map50_95=0.55,
        map50=0.81,
        map50_95_range=(0.5, 0.6),
        score_threshold=0.49,
        per_class=(row,),
    )
    metrics = DetectionMetrics(weights="sha256:" + "ab" * 32, test=test, epochs=80, seconds=973.4, threads=2)
    written = msgspec.json.encode(metrics)
    assert msgspec.json.decode(written, type=DetectionMetrics) == metrics
    with pytest.raises(msgspec.ValidationError, match="map50"):
        msgspec.json.decode(written.replace(b'"map50":0.81', b'"map50":1.81'), type=DetectionMetrics)
