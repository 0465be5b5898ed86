"""How many bytes an update takes as a delta, beside zstd and bsdiff on the same bundles in the same run.

Real pairs: one network trained on and converted by this project (`_delta_pairs.py`), and two of the shared models that
have one architecture. Changed by hand: the shared MobileNetV2 with some of its weights moved by one, and with another
last layer. All shares are of the new bundle's size as it lies on a server. bsdiff is PyPI's bsdiff4; where it is not
installed its figures are missing, as are those of absent models.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import numpy as np
import zstandard
from numpy.typing import NDArray

from contract import manifest as manifests
from contract.manifest import Classify, Format, Manifest, Preprocessing
from converters.delta import make_delta
from converters.sealing import sealed
from converters.tensor_places import tensor_places
from devices.keys import development_signer
from edge.backends import open_backend
from edge.delta import apply_delta
from edge.durable import Disk
from scripts.benchmarks._delta_memory import extra_bytes
from scripts.benchmarks._delta_pairs import delta_models
from scripts.benchmarks.figure import Figure, at_most

NEVER_LARGER, SMALL_UPDATE, MEMORY_MIB = 1.01, 0.06, 16.0
SHARED = Path(os.environ.get("EDGEFERRY_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
SMALL = "mobilenet-v2-5%-moved-by-1"
_SHORT = ("digits-head.tflite", "digits-fine-tuned-gently.tflite", "digits-retrained.tflite", SMALL)


class Pair(NamedTuple):
    """Two models, one after the other."""

    name: str
    old: bytes
    new: bytes
    format: Format


def figures(short: bool) -> dict[str, Figure]:
    """Shares of every pair (short: of a few), and what applying costs."""
    found: dict[str, Figure] = {}
    for pair in _pairs():
        if not short or pair.name in _SHORT:
            found |= {f"{pair.name}.{name}": figure for name, figure in _measured(pair).items()}
    return found


def _measured(pair: Pair) -> dict[str, Figure]:
    with TemporaryDirectory(prefix="edgeferry-bench-") as scratch:
        base, target, delta, out = (Path(scratch, name) for name in ("old.bundle", "new.bundle", "delta", "out"))
        _seal(base, pair.old, pair.format, 1)
        _seal(target, pair.new, pair.format, 2)
        begun = perf_counter()
        report = make_delta(base, target, delta)
        made_s = perf_counter() - begun
        slot = Path(scratch, "slot")
        shutil.unpack_archive(base, slot, "zip")
        begun = perf_counter()
        apply_delta(delta, slot, out, disk=Disk())
        applied_ms = (perf_counter() - begun) * 1e3
        goal = SMALL_UPDATE if pair.name == SMALL else NEVER_LARGER
        found = {"delta": at_most(report.share, goal, f"of {report.whole_bytes} bytes")}
        found |= {name: Figure(size / report.whole_bytes, "of them") for name, size in _others(base, target)}
        found["make"] = Figure(made_s, "s, applied once included")
        found["apply"] = Figure(applied_ms, "ms")
        found["extra_memory"] = at_most(extra_bytes(delta, slot, out) / 2**20, MEMORY_MIB, "MiB")
    return found


def _others(base: Path, target: Path) -> Iterator[tuple[str, int]]:
    """What the known tools make of the same two files."""
    old, new = base.read_bytes(), target.read_bytes()
    yield "zstd_19", len(zstandard.ZstdCompressor(level=19).compress(new))
    chosen = zstandard.ZstdCompressionParameters.from_level(19, window_log=24, enable_ldm=True)
    known = zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    yield "zstd_patch_from", len(zstandard.ZstdCompressor(dict_data=known, compression_params=chosen).compress(new))
    if find_spec("bsdiff4"):
        import bsdiff4

        yield "bsdiff", len(bsdiff4.diff(old, new))


def _pairs() -> Iterator[Pair]:
    models = delta_models()
    for name, path in models.items():
        base = models[f"base{path.suffix}"]
        if path != base:
            format: Format = "onnx" if path.suffix == ".onnx" else "tflite"
            yield Pair(f"digits-{name}", base.read_bytes(), path.read_bytes(), format)
    folder = SHARED / "models" / "tflite"
    v2 = folder / "mobilenet_v2_1.0_224_quant.tflite"
    if v2.exists():
        yield from _changed_by_hand(v2.read_bytes())
        old, new = (folder / f"mobilenet_v1_0.25_{name}.tflite" for name in ("224_quant_metadata", "128_quant"))
        yield Pair("mobilenet-v1-224-to-128", old.read_bytes(), new.read_bytes(), "tflite")


def _changed_by_hand(model: bytes) -> Iterator[Pair]:
    """Some weights moved by one, as a gentle training moves them, and another last layer."""
    random = np.random.default_rng(3)
    for share in (0.01, 0.05, 0.2, 0.5):
        moved = _edited(model, partial(_moved, share=share, random=random))
        yield Pair(f"mobilenet-v2-{share:.0%}-moved-by-1", model, moved, "tflite")
    largest = max(place.size_bytes for place in tensor_places(model, "tflite"))
    head = _edited(model, lambda w: random.permutation(w) if len(w) == largest else w)
    yield Pair("mobilenet-v2-new-last-layer", model, head, "tflite")


def _moved(weights: NDArray[np.uint8], share: float, random: np.random.Generator) -> NDArray[np.uint8]:
    chosen = random.random(len(weights)) < share
    moved: NDArray[np.uint8] = weights + chosen * random.choice(np.array([1, 255], np.uint8), len(weights))
    return moved


def _edited(model: bytes, change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> bytes:
    """`model` with each of its larger tensors changed."""
    bytes_ = np.frombuffer(model, np.uint8).copy()
    for place in tensor_places(model, "tflite"):
        if place.size_bytes >= 1024:
            bytes_[place.start : place.end] = change(bytes_[place.start : place.end])
    return bytes_.tobytes()


def _seal(path: Path, model: bytes, format: Format, version: int) -> None:
    """A bundle with nothing but the model and its labels, signed with the development key."""
    backend = open_backend(format, model)
    inputs, outputs = backend.inputs, backend.outputs
    backend.close()
    labels = tuple(f"class {number}" for number in range(outputs[0].shape[-1]))
    members = {f"model.{format}": model, manifests.LABELS: "".join(f"{label}\n" for label in labels).encode()}
    manifest = Manifest(
        name="pair",
        version=version,
        task="classify",
        profile="generic-x86_64",
        format=format,
        model=f"model.{format}",
        inputs=inputs,
        preprocessing=Preprocessing(size_wh=(inputs[0].shape[2], inputs[0].shape[1])),
        outputs=outputs,
        decoding=Classify(scores=outputs[0].name),
        labels=labels,
    )
    path.write_bytes(sealed(manifest, members, development_signer()))
