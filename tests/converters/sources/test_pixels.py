"""Preprocessing of foreign models: what is certain is taken, all else is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from contract.errors import ConfigError
from contract.manifest import NO_PICTURE, Preprocessing, Quantization, TensorSpec
from converters.model_card import NO_CARD, CardPreprocessing, ModelCard
from converters.sources.pixels import layout_of, may_be_picture, numbers_of, pixels_of, stored_pixels
from converters.tflite_metadata import PackedInput
from edge.preprocess import Preprocessor

PACKED = PackedInput(colour="rgb", mean=(127.5,), std=(127.5,))
FLOAT = TensorSpec(name="x", shape=(1, 24, 32, 3), dtype="float32")


def quantised(dtype: str, scale: float, zero_point: int) -> TensorSpec:
    quantization = Quantization(scale=scale, zero_point=zero_point)
    return TensorSpec(name="x", shape=(1, 24, 32, 3), dtype=dtype, quantization=quantization)  # type: ignore[arg-type]


def said(**keys: object) -> ModelCard:
    return ModelCard(where="model.toml", preprocessing=CardPreprocessing(**keys))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point"),
    [
        ("uint8", 1 / 255, 0),
        ("uint8", 1 / 128, 128),
        ("uint8", 1 / 127.5, 127),
        ("uint8", 1.0, 0),
        ("int8", 1 / 255, -128),
        ("int8", 1 / 127.5, -1),
        ("int8", 1 / 128, 0),
        ("int8", 1.0, -128),
    ],
)
def test_an_input_whose_scale_says_pixels_stores_the_very_pixel(dtype: str, scale: float, zero_point: int) -> None:
    spec = quantised(dtype, scale, zero_point)
    found = pixels_of(spec, NO_CARD, PACKED, None, where="m")
    fitted = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
    tensor = np.empty(spec.shape, spec.dtype)
    Preprocessor(spec, found.preprocessing).write_fitted(fitted, tensor)
    assert (tensor[0].astype(int) + (128 if dtype == "int8" else 0) == fitted).all()
    assert "stores the pixel itself" in found.notes[0]


@pytest.mark.parametrize(
    "spec",
    [
        quantised("int8", 0.0187, -14),
        quantised("uint8", 1 / 255, 128),
        quantised("uint8", 1 / 240, 0),
        quantised("int16", 1 / 255, 0),
        FLOAT,
    ],
)
def test_any_other_input_is_asked_about(spec: TensorSpec) -> None:
    assert stored_pixels(spec) is None
    with pytest.raises(ConfigError, match="nothing says how pixels") as refused:
        pixels_of(spec, NO_CARD, None, None, where="m")
    assert "[preprocessing] mean = [127.5]" in refused.value.fix


def test_the_card_comes_first_then_the_metadata_then_the_twin() -> None:
    twin = Preprocessing(size_wh=(32, 24), mean=(1.0,), std=(2.0,), resize="crop")
    asked = [
        (said(mean=(5.0,), std=(6.0,)), PACKED, twin),
        (said(std=(6.0,)), PACKED, twin),
        (NO_CARD, PACKED, twin),
        (NO_CARD, PackedInput(), twin),
    ]
    found = [pixels_of(FLOAT, card, packed, other, where="m").preprocessing for card, packed, other in asked]
    assert [(one.mean, one.std) for one in found] == [
        ((5.0,), (6.0,)),
        ((0.0,), (6.0,)),
        ((127.5,), (127.5,)),
        ((1.0,), (2.0,)),
    ]
    assert {one.resize for one in found} == {"crop"}


def test_what_the_card_says_of_fitting_is_done() -> None:
    card = said(mean=(0.0,), std=(1.0,), colour="bgr", resize="letterbox", interpolation="antialias", pad_value=0)
    found = pixels_of(FLOAT, card, None, None, where="m")
    assert found.preprocessing == Preprocessing(
        size_wh=(32, 24),
        colour="bgr",
        resize="letterbox",
        interpolation="antialias",
        pad_value=0,
        mean=(0.0,),
        std=(1.0,),
    )
    assert len(found.notes) == 1


def test_the_usual_order_of_colours_is_taken_and_said() -> None:
    found = pixels_of(FLOAT, said(std=(1.0,)), None, None, where="m")
    assert found.preprocessing.colour == "rgb"
    assert any("colour: rgb, the usual order" in note for note in found.notes)


@pytest.mark.parametrize(
    ("shape", "layout", "size_wh", "colour"),
    [
        ((1, 24, 32, 3), "nhwc", (32, 24), "rgb"),
        ((1, 3, 24, 32), "nchw", (32, 24), "rgb"),
        ((1, 1, 24, 32), "nchw", (32, 24), "grey"),
        ((1, 24, 32, 1), "nhwc", (32, 24), "grey"),
        ((1, 24, 32), "nhw", (32, 24), "grey"),
    ],
)
def test_size_and_layout_are_the_tensors(
    shape: tuple[int, ...], layout: str, size_wh: tuple[int, int], colour: str
) -> None:
    spec = TensorSpec(name="x", shape=shape, dtype="float32")
    assert may_be_picture(spec)
    found = pixels_of(spec, said(std=(1.0,)), None, None, where="m").preprocessing
    assert (found.layout, found.size_wh, found.colour) == (layout, size_wh, colour)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2, 160, 2), (1, 1, 5, 32), (1, 3, 12, 4), (10,), (1, 4, 24, 32, 3)])
def test_other_shapes_are_no_pictures(shape: tuple[int, ...]) -> None:
    assert not may_be_picture(TensorSpec(name="x", shape=shape, dtype="float32"))


def test_a_shape_no_picture_fits_is_refused_with_the_other_possibility() -> None:
    assert layout_of((1, 2, 160, 2)) is None
    with pytest.raises(ConfigError, match="no picture lies in its input") as refused:
        pixels_of(TensorSpec(name="x", shape=(1, 2, 160, 2), dtype="float32"), NO_CARD, None, None, where="m")
    assert 'layout = "numbers"' in refused.value.fix


def test_numbers_have_no_normalisation() -> None:
    assert numbers_of(said(layout="numbers")).preprocessing == NO_PICTURE
    with pytest.raises(ConfigError, match="the model card says how pixels become them"):
        numbers_of(said(layout="numbers", mean=(1.0,)))
