from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contract.codec import to_pretty_json
from contract.decoding import TASKS, AnchorGrid, Decoding, Estimate
from contract.errors import BundleError
from contract.manifest import (
    MOST_MEMBERS,
    RESERVED,
    Anomaly,
    Classify,
    DetectAnchors,
    DetectBoxes,
    DetectCorners,
    DetectGrid,
    DetectHeatmap,
    Keypoints,
    Manifest,
    Member,
    Preprocessing,
    Quantization,
    Regress,
    Segment,
    State,
    TensorSpec,
    parse,
)

ANCHORS = (
    AnchorGrid(cells_wh=(2, 2), sizes_wh=((0.1, 0.1), (0.2, 0.2))),
    AnchorGrid(cells_wh=(1, 1), sizes_wh=((1, 1),)),
)
FITTING: list[tuple[Decoding, dict[str, tuple[int, ...]]]] = [
    (Classify(scores="s"), {"s": (1, 3)}),
    (DetectBoxes(boxes="b", classes="c", scores="s"), {"b": (1, 9, 4), "c": (1, 9), "s": (1, 9)}),
    (DetectCorners(boxes="b", scores="s", background=2), {"b": (1, 9, 4), "s": (1, 9, 3)}),
    (DetectAnchors(boxes="b", scores="s", anchors=ANCHORS), {"b": (1, 9, 4), "s": (1, 9, 3)}),
    (DetectGrid(boxes="b"), {"b": (1, 9, 5)}),
    (DetectGrid(boxes="b", layout="columns", objectness=True), {"b": (1, 6, 9)}),
    (DetectGrid(boxes="b", scores="s", layout="columns"), {"b": (1, 4, 9), "s": (1, 80, 9)}),
    (DetectHeatmap(heatmap="h", sizes="b", offsets="o"), {"h": (1, 8, 9, 3), "b": (1, 8, 9, 2), "o": (1, 8, 9, 2)}),
    (DetectHeatmap(heatmap="h", sizes="b", layout="nchw"), {"h": (1, 3, 8, 9), "b": (1, 2, 8, 9)}),
    (Segment(map="m"), {"m": (1, 8, 9)}),
    (Segment(map="m"), {"m": (1, 8, 9, 1)}),
    (Segment(map="m", form="scores"), {"m": (1, 8, 9, 21)}),
    (Keypoints(points="p"), {"p": (1, 1, 17, 3)}),
    (Regress(values=(Estimate(name="x", output="v", index=1),)), {"v": (1, 2)}),
    (Anomaly(output="v"), {"v": (1, 1)}),
    (Anomaly(output="v", measure="mean-squared-error"), {"v": (1, 8, 8, 3)}),
]
MISFITTING: list[tuple[Decoding, dict[str, tuple[int, ...]], str]] = [
    (
        DetectBoxes(boxes="b", classes="c", scores="s"),
        {"b": (1, 9, 5), "c": (1, 9), "s": (1, 9)},
        "does not end with 4",
    ),
    (DetectCorners(boxes="b", scores="s"), {"b": (1, 9, 4), "s": (1, 8, 3)}, "9 boxes, and scores for 8"),
    (
        DetectCorners(boxes="b", scores="s"),
        {"b": (9, 4), "s": (1, 9, 3)},
        r"'b' is \[9, 4\], and decoding reads 3 axes",
    ),
    (
        DetectCorners(boxes="b", scores="s", background=3),
        {"b": (1, 9, 4), "s": (1, 9, 3)},
        "background is class 3 of 3",
    ),
    (DetectAnchors(boxes="b", scores="s", anchors=ANCHORS), {"b": (1, 8, 4), "s": (1, 8, 3)}, "9 anchors for 8 boxes"),
    (DetectGrid(boxes="b"), {"b": (1, 9, 4)}, "4 numbers a box, and no class scores"),
    (DetectGrid(boxes="b", objectness=True), {"b": (1, 9, 5)}, "5 numbers a box, and no class scores"),
    (DetectGrid(boxes="b", scores="s"), {"b": (1, 9, 5), "s": (1, 9, 80)}, "5 numbers a box, and 4 are needed"),
    (DetectGrid(boxes="b", encoding="yolox"), {"b": (1, 9, 6)}, "strides belong to"),
    (DetectHeatmap(heatmap="h", sizes="b"), {"h": (1, 8, 9, 3), "b": (1, 9, 9, 2)}, "differ in height or width"),
    (DetectHeatmap(heatmap="h", sizes="b"), {"h": (1, 8, 9, 3), "b": (1, 8, 9, 4)}, "two numbers a cell"),
    (Segment(map="m"), {"m": (1, 8, 9, 21)}, "decoding reads 3 axes"),
    (Keypoints(points="p"), {"p": (1, 1, 17, 2)}, "does not end with 3"),
    (Regress(values=(Estimate(name="x", output="v", index=2),)), {"v": (1, 2)}, "value 'x' is number 2 of 2"),
    (Anomaly(output="v"), {"v": (1, 2)}, "not one value"),
]


