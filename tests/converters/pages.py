"""One report with everything on it that a page can hold, and names that would like to be markup."""

from __future__ import annotations

import math

import numpy as np

from converters.disagreements import thumbnail
from converters.report import (
    ArtifactDetails,
    ArtifactRow,
    Disagreement,
    LayerRow,
    PreflightRow,
    ReportPage,
    StageRow,
)

HOSTILE = '<script>alert("1")</script>'
RECIPES = ("tflite-float32", "tflite-float16", "tflite-dynamic", "tflite-int8", "tflite-int16x8", "onnx-float32")


def rows() -> tuple[ArtifactRow, ...]:
    """Several of nearly one size and accuracy, as a conversion has them, and one refused."""
    made = [
        ArtifactRow(
            name=recipe,
            recipe=recipe,
            profiles=("rpi4", "coral-usb"),
            size_bytes=60_000 + 700 * number if number else 240_000,
            metric=0.988 - 0.001 * number,
            low=0.977,
            high=0.995,
            agreement=1.0,
            sqnr_db=math.inf if number == 0 else 34.44,
            latency_ms=0.4321,
            predicted_ms=2.126,
            predicted="rpi4, within 35 % on 14 published models",
            passed=True,
            verdict="passed",
        )
        for number, recipe in enumerate(RECIPES)
    ]
    refused = ArtifactRow(
        name="onnx-int8",
        recipe="onnx-int8",
        size_bytes=72_000,
        metric=0.941,
        passed=False,
        verdict=f"accuracy fell on {HOSTILE}; calibrate on pictures like the camera's.",
    )
    return (*made, refused)


def page(**changes: object) -> ReportPage:
    """The page; `changes` are fields of it."""
    image = thumbnail(np.zeros((8, 8, 3), np.uint8), colour="rgb")
    details = ArtifactDetails(
        name="tflite-int8",
        stages=(
            StageRow(stage="float", ran_on="ai-edge-litert 2.1.0", sqnr_db=121.3, correlation=0.99996, passed=True),
            StageRow(stage="kernels", churn=0.0067, metric=0.985, low=0.973, high=0.993, passed=False, verdict="fell"),
        ),
        layers=(LayerRow(name="block_3/dw", operator="DEPTHWISE_CONV_2D", sqnr_db=14.2, share=0.61, kept_float=True),),
        disagreements=(
            Disagreement(name=HOSTILE, image=image, source="cat 81%", artifact="dog 60%", truth="cat"),
            Disagreement(name="picture 2", image=image, source="owl 51%", artifact="cat 52%"),
        ),
        pictures_differing=14,
    )
    fields: dict[str, object] = {
        "title": f"digits {HOSTILE}",
        "origin": "/runs/digits",
        "task": "classify",
        "pictures": 597,
        "source": 0.9883,
        "source_low": 0.9774,
        "source_high": 0.9953,
        "made_with": "TensorFlow 2.21.0",
        "artifacts": rows(),
        "details": (details,),
        "preflights": (
            PreflightRow(
                artifact="tflite-int8",
                target="coral-usb",
                operators=31,
                mapped=29,
                left_on_cpu="2 RESIZE_BILINEAR",
                memory_mib=0.412,
                passed=False,
                words=(f"RESIZE_BILINEAR: too large {HOSTILE}",),
            ),
        ),
        "notes": (f"Calibrated on {HOSTILE}.",),
    }
    return ReportPage(**(fields | changes))  # type: ignore[arg-type]
