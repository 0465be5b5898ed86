"""The manifest of an artifact as far as the file and its source decide it: tensors, pixels, what outputs mean."""

from __future__ import annotations

from contextlib import closing

from msgspec.structs import replace

from contract.errors import ModelError
from contract.manifest import Manifest, Preprocessing, TensorSpec
from converters.recipe import Recipe, format_of
from converters.source import Source
from edge.backends import open_backend


def draft_of(source: Source, recipe: Recipe, model: bytes) -> Manifest:
    """Everything but profile, golden frames, evidence, lineage and members.

    Outputs are called as the source calls them, which the conversion saw to. Raises ModelError where one is missing.
    """
    with closing(open_backend(format_of(recipe), model, device="cpu")) as backend:
        inputs, outputs = backend.inputs, backend.outputs
    where = f"{source.name} as {recipe}"
    if missing := set(source.outputs) - {spec.name for spec in outputs}:
        raise ModelError(
            f"the output {min(missing)!r} was lost on the way", where=where, fix="Report it with this model."
        )
    states = {state.input for state in source.states}
    picture = next((spec for spec in inputs if spec.name not in states), inputs[0])
    return Manifest(
        name=source.name,
        version=1,
        task=source.task,
        profile="",
        format=format_of(recipe),
        model=f"model.{format_of(recipe)}",
        inputs=inputs,
        preprocessing=replace(source.preprocessing, layout=_layout(picture, source.preprocessing)),
        outputs=outputs,
        decoding=source.decoding,
        states=source.states,
        labels=source.labels,
    )


def _layout(picture: TensorSpec, preprocessing: Preprocessing) -> str:
    """Where an artifact keeps height, width and channels; a conversion may have moved them."""
    width, height = preprocessing.size_wh
    channels = 1 if preprocessing.colour == "grey" else 3
    shapes = {"nhwc": (height, width, channels), "nchw": (channels, height, width), "nhw": (height, width)}
    fitting = [layout for layout, shape in shapes.items() if shape == picture.shape[1:]]
    return preprocessing.layout if preprocessing.layout in fitting or not fitting else fitting[0]