def manifest(decoding: Decoding, shapes: dict[str, tuple[int, ...]], **changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "name": "m",
        "version": 1,
        "task": TASKS[type(decoding)],
        "profile": "generic-x86_64",
        "format": "onnx",
        "model": "model.onnx",
        "inputs": (TensorSpec(name="picture", shape=(1, 8, 8, 3), dtype="float32"),),
        "preprocessing": Preprocessing(size_wh=(8, 8)),
        "outputs": tuple(TensorSpec(name=name, shape=shape, dtype="float32") for name, shape in shapes.items()),
        "decoding": decoding,
        "members": (Member(name="model.onnx", sha256="sha256:" + "0" * 64, size_bytes=1),),
    }
    return Manifest(**{**fields, **changes})


def reread(written: Manifest) -> Manifest:
    return parse(to_pretty_json(written), where="manifest.json")


@pytest.mark.parametrize(("decoding", "shapes"), FITTING)
def test_every_decoding_reads_as_it_was_written(decoding: Decoding, shapes: dict[str, tuple[int, ...]]) -> None:
    written = manifest(decoding, shapes)
    assert reread(written) == written


@pytest.mark.parametrize(("decoding", "shapes", "words"), MISFITTING)
def test_outputs_that_cannot_be_what_is_said_are_refused(
    decoding: Decoding, shapes: dict[str, tuple[int, ...]], words: str
) -> None:
    with pytest.raises(BundleError, match=rf"contradicts itself: .*({words})"):
        reread(manifest(decoding, shapes))


@pytest.mark.parametrize(("decoding", "shapes"), FITTING)
def test_an_output_that_is_not_there_is_refused(decoding: Decoding, shapes: dict[str, tuple[int, ...]]) -> None:
    first = next(iter(shapes))
    others = {name: shape for name, shape in shapes.items() if name != first}
    with pytest.raises(BundleError, match=f"decoding reads '{first}', which is no output"):
        reread(manifest(decoding, others))


def test_a_task_its_decoding_does_not_answer_is_refused() -> None:
    with pytest.raises(BundleError, match="its task is 'detect', and its decoding answers 'classify'"):
        reread(manifest(Classify(scores="s"), {"s": (1, 3)}, task="detect"))


STATE = TensorSpec(name="in", shape=(1, 4), dtype="int8", quantization=Quantization(scale=0.1, zero_point=3))


def with_state(states: tuple[State, ...], **after: Any) -> Manifest:
    plain = manifest(Classify(scores="s"), {"s": (1, 3)})
    source = msgspec.structs.replace(STATE, **{"name": "out", **after})
    return msgspec.structs.replace(
        plain, inputs=(STATE, *plain.inputs), outputs=(*plain.outputs, source), states=states
    )


def test_the_picture_is_the_input_that_is_no_state() -> None:
    read = reread(with_state((State(input="in", output="out"),)))
    assert read.picture_input.name == "picture"


@pytest.mark.parametrize(
    ("states", "after", "words"),
    [
        ((), {}, "2 inputs, and one picture"),
        ((State(input="in", output="gone"),), {}, "names a tensor that is not there"),
        ((State(input="in", output="out"),), {"shape": (1, 5)}, "differ in shape"),
        ((State(input="in", output="out"),), {"quantization": None}, "differ in shape, type or quantisation"),
        ((State(input="in", output="out"), State(input="picture", output="s")), {}, "2 of them states"),
    ],
)
def test_states_that_cannot_be_fed_are_refused(states: tuple[State, ...], after: dict[str, Any], words: str) -> None:
    with pytest.raises(BundleError, match=words):
        reread(with_state(states, **after))


def with_members(*names: str) -> Manifest:
    listed = (Member(name=name, sha256="sha256:" + "0" * 64, size_bytes=1) for name in ("model.onnx", *names))
    return manifest(Classify(scores="s"), {"s": (1, 3)}, members=tuple(listed))


def test_members_are_few_and_none_takes_a_name_that_is_needed() -> None:
    assert reread(with_members(*(f"m{number}" for number in range(MOST_MEMBERS - 1)))).members
    with pytest.raises(BundleError, match="length <= 64"):
        reread(with_members(*(f"m{number}" for number in range(MOST_MEMBERS))))
    for name in RESERVED:
        with pytest.raises(BundleError, match="a name of the bundle's own"):
            reread(with_members(name))


@pytest.mark.parametrize("shape", [(1, 2**31), (1,) * 9])
def test_shapes_stay_within_what_tensor_libraries_hold(shape: tuple[int, ...]) -> None:
    with pytest.raises(BundleError, match=r"\$\.outputs\[0\]\.shape"):
        reread(manifest(Classify(scores="s"), {"s": shape}))


def test_numbers_too_long_to_be_written_down_are_refused() -> None:
    # Their product has more digits than Python turns into text.
    grid = AnchorGrid(cells_wh=(10**4200, 10**4200), sizes_wh=((0.1, 0.1),))
    with pytest.raises(BundleError, match="cells_wh"):
        reread(manifest(DetectAnchors(boxes="b", scores="s", anchors=(grid,)), {"b": (1, 9, 4), "s": (1, 9, 3)}))


@pytest.mark.parametrize("label", ["a\nb", "\x1b[2J", "\x9b2J", "\x00", "\x7f"])
def test_a_label_cannot_command_a_terminal(label: str) -> None:
    assert reread(manifest(Classify(scores="s"), {"s": (1, 3)}, labels=("Käuzchen 🦉\t'",))).labels
    with pytest.raises(BundleError, match=r"\$\.labels\[0\]"):
        reread(manifest(Classify(scores="s"), {"s": (1, 3)}, labels=(label,)))
