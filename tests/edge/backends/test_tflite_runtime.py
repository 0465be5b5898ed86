from __future__ import annotations

import os
import subprocess

import pytest

from edge.backends import open_backend
from tests.conftest import ROOT
from tests.edge.colours import MODELS

PYTHON = os.environ.get("EDGEFERRY_TFLITE_RUNTIME_PYTHON")
"""An interpreter with tflite-runtime, numpy 1 and msgspec, which no environment of ours can hold beside numpy 2."""
CHILD = """
import sys
from pathlib import Path
from edge.backends import describe, open_backend
backend = open_backend("tflite", Path(sys.argv[1]))
view = backend.input_view(backend.inputs[0].name)
view[...] = 0
view[..., 2] = 100
del view
answer = backend.infer({})[backend.outputs[0].name]
print(describe(backend).library, int(answer.argmax()))
"""

if PYTHON:

    @pytest.mark.parametrize("file", sorted(path.name for path in MODELS.glob("*.tflite")))
    def test_the_predecessor_gives_the_same_first_answer(file: str) -> None:
        backend = open_backend("tflite", MODELS / file)
        view = backend.input_view(backend.inputs[0].name)
        assert view is not None
        view[...] = 0
        view[..., 2] = 100
        del view
        expected = int(backend.infer({})[backend.outputs[0].name].argmax())
        done = subprocess.run(
            [str(PYTHON), "-c", CHILD, str(MODELS / file)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == f"tflite-runtime {expected}\n", done.stderr
