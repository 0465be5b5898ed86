"""Inputs and outputs of a converted file: named and ordered by what the converter said, never by luck."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contract.errors import ModelError
from converters.tflite_ends import converters_name, name_ends
from converters.tflite_tree import read_tree, write_tree


@pytest.fixture
def two_outputs(shared_data: Path) -> bytes:
    """A real model that also answers with what its softmax reads, the outputs listed the other way round."""
    tree = read_tree((shared_data / "models/tflite/vww_96_float.tflite").read_bytes(), where="test")
    graph = tree.subgraphs[0]
    scores = int(graph.outputs[0])
    logits = int(next(each for each in graph.operators if scores in each.outputs).inputs[0])
    graph.tensors[scores].name, graph.tensors[logits].name = b"Identity", b"Identity_1"
    graph.outputs = np.array([logits, scores], np.int32)
    return write_tree(tree, attached_to=b"")


def test_outputs_follow_the_number_in_their_names(two_outputs: bytes) -> None:
    made = read_tree(name_ends(two_outputs, ["picture"], ["scores", "logits"], where="test"), where="test")
    graph = made.subgraphs[0]
    assert [graph.tensors[index].name for index in graph.outputs] == [b"scores", b"logits"]
    assert [graph.tensors[index].name for index in graph.inputs] == [b"picture"]
    assert [entry.name for entry in made.signatureDefs[0].outputs] == [b"scores", b"logits"]


@pytest.mark.parametrize("outputs", [["scores"], ["scores", "logits", "third"]])
def test_an_output_too_many_or_too_few_is_refused(two_outputs: bytes, outputs: list[str]) -> None:
    with pytest.raises(ModelError, match="lost the order"):
        name_ends(two_outputs, ["picture"], outputs, where="test")


def test_a_name_without_a_number_is_refused(two_outputs: bytes) -> None:
    tree = read_tree(two_outputs, where="test")
    graph = tree.subgraphs[0]
    graph.tensors[graph.outputs[0]].name = b"model/dense/BiasAdd"
    with pytest.raises(ModelError, match="bears no number of its place"):
        name_ends(write_tree(tree, attached_to=b""), ["picture"], ["scores", "logits"], where="test")


def test_the_converters_own_names_are_known() -> None:
    assert [converters_name(name, ["a", "b"]) for name in ("a", "b", "c")] == ["Identity", "Identity_1", "c"]
