"""The little YAML that is read, and that nothing else is guessed."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import DataError
from trainer.formats.plain_yaml import Value, read_yaml

EVERYTHING = """\
---
# a comment
path: ../datasets/coco8  # where it lies
train: images/train
test:
nc: 3
url: http://example.org/a:b?c#d
names:
  0: person
  1: 'it''s "quoted"'
  2: "traffic: light # two"
list:
- a b
- "c, d"
flow: [a, 'b, c', "d", two words,
  last]
map: {0: a, 1: b}
download: |
  import something
    deeper: text
roboflow:
  workspace: cells
  url: https://universe.roboflow.com/x
"""


def test_everything_a_data_yaml_is_written_in_is_read() -> None:
    assert read_yaml(EVERYTHING, where="x") == {
        "path": "../datasets/coco8",
        "train": "images/train",
        "test": "",
        "nc": "3",
        "url": "http://example.org/a:b?c#d",
        "names": {"0": "person", "1": 'it\'s "quoted"', "2": "traffic: light # two"},
        "list": ["a b", "c, d"],
        "flow": ["a", "b, c", "d", "two words", "last"],
        "map": {"0": "a", "1": "b"},
        "download": "import something\ndeeper: text",
        "roboflow": {"workspace": "cells", "url": "https://universe.roboflow.com/x"},
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: &anchor 1", 1),
        ("a: 1\nb: *anchor", 2),
        ("a: !!python/object 1", 1),
        ("a: 1\na: 2", 2),
        ("a:\n  b:\n    c: 1", 3),
        ("a:\n  - b\n  c: 1", 3),
        ("a:\n  - b: 1", 2),
        ("\ta: 1", 1),
        ("a: 1\n  b: 2", 2),
        ("just words", 1),
        ("a: [1, [2]]", 1),
        ("a: [1, 2", 1),
        ("a: {b}", 1),
        ("a: {b: 1, b: 2}", 1),
        ("a:\n  b: 1\n  b: 2", 1),
        ("a: 'open", 1),
        ('a: "\\x41"', 1),
        ("  a: 1", 1),
        ("a: 1\n---\nb: 2", 2),
    ],
)
def test_what_is_not_that_plain_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(DataError) as refused:
        read_yaml(text, where="data.yaml")
    assert refused.value.where == f"data.yaml:{line}"


WORDS = st.text(st.sampled_from("abcxyz019 _-./:#,'\"[]{}é"), min_size=1, max_size=12).filter(
    lambda word: word.strip() == word
)


def dumped(value: dict[str, Value], flow: bool | None) -> str:
    """As PyYAML writes it, in one line where `flow` is true."""
    text: str = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True, width=1000)
    return text


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["path", "train", "val", "names", "nc"]),
        st.one_of(WORDS, st.lists(WORDS, max_size=4), st.dictionaries(st.integers(0, 9).map(str), WORDS, max_size=4)),
    ),
    st.sampled_from([None, True, False]),
)
def test_what_a_yaml_library_writes_is_read_as_it_was_or_refused(written: dict[str, Value], flow: bool | None) -> None:
    # Each key by itself, so that braces around all of them do not come into it.
    parts = [dumped({key: value}, flow) for key, value in written.items()]
    text = "\n".join(part.strip()[1:-1] if flow else part for part in parts)
    try:
        read = read_yaml(text, where="x")
    except DataError:
        return
    for key, value in written.items():
        assert read[key] == value or not (value or read[key])
