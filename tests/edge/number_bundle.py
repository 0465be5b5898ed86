"""Bundles of models that are fed numbers, made around real files as a converter makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from contract.decoding import Estimate, Regress
from contract.manifest import GOLDEN, NO_PICTURE, Golden, Manifest
from converters.sealing import sealed
from devices.keys import development_signer
from edge.backends import SUFFIXES, open_backend
from edge.golden import pack_golden
from edge.model import load_model

DIGEST = "sha256:" + "0" * 64


def number_manifest(model: Path, **changes: Any) -> Manifest:
    """Every number of the first output is a value, named by its place."""
    format = SUFFIXES[model.suffix]
    backend = open_backend(format, model)
    output = backend.outputs[0]
    count = int(np.prod(output.shape))
    manifest = Manifest(
        name="numbers",
        version=1,
        task="regress",
        profile="generic-x86_64",
        format=format,
        model=model.name,
        inputs=backend.inputs,
        preprocessing=NO_PICTURE,
        outputs=backend.outputs,
        decoding=Regress(values=tuple(Estimate(name=f"v{n}", output=output.name, index=n) for n in range(count))),
    )
    backend.close()
    return msgspec.structs.replace(manifest, **changes)


def number_bundle(folder: Path, model: Path, rows: np.ndarray) -> Path:
    """The bundle's file, its golden frames being `rows` of real values with the model's own answers."""
    manifest = number_manifest(model, golden=Golden(frames=len(rows), tolerance=0.01))
    loaded = load_model(manifest, DIGEST, model)
    answers = [loaded.outputs_for(row) for row in rows]
    loaded.close()
    packed = pack_golden(rows, {name: np.concatenate([one[name] for one in answers]) for name in answers[0]})
    path = folder / manifest.file_name
    path.write_bytes(sealed(manifest, {model.name: model.read_bytes(), GOLDEN: packed}, development_signer()))
    return path
