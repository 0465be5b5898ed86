"""Packed metadata of real files, of files made here field by field, and of damaged ones."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from contract.errors import ModelError
from converters.tflite_metadata import ANCHORS, PackedInput, labels_of, read_packed
from tests.converters.packed_metadata import Byte, flatbuffer, model_with

NORMALIZED = {0: Byte(1), 1: {0: [127.5], 1: [128.0]}}
THRESHOLD = {0: Byte(3), 1: {0: 0.25}}
IMAGE = {0: Byte(2), 1: {0: Byte(2)}}


def label_file(name: str, locale: str = "") -> dict[int, Any]:
    return {0: name, 2: Byte(2), **({3: locale} if locale else {})}


def metadata(subgraph: dict[int, Any]) -> bytes:
    return flatbuffer({0: "owls", 1: "Tells owls.", 3: [subgraph]}, b"M001")


def test_a_classifier_by_others_says_pixels_and_labels(shared_data: Path) -> None:
    path = shared_data / "models/tflite/mobilenet_v1_0.25_224_quant_metadata.tflite"
    packed = read_packed(path.read_bytes(), where=path.name)
    assert packed is not None
    assert packed.inputs == (PackedInput(name="image", colour="rgb", mean=(127.5,), std=(127.5,)),)
    assert len(packed.labels) == 1001
    assert packed.labels[:2] == ("background", "tench")


def test_a_detector_by_others_has_labels_with_gaps(shared_data: Path) -> None:
    path = shared_data / "models/tflite/coco_ssd_mobilenet_v1_quant_metadata.tflite"
    packed = read_packed(path.read_bytes(), where=path.name)
    assert packed is not None
    known = (shared_data / "labels/coco_labels.txt").read_text().splitlines()
    assert len(packed.labels) == len(known)
    assert packed.labels[16] == known[16] == "cat"
    # `???` in the one file and n/a in the other.
    assert [place for place, label in enumerate(packed.labels) if not label] == [
        place for place, label in enumerate(known) if label == "n/a"
    ]
    assert [output.name for output in packed.outputs][:2] == ["locations", "classes"]


def test_a_file_without_metadata_says_nothing(shared_data: Path) -> None:
    path = shared_data / "models/tflite/hello_world_int8.tflite"
    assert read_packed(path.read_bytes(), where=path.name) is None


def test_every_field_of_use_is_read() -> None:
    files = [label_file("eulen.txt", "de"), label_file("owls.txt")]
    subgraph = {2: [{0: "picture", 3: IMAGE, 4: [NORMALIZED]}], 3: [{0: "scores", 4: [THRESHOLD], 6: files}]}
    model = model_with(metadata(subgraph), {"owls.txt": b"barn\n???\nsnowy\n", "eulen.txt": b"Schleier\n"})
    packed = read_packed(model, where="owls")
    assert packed is not None
    assert (packed.name, packed.description) == ("owls", "Tells owls.")
    assert packed.inputs == (PackedInput(name="picture", colour="grey", mean=(127.5,), std=(128.0,)),)
    (output,) = packed.outputs
    assert (output.name, output.labels, output.score_threshold) == ("scores", ("barn", "", "snowy"), 0.25)
    assert packed.labels == ("barn", "", "snowy")


def test_a_threshold_of_the_whole_graph_counts_for_each_output() -> None:
    packed = read_packed(model_with(metadata({3: [{0: "a"}, {0: "b"}], 6: [THRESHOLD]}), {}), where="m")
    assert packed is not None
    assert [output.score_threshold for output in packed.outputs] == [0.25, 0.25]


def test_anchors_of_a_detector_are_read_in_their_order() -> None:
    anchors = [{0: 0.25, 1: 0.5, 2: 0.5, 3: 0.75}, {0: 0.75, 1: 0.5, 2: 0.5, 3: 0.75}]
    options = flatbuffer({1: {0: {0: anchors}}}, b"V001")
    packed = read_packed(model_with(metadata({9: [{0: ANCHORS, 1: options}]}), {}), where="m")
    assert packed is not None
    assert packed.anchors_xywh == ((0.25, 0.5, 0.5, 0.75), (0.75, 0.5, 0.5, 0.75))


def test_a_label_file_nobody_points_to_is_taken_when_there_is_one() -> None:
    alone = read_packed(model_with(None, {"labelmap.txt": b"\xef\xbb\xbfa\r\nb\r\n\r\n"}), where="m")
    assert alone is not None
    assert alone.labels == ("a", "b")
    two = read_packed(model_with(None, {"labels_en.txt": b"a", "labels_de.txt": b"b"}), where="m")
    assert two is not None
    assert two.labels == ()


def test_gaps_keep_the_places_of_those_behind_them() -> None:
    assert labels_of(b"???\nperson\n\ncar\n???\n\n") == ("", "person", "", "car", "")


@pytest.mark.parametrize("kept", [0, 6, 20, 60])
def test_metadata_cut_short_is_refused_with_the_way_round_it(kept: int) -> None:
    whole = metadata({2: [{0: "picture", 4: [NORMALIZED]}]})
    with pytest.raises(ModelError, match="metadata is damaged") as refused:
        read_packed(model_with(whole[:kept], {}), where="m")
    assert "model card" in refused.value.fix


@settings(max_examples=150, deadline=None)
@given(some.data())
def test_no_damage_ends_in_anything_but_an_error_of_ours(data: some.DataObject) -> None:
    whole = bytearray(metadata({2: [{0: "picture", 3: IMAGE, 4: [NORMALIZED]}], 3: [{6: [label_file("a.txt")]}]}))
    for _ in range(data.draw(some.integers(1, 4))):
        whole[data.draw(some.integers(0, len(whole) - 1))] = data.draw(some.integers(0, 255))
    with suppress(ModelError):
        read_packed(model_with(bytes(whole), {"a.txt": b"a"}), where="m")


def test_a_broken_archive_at_the_end_is_passed_over() -> None:
    model = model_with(metadata({3: [{6: [label_file("a.txt")]}]}), {"a.txt": b"a" * 2000})
    place = model.index(b"aaaa")
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(model[:place] + b"b" + model[place + 1 :])).read("a.txt")
    packed = read_packed(model[:place] + b"b" + model[place + 1 :], where="m")
    assert packed is not None
    assert packed.labels == ()
