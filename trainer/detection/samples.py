"""The marked pictures a run keeps beside its detector, for calibration and for golden checks.

Pictures are taken by digest, those first that show the class fewest others show, so that every class is among them.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from trainer.detection.dataset import Detected


def spread_over_boxes(pictures: Detected, limit: int) -> NDArray[np.int64]:
    """Indices of at most `limit` pictures, ascending: from the classes in turn, rare ones first, by digest."""
    order = sorted(range(len(pictures)), key=lambda index: (pictures.digests[index], index))
    shown = [set(one.labels.tolist()) for one in pictures.marked]
    classes = sorted(set().union(*shown), key=lambda label: (sum(label in some for some in shown), label))
    queues = [[index for index in order if label in shown[index]] for label in classes]
    queues.append([index for index in order if not shown[index]])
    taken: dict[int, None] = {}
    while len(taken) < min(limit, len(pictures)):
        for queue in queues:
            while queue and queue[0] in taken:
                queue.pop(0)
            if queue and len(taken) < limit:
                taken[queue.pop(0)] = None
    return np.array(sorted(taken), np.int64)


def packed_boxes(pictures: Detected, limit: int) -> bytes:
    """`calibration.npz` or `golden.npz` as `contract.run.CALIBRATION` says; equal bytes for equal pictures."""
    chosen = pictures.take(spread_over_boxes(pictures, limit))
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        frames=chosen.frames,
        boxes=np.concatenate([np.empty((0, 4), np.float32), *(one.boxes for one in chosen.marked)]),
        box_labels=np.concatenate([np.empty(0, np.int64), *(one.labels for one in chosen.marked)]),
        box_picture=np.repeat(np.arange(len(chosen)), [len(one) for one in chosen.marked]).astype(np.int64),
        box_crowd=np.concatenate([np.empty(0, np.bool_), *(one.crowd for one in chosen.marked)]),
    )
    return stream.getvalue()
