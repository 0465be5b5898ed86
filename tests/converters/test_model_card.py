"""Model cards: every key, and every way to get one wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.decoding import Classify, DetectAnchors, DetectBoxes, DetectCorners, Estimate, Regress
from contract.errors import ConfigError
from converters.model_card import CardPreprocessing, ModelCard, decoding_of, read_card

OUTPUTS = ("scores", "boxes", "hidden")
WHOLE = """
name = "faces"
task = "detect"
labels_file = "faces.txt"
metric = "box F1"

[preprocessing]
size_wh = [320, 240]
colour = "bgr"
mean = [127.0]
std = [128.0]
resize = "letterbox"
interpolation = "antialias"
pad_value = 0
layout = "nchw"

[decoding]
kind = "detect-corners"
scores = 0
boxes = "boxes"
background = 0

[[states]]
input = "h"
output = 2
"""


def card(folder: Path, text: str) -> ModelCard:
    path = folder / "model.toml"
    path.write_text(text)
    return read_card(path)


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "faces.txt").write_text("background\nface\n")
    read = card(tmp_path, WHOLE)
    assert (read.name, read.task, read.labels, read.metric) == ("faces", "detect", ("background", "face"), "box F1")
    assert read.preprocessing == CardPreprocessing(
        size_wh=(320, 240),
        colour="bgr",
        mean=(127.0,),
        std=(128.0,),
        resize="letterbox",
        interpolation="antialias",
        pad_value=0,
        layout="nchw",
    )
    assert decoding_of(read, OUTPUTS, None) == DetectCorners(boxes="boxes", scores="scores", background=0)
    assert [(state.input, state.output) for state in read.states] == [("h", 2)]


def test_an_empty_card_says_nothing(tmp_path: Path) -> None:
    read = card(tmp_path, "")
    assert read == ModelCard(where=str(tmp_path / "model.toml"))
    assert decoding_of(read, OUTPUTS, None) is None


def test_a_decoding_alone_tells_the_task(tmp_path: Path) -> None:
    assert card(tmp_path, '[decoding]\nkind = "keypoints"\npoints = 0\n').task == "keypoints"


def test_what_the_decoding_leaves_out_is_taken_from_what_is_known(tmp_path: Path) -> None:
    known = DetectBoxes(boxes="b", classes="c", scores="s", count="n")
    read = card(tmp_path, '[decoding]\nkind = "detect-boxes"\nscore_threshold = 0.6\n')
    assert decoding_of(read, OUTPUTS, known) == DetectBoxes(
        boxes="b", classes="c", scores="s", count="n", score_threshold=0.6
    )
    with pytest.raises(ConfigError, match="missing required field `boxes`"):
        decoding_of(read, OUTPUTS, Classify(scores="scores"))


def test_values_name_their_outputs_by_place_too(tmp_path: Path) -> None:
    read = card(
        tmp_path, '[decoding]\nkind = "regress"\n[[decoding.values]]\nname = "angle"\noutput = 2\nunit = "deg"\n'
    )
    assert decoding_of(read, OUTPUTS, None) == Regress(values=(Estimate(name="angle", output="hidden", unit="deg"),))


def test_anchors_can_be_written_down(tmp_path: Path) -> None:
    text = '[decoding]\nkind = "detect-anchors"\nboxes = 1\nscores = 0\n'
    text += "[[decoding.anchors]]\ncells_wh = [2, 2]\nsizes_wh = [[0.5, 0.5]]\n"
    decoding = decoding_of(card(tmp_path, text), OUTPUTS, None)
    assert isinstance(decoding, DetectAnchors)
    assert decoding.anchors[0].count == 4


@pytest.mark.parametrize(
    ("text", "words", "where"),
    [
        ("nam = 'x'", "unknown field `nam`", ":1"),
        ("name = 'Not A Slug'", "name", ":1"),
        ("task = 'guess'", "Invalid enum value 'guess'", ":1"),
        ("[preprocessing]\nmaen = [1.0]", "unknown field `maen`", ":2"),
        ("labels = ['a']\nlabels_file = 'b'", "both given", ""),
        ('labels = ["a\\u0007"]', "no plain line of text", ""),
        ("labels_file = 'absent.txt'", "cannot be read", "absent.txt"),
        ("task = 'segment'\n[decoding]\nkind = 'classify'\nscores = 0", "its decoding answers 'classify'", ""),
        ("[decoding]\nscores = 0", "kind is None, and there is: classify", ""),
        ("[decoding]\nkind = 'detect'", "kind is 'detect'", ""),
        ("a b", "", "model.toml"),
    ],
)
def test_a_wrong_key_is_named(text: str, words: str, where: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        card(tmp_path, text)
    assert words in refused.value.what
    assert where in refused.value.where


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind = 'classify'\nscores = 3", "3 is none of: 0 'scores', 1 'boxes', 2 'hidden'"),
        ("kind = 'classify'\nscores = 'x'", "'x' is none of"),
        ("kind = 'classify'\nscores = 0\ntopk = 3", "no key 'topk' for the kind 'classify'"),
        ("kind = 'classify'\nscores = 0\nthreshold = 2", "Expected `float` <= 1.0"),
        (
            "kind = 'regress'\n[[decoding.values]]\nname = 'a'\noutput = 0\nuint = 'm'",
            "no key 'values.uint' for the kind 'regress'",
        ),
    ],
)
def test_a_wrong_decoding_is_named(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        decoding_of(card(tmp_path, f"[decoding]\n{text}"), OUTPUTS, None)
    assert words in refused.value.what


def test_a_missing_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_card(tmp_path / "absent.toml")
