"""A run that `edgeferry train` left becomes a source: it says everything itself, and no TensorFlow is needed for it."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import UNSET

from contract.errors import ConfigError, ModelError
from contract.manifest import Classify, Decoding, slug
from converters.probe import probe
from converters.runs import Run, read_run
from converters.source import Pictures, Source, SourceKind
from converters.sources.activation import activation_of
from converters.sources.asked import Asked
from converters.sources.split import pictures_from
from converters.sources.twin import Twin, as_reference

_SCORES = frozenset({"softmax", "sigmoid"})


def read_run_folder(folder: Path, asked: Asked, reference: tuple[SourceKind, Path] | None) -> Source:
    """The finished run in `folder`. Raises what `read_run` raises, ConfigError for what a run says itself."""
    _check_asked(asked, folder)
    run = read_run(folder)
    if asked.task not in (None, run.settings.task):
        raise ConfigError(
            f"--task says {asked.task!r}, and the run {run.settings.task!r}", where=str(folder), fix="Leave out --task."
        )
    outputs, decoding = _ends(run)
    source = Source(
        name=_name(asked, run),
        origin=str(folder),
        kind="keras",
        model=run.model,
        preprocessing=run.settings.preprocessing,
        task=run.settings.task,
        outputs=outputs,
        decoding=decoding,
        labels=run.dataset.labels,
        states=(),
        calibration=_calibration(run, asked),
        golden=run.golden,
        lineage={"weights": run.metrics.weights, "dataset": run.dataset.digest},
        card=run.card,
        trained_int8=run.trained_int8,
        test_classes=run.dataset.splits["test"].classes if "test" in run.dataset.splits else {},
    )
    if reference is None:
        return source
    twin = Twin(*reference, probe(*reference, origin=str(reference[1])))
    return replace(source, reference=as_reference(twin, source))


def _check_asked(asked: Asked, folder: Path) -> None:
    for option, given in (("--labels", asked.labels), ("--model-card", asked.model_card)):
        if given is not None:
            raise ConfigError(f"{option} is given, and a run says that itself", where=str(folder), fix="Leave it out.")


def _name(asked: Asked, run: Run) -> str:
    if asked.name is not None and asked.name != slug(asked.name):
        raise ConfigError(f"{asked.name!r} cannot name a model", where="--name", fix=f"For example: {slug(asked.name)}")
    return asked.name or run.settings.name


def _calibration(run: Run, asked: Asked) -> Pictures:
    if asked.calibration is None:
        return run.calibration
    # All of them, as what is compared on are the run's own pictures.
    labels = run.dataset.labels
    return pictures_from(asked.calibration, run.settings.preprocessing, labels, quantised=True).golden


def _ends(run: Run) -> tuple[tuple[str, ...], Decoding]:
    """The model's outputs in its own order, and what they mean: a run that does not say is a classifier's."""
    config = _config(run.model)
    if run.settings.decoding is not UNSET:
        return _output_names(config, run.model), run.settings.decoding
    output, ready = _last_layer(config, run.model)
    decoding = Classify(scores=output, activation="none") if ready else _asked_for(run.model, output)
    return (output,), decoding


def _config(path: Path) -> dict[str, Any]:
    """The archive's own description of its layers."""
    try:
        with zipfile.ZipFile(path) as archive:
            config: dict[str, Any] = json.loads(archive.read("config.json"))["config"]
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as problem:
        raise _untold(path) from problem
    return config


def _output_names(config: dict[str, Any], path: Path) -> tuple[str, ...]:
    """Of a Functional model whose outputs have names; TensorFlow flattens them in the order of the alphabet."""
    outputs = config.get("output_layers")
    if not isinstance(outputs, dict):
        raise _untold(path)
    return tuple(sorted(outputs))


def _last_layer(config: dict[str, Any], path: Path) -> tuple[str, bool]:
    """The name of the model's one output, and whether it ends with scores."""
    try:
        layers: list[dict[str, Any]] = config["layers"]
        name = _first_text(config["output_layers"]) if "output_layers" in config else layers[-1]["config"]["name"]
        layer = next(one for one in layers if one["config"]["name"] == name)
    except (KeyError, IndexError, TypeError, StopIteration) as problem:
        raise _untold(path) from problem
    last = layer["config"].get("activation") or layer["class_name"]
    return name, str(last).lower() in _SCORES


def _untold(path: Path) -> ModelError:
    return ModelError("its layers cannot be told", where=str(path), fix="Train again.")


def _first_text(nested: Any) -> str:
    """Keras 3 writes an output as ["name", 0, 0], alone or in a list."""
    while not isinstance(nested, str):
        nested = nested[0]
    return nested


def _asked_for(model: Path, output: str) -> Classify:
    """A run whose network ends otherwise is run once."""
    from converters.model_card import NO_CARD

    probed = probe("keras", model, origin=str(model))
    spec = probed.outputs[0]
    activation, _ = activation_of(probed.answers[spec.name], spec, None, where=str(model), card=NO_CARD)
    return Classify(scores=output, activation=activation)
