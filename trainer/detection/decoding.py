"""How a detector's outputs are decoded: what its run and later its bundle say about them."""

from __future__ import annotations

from contract.decoding import DetectGrid
from trainer.detection.grid import Grid
from trainer.detection.settings import DetectionSettings

BOXES, SCORES = "boxes", "scores"
"""Names of the outputs: (N, cells, 4) numbers of `trainer.detection.box_numbers`, and (N, cells, classes) logits."""


def decoding_of(grid: Grid, settings: DetectionSettings) -> DetectGrid:
    """What turns the network's outputs into boxes; its score threshold is still to be measured."""
    return DetectGrid(
        boxes=BOXES,
        scores=SCORES,
        encoding="yolox",
        strides=(grid.stride,),
        activation="sigmoid",
        iou_threshold=settings.iou_threshold,
        max_detections=settings.max_detections,
    )
