from __future__ import annotations

import cv2
import numpy as np
import pytest

from contract.errors import DamagedFrameError, ModelError
from contract.manifest import Preprocessing, Quantization, TensorSpec
from edge.frames import Pixels
from edge.preprocess import Preprocessor, fit, real_values

RNG = np.random.default_rng(0)
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


def noise(width: int, height: int) -> Pixels:
    return RNG.integers(0, 256, (height, width, 3), np.uint8)


def tensor_spec(
    prep: Preprocessing, dtype: str = "uint8", scale: float | None = None, zero_point: int = 0
) -> TensorSpec:
    width, height = prep.size_wh
    depth = 1 if prep.colour == "grey" else 3
    shape = (1, height, width, depth) if prep.layout == "nhwc" else (1, depth, height, width)
    quantization = None if scale is None else Quantization(scale=scale, zero_point=zero_point)
    return TensorSpec(name="x", shape=shape, dtype=dtype, quantization=quantization)  # type: ignore[arg-type]


def written(spec: TensorSpec, prep: Preprocessing, frame: Pixels) -> np.ndarray:
    out = np.full(spec.shape, 77, spec.dtype)
    Preprocessor(spec, prep).write(frame, out)
    return out


def test_a_frame_of_the_models_size_is_not_resampled() -> None:
    frame = noise(40, 30)
    assert (fit(frame, Preprocessing(size_wh=(40, 30), colour="bgr")) == frame).all()
    assert (fit(frame, Preprocessing(size_wh=(40, 30))) == frame[:, :, ::-1]).all()


def test_grey_has_one_channel() -> None:
    frame = noise(20, 20)
    fitted = fit(frame, Preprocessing(size_wh=(20, 20), colour="grey"))
    assert fitted.shape == (20, 20, 1)
    assert (fitted[:, :, 0] == cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)).all()


def test_fit_writes_where_it_is_told() -> None:
    out = np.zeros((16, 24, 3), np.uint8)
    frame = noise(64, 64)
    assert fit(frame, Preprocessing(size_wh=(24, 16)), out) is out
    assert (out == fit(frame, Preprocessing(size_wh=(24, 16)))).all()


@pytest.mark.parametrize("shape", [(1, 16, 24, 3), (16, 24, 3)])
def test_real_values_are_pixel_minus_mean_over_std_for_one_frame_and_for_many(shape: tuple[int, ...]) -> None:
    mean, std = IMAGENET
    fitted = RNG.integers(0, 256, shape, np.uint8)
    real = real_values(fitted, Preprocessing(size_wh=(24, 16), mean=mean, std=std))
    assert real.dtype == np.float32
    assert real.shape == shape
    np.testing.assert_allclose(real, (fitted - np.array(mean)) / np.array(std), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point"),
    [("uint8", 1 / 255, 0), ("int8", 1 / 255, -128), ("int8", 0.02, 3), ("int16", 0.001, 0)],
)
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("size_wh", [(24, 16), (640, 480)])
def test_quantised_inputs_store_the_real_values_rounded_half_to_even(
    dtype: str, scale: float, zero_point: int, layout: str, size_wh: tuple[int, int]
) -> None:
    prep = Preprocessing(size_wh=(24, 16), layout=layout)  # type: ignore[arg-type]
    frame = noise(*size_wh)
    real = (fit(frame, prep).astype(np.float64)) / 255
    info = np.iinfo(dtype)
    expected = np.clip(np.rint(real / scale + zero_point), info.min, info.max).astype(dtype)
    if layout == "nchw":
        expected = expected.transpose(2, 0, 1)
    spec = tensor_spec(prep, dtype, scale, zero_point)
    assert (written(spec, prep, frame)[0] == expected).all()


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_float_inputs_get_the_very_values_training_gets(layout: str, dtype: str) -> None:
    mean, std = IMAGENET
    prep = Preprocessing(size_wh=(24, 16), layout=layout, mean=mean, std=std)  # type: ignore[arg-type]
    frame = noise(100, 50)
    expected = real_values(fit(frame, prep), prep).astype(dtype)
    if layout == "nchw":
        expected = expected.transpose(2, 0, 1)
    np.testing.assert_array_equal(written(tensor_spec(prep, dtype), prep, frame)[0], expected)


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point"), [("uint8", 1 / 255, 0), ("int8", 1 / 255, -128), ("float32", None, 0)]
)
def test_fitted_pixels_and_their_frame_become_the_same_tensor(dtype: str, scale: float | None, zero_point: int) -> None:
    prep = Preprocessing(size_wh=(24, 16), resize="letterbox")
    spec, frame = tensor_spec(prep, dtype, scale, zero_point), noise(99, 55)
    out = np.empty(spec.shape, spec.dtype)
    Preprocessor(spec, prep).write_fitted(fit(frame, prep), out)
    assert (out == written(spec, prep, frame)).all()


def test_a_model_of_another_size_is_refused_with_both_shapes() -> None:
    with pytest.raises(ModelError, match=r"\(1, 16, 24, 3\).*\(1, 96, 96, 3\)"):
        Preprocessor(tensor_spec(Preprocessing(size_wh=(24, 16))), Preprocessing(size_wh=(96, 96)))


def test_fitted_pixels_of_another_size_are_refused() -> None:
    prep = Preprocessing(size_wh=(24, 16))
    spec = tensor_spec(prep)
    with pytest.raises(ModelError, match="fitted pixels"):
        Preprocessor(spec, prep).write_fitted(noise(16, 24), np.empty(spec.shape, np.uint8))


@pytest.mark.parametrize("values", [{"mean": (1.0, 2.0)}, {"std": (0.0,)}])
def test_a_mean_or_std_that_does_not_fit_is_refused(values: dict[str, tuple[float, ...]]) -> None:
    prep = Preprocessing(size_wh=(24, 16), **values)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="does not fit"):
        real_values(noise(24, 16), prep)


def test_a_frame_that_is_not_bgr_bytes_is_damaged() -> None:
    with pytest.raises(DamagedFrameError, match="not height x width x BGR"):
        fit(np.zeros((10, 10), np.uint8), Preprocessing(size_wh=(24, 16)))


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point"),
    [("uint8", 1 / 255, 0), ("int8", 1 / 255, -128), ("int16", 1 / 32767, 0), ("float32", None, 0)],
)
def test_a_grey_plane_is_stored_alike_in_every_layout(dtype: str, scale: float | None, zero_point: int) -> None:
    frame, tensors = noise(99, 55), []
    shapes: dict[str, tuple[int, ...]] = {"nhwc": (1, 16, 24, 1), "nchw": (1, 1, 16, 24), "nhw": (1, 16, 24)}
    for layout, shape in shapes.items():
        prep = Preprocessing(size_wh=(24, 16), colour="grey", layout=layout)  # type: ignore[arg-type]
        quantization = None if scale is None else Quantization(scale=scale, zero_point=zero_point)
        spec = TensorSpec(name="plane", shape=shape, dtype=dtype, quantization=quantization)  # type: ignore[arg-type]
        tensors.append(written(spec, prep, frame).reshape(16, 24))
    real = real_values(fit(frame, prep), prep)[:, :, 0].astype(np.float64)
    stored = real if scale is None else np.rint(real / scale) + zero_point
    for tensor in tensors:
        assert tensor == pytest.approx(stored, abs=1e-6)


def test_colours_do_not_fit_into_a_plane() -> None:
    spec = TensorSpec(name="plane", shape=(1, 16, 24), dtype="uint8")
    with pytest.raises(ModelError, match="of 3 colours"):
        Preprocessor(spec, Preprocessing(size_wh=(24, 16), layout="nhw"))
