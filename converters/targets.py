"""Which artifact a device gets: from its profile and from what the source is, never from the machine that converts.

    accelerator wants whole int8 (Edge TPU)    tflite-int8
    accelerator computes in halves (TensorRT)  onnx-float32: it makes the halves itself when it builds its engine
    processor alone                            int8 in the format the source has, else in the one the profile prefers
    the source is narrower already             what it is, wherever the device reads it

Why TensorRT gets float32 and not float16: docs/decisions/0010.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from contract.errors import ModelError
from contract.manifest import Format
from converters.onnx_form import NEWEST_OPSET, OnnxForm
from converters.recipe import RECIPES, Recipe, float_of, format_of
from converters.ways import WAYS, Origin
from devices.profiles import Profile


class Target(Struct, frozen=True, kw_only=True):
    """What a conversion makes for one profile."""

    profile: str
    recipe: Recipe
    form: OnnxForm
    wider: tuple[Recipe, ...] = ()
    """What the device reads too, where the recipe is not the same model any more."""
    narrower: tuple[Recipe, ...] = ()
    """What the device could be faster with, once its accuracy on labelled pictures was shown to hold there."""
    whole_int8: bool = False
    """No layer may stay in floating point: the accelerator would leave it, and all behind it, to the processor."""
    seven_bits_next: bool = False
    """Where the 8-bit file fails on this processor's kernels, 7-bit weights are the next thing to try."""
    why: str
    """One sentence for the report."""


def target_for(profile: Profile, origin: Origin, *, where: str) -> Target:
    """What `profile` gets of a source of this `origin`. ModelError where it reads nothing the source can become."""
    recipe = next(_candidates(profile, origin), None)
    if recipe is None:
        formats = " and ".join(profile.formats)
        raise ModelError(
            f"{profile.name} reads {formats}, and {origin} cannot become what it takes of that",
            where=where,
            fix="Convert from where the model was trained.",
        )
    rules = profile.model
    # What was quantised elsewhere has zero points, which TensorRT does not take, and bits that nobody can lessen.
    quantisable = WAYS[origin].get("onnx-int8", ())[-1:] == ("onnx-quantise",)
    proven = rules is not None and rules.int8_needs_gate and recipe == "onnx-float32" and quantisable
    return Target(
        profile=profile.name,
        recipe=recipe,
        form=form_for(profile),
        wider=_wider(profile, origin, recipe),
        narrower=("onnx-int8",) if proven else (),
        whole_int8=rules is not None and rules.full_int8,
        seven_bits_next=recipe == "onnx-int8" and quantisable and saturates(profile),
        why=_why(profile, origin, recipe),
    )


def form_for(profile: Profile, *, reduce_range: bool = False) -> OnnxForm:
    """What an ONNX file for `profile` must keep to."""
    rules = profile.model
    return OnnxForm(
        opset=(rules and rules.onnx_opset) or NEWEST_OPSET,
        symmetric=rules is not None and rules.symmetric_int8,
        reduce_range=reduce_range,
    )


def saturates(profile: Profile) -> bool:
    """Whether its processor may add pairs of 8-bit products in 16 bits: x86 without VNNI; Arm never does.

    Where nothing is known of the processor, the worst is thought of it.
    """
    return profile.architecture in ("x86_64", "any") and profile.int8 in ("neither", "unknown")


def _candidates(profile: Profile, origin: Origin) -> Iterator[Recipe]:
    """Recipes for this device that there is a way to, the best first."""
    if origin == "tflite-uint8" and profile.model is not None and profile.model.full_int8:
        yield "tflite-uint8"  # the accelerator takes it as it is, and nothing is rounded
    wanted = [_recipe(profile, format) for format in _formats(profile, origin)]
    yield from (recipe for recipe in wanted if recipe in WAYS[origin])
    if profile.model is not None and profile.model.full_int8:
        return
    # A source that is narrow in a way of its own serves as it is.
    yield from (recipe for recipe in RECIPES if recipe in WAYS[origin] and format_of(recipe) in profile.formats)


def _formats(profile: Profile, origin: Origin) -> list[Format]:
    """The profile's, but for a processor alone the source's own first: each step on the way may lose something."""
    own: Format = "onnx" if origin.startswith("onnx") else "tflite"
    if profile.accelerator != "none" or origin == "tensorflow":
        return list(profile.formats)
    return sorted(profile.formats, key=lambda format: format != own)


def _recipe(profile: Profile, format: Format) -> Recipe:
    halves = profile.model is not None and profile.model.precision == "fp16"
    if format == "onnx":
        return "onnx-float32" if halves else "onnx-int8"
    return "tflite-int8"


def _wider(profile: Profile, origin: Origin, recipe: Recipe) -> tuple[Recipe, ...]:
    """What a processor reads as well where 8 bits do not hold: slower there, and the same model."""
    if recipe == "tflite-int8" and origin == "tflite-uint8":
        return ("tflite-uint8",)
    floats = float_of(recipe)
    quantised_here = WAYS[origin][recipe][-1] in ("tensorflow-tflite", "tflite-quantise", "onnx-quantise")
    return (floats,) if profile.accelerator == "none" and recipe != floats and quantised_here else ()


def _why(profile: Profile, origin: Origin, recipe: Recipe) -> str:
    if profile.model is not None and profile.model.full_int8:
        return "its accelerator takes 8-bit models only"
    if recipe == "onnx-float32":
        return "TensorRT computes it in fp16 once it has built its engine"
    if recipe == "tflite-int8" and origin == "tflite-uint8":
        return "int8 kernels are the ones that libraries still make faster"
    if WAYS[origin][recipe][-1].endswith("-still"):
        return "the model is quantised already"
    return {"dot-product": "its processor multiplies 8-bit numbers four at a time"}.get(
        profile.int8, "a quarter of the size, and less memory"
    )
