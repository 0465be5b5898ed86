"""Label files as others write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from converters.sources.labels import read_labels


def labels(folder: Path, content: bytes) -> tuple[str, ...]:
    path = folder / "labels.txt"
    path.write_bytes(content)
    return read_labels(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"cat\ndog\n", ("cat", "dog")),
        (b"\xef\xbb\xbfcat\r\ndog\r\n\r\n", ("cat", "dog")),
        (b"???\nperson\n???\ncar", ("", "person", "", "car")),
        (b"0  person\n1  bicycle\n3: car\n", ("person", "bicycle", "", "car")),
        (b"0\n1\n2\n", ("0", "1", "2")),
        (b"1 euro\n50 cent\n5 cent\n", ("1 euro", "50 cent", "5 cent")),
        ("Käse\n".encode(), ("Käse",)),
    ],
)
def test_labels_are_in_the_places_of_their_classes(content: bytes, expected: tuple[str, ...], tmp_path: Path) -> None:
    assert labels(tmp_path, content) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no label in it"),
        (b"???\n\n", "no label in it"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"a\x1b[2Jb\n", "no plain line"),
        (b"0 a\n99999999 b\n", "class number 99999999 is too high"),
        (b"a\n" * (3 << 20), "are not a list of labels"),
    ],
)
def test_what_is_no_list_of_labels_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        labels(tmp_path, content)
    assert words in refused.value.what


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_labels(tmp_path / "absent.txt")
