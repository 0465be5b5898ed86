"""Golden frames: pictures with known answers that a model must get right on this very device before it serves.

Kernels of different processors differ by a few quantisation steps, so the manifest states a tolerance in real
values, and whether the first class must be the same.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from contract.errors import BundleError, GoldenError
from contract.manifest import GOLDEN, Classify, Golden, GoldenDecoded
from edge.frames import Pixels
from edge.golden_decoded import first_difference
from edge.model import LoadedModel
from edge.postprocess import decode
from edge.quantisation import Tensor, dequantise

FRAMES = "frames"
OUTPUT_PREFIX = "output:"


def pack_golden(frames: Pixels, outputs: Mapping[str, Tensor]) -> bytes:
    """The member `golden.npz`: fitted frames uint8 (N, H, W, C) and the answers (N, ...) of each output, by name.

    Equal arguments give equal bytes: numpy's own writer leaves the archive's dates to the standard library.
    """
    arrays = {FRAMES: frames, **{OUTPUT_PREFIX + name: array for name, array in outputs.items()}}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue())
    return stream.getvalue()


def check_golden(model: LoadedModel, golden: bytes) -> None:
    """Run every golden frame; GoldenError says which one differs and by how much, BundleError that it is unreadable.

    A manifest without golden frames has nothing to check.
    """
    rules = model.manifest.golden
    if rules is None:
        return
    arrays = _unpack(golden, rules, model)
    for number, fitted in enumerate(arrays[FRAMES]):
        answers = model.outputs_for(fitted)
        expected = {name: arrays[OUTPUT_PREFIX + name][number] for name in answers}
        if isinstance(rules.decoded, GoldenDecoded):
            _compare_decoded(model, rules.decoded, number, answers, expected)
        else:
            _compare(model, rules, number, answers, expected)


def _unpack(golden: bytes, rules: Golden, model: LoadedModel) -> dict[str, Tensor]:
    try:
        with np.load(io.BytesIO(golden), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as problem:
        raise _unreadable(str(problem)) from problem
    for name in (FRAMES, *(OUTPUT_PREFIX + output.name for output in model.manifest.outputs)):
        if name not in arrays or len(arrays[name]) != rules.frames:
            raise _unreadable(f"array {name!r} does not hold {rules.frames} frames")
    return arrays


def _compare(
    model: LoadedModel, rules: Golden, number: int, answers: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    own = rules.tolerances or {}
    for spec in model.manifest.outputs:
        answer = dequantise(answers[spec.name].reshape(-1), spec)
        known = dequantise(expected[spec.name].reshape(-1), spec)
        if answer.shape != known.shape:
            raise _unreadable(f"output {spec.name!r} has {known.size} values for frame {number}, not {answer.size}")
        apart = _largest_difference(answer, known)
        allowed = own.get(spec.name, rules.tolerance)
        # Written so that nan, which is never smaller, fails.
        if not apart <= allowed:
            raise _wrong(model, f"frame {number}: output {spec.name!r} differs by {apart:.6g}, over {allowed:.6g}")
        if rules.top1 and _is_scores(model, spec.name) and answer.argmax() != known.argmax():
            raise _wrong(model, f"frame {number}: class {answer.argmax()} comes first, and {known.argmax()} must")


def _compare_decoded(
    model: LoadedModel, rules: GoldenDecoded, number: int, answers: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    known = {spec.name: expected[spec.name].reshape(spec.shape) for spec in model.manifest.outputs}
    threshold = getattr(model.manifest.decoding, "score_threshold", 0.0)
    found = first_difference(decode(answers, model.manifest), decode(known, model.manifest), rules, threshold)
    if found:
        raise _wrong(model, f"frame {number}: {found}")


def _is_scores(model: LoadedModel, output: str) -> bool:
    decoding = model.manifest.decoding
    return isinstance(decoding, Classify) and decoding.scores == output


def _largest_difference(answer: NDArray[np.float32], known: NDArray[np.float32]) -> float:
    return float(np.abs(answer - known).max(initial=0.0))


def _wrong(model: LoadedModel, what: str) -> GoldenError:
    return GoldenError(
        f"wrong answer on golden {what}",
        where=f"{model.release} on {model.backend.name}",
        fix="Do not serve this model here; convert it for this device and compare again.",
    )


def _unreadable(what: str) -> BundleError:
    return BundleError(f"the golden frames cannot be read: {what}", where=GOLDEN, fix="Convert the model again.")
