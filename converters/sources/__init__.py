"""Any model in: what a person names becomes a `converters.source.Source`, by its kind.

| Named | Kind | Read by |
|---|---|---|
| a folder that `edgeferry train` left | run | `run_folder.py` |
| a folder with `saved_model.pb` | saved-model | `foreign.py`, opened by `tensorflow_files.py` |
| `.keras` | keras | the same |
| `.onnx` | onnx | `foreign.py`, opened by `onnx_file.py` |
| `.tflite` | tflite | `foreign.py`, opened by `tflite_file.py` |

A Keras model object is a file first: `keras_object.py`. Foreign files are opened in a process of their own
(`converters/probe.py`), so nothing heavy is imported here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from contract.errors import ConfigError
from converters.source import Source, SourceKind
from converters.sources.asked import Asked

__all__ = ["Asked", "kind_of", "read_source"]

FILES: dict[str, SourceKind] = {".keras": "keras", ".onnx": "onnx", ".tflite": "tflite"}
SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
ELSEWHERE = {
    ".pt": "Export it with torch.onnx.export, batch 1, and give the .onnx file.",
    ".pth": "Export it with torch.onnx.export, batch 1, and give the .onnx file.",
    ".pt2": "Export it with torch.onnx.export, batch 1, and give the .onnx file.",
    ".safetensors": "These are weights without a graph: export the model they belong to as .onnx or .keras.",
    ".h5": "Load it with Keras and save it as .keras.",
    ".hdf5": "Load it with Keras and save it as .keras.",
    ".pb": "Give the SavedModel folder it lies in; a frozen graph must be exported as a SavedModel first.",
    ".engine": "An engine runs on one kind of device only: give the .onnx file it was built from.",
    ".plan": "An engine runs on one kind of device only: give the .onnx file it was built from.",
    ".bundle": "A bundle was converted already: give the model it was made from.",
}
"""Files that people take for what we read, and the way from there."""


def read_source(model: Path, asked: Asked) -> Source:
    """The source that `model` is, with what `asked` says of it.

    Raises ConfigError for what is no model of ours or what nobody says, ModelError for a model that cannot be opened or
    run, DataError for pictures that cannot be used, MissingPartError without the library for its kind.
    """
    kind = kind_of(model)
    reference = None if asked.reference is None else (_reference_kind(asked.reference), asked.reference)
    if kind == "run":
        from converters.sources.run_folder import read_run_folder

        return read_run_folder(model, asked, reference)
    from converters.sources.foreign import read_foreign

    return read_foreign(kind, model, asked, reference)


def kind_of(model: Path) -> SourceKind | Literal["run"]:
    """What `model` is, by its name and what a folder holds; ConfigError where it is nothing we read."""
    if model.is_dir():
        return "saved-model" if any((model / name).is_file() for name in SAVED_MODEL) else "run"
    suffix = model.suffix.lower()
    if not model.exists():
        raise ConfigError("there is no such model file or run folder", where=str(model), fix="Check the path.")
    if suffix in FILES:
        return FILES[suffix]
    raise ConfigError(
        f"not a model this reads: a file in {suffix or 'no format at all'}",
        where=str(model),
        fix=ELSEWHERE.get(suffix, "Give a run folder, a SavedModel folder, a .keras, .onnx or .tflite file."),
    )


def _reference_kind(path: Path) -> SourceKind:
    kind = kind_of(path)
    if kind == "run":
        raise ConfigError(
            "a run folder cannot be the reference", where=str(path), fix="Give its model.keras to --reference."
        )
    return kind
