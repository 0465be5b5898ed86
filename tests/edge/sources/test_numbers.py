"""Numbers from files: which row is which frame, and whether they are stored or real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contract.errors import ConfigError, DamagedFrameError, SourceError
from edge.frames import Frame
from edge.sources import open_source


def frames_of(text: str | Path) -> list[Frame]:
    source = open_source(str(text))
    frames = []
    while (frame := source.read(1.0)) is not None:
        frames.append(frame)
    source.close()
    return frames


def rows_of(text: str | Path) -> list[list[float]]:
    return [frame.numbers.values.tolist() for frame in frames_of(text) if frame.numbers is not None]


def stored(text: str | Path) -> bool:
    (numbers,) = {frame.numbers is not None and frame.numbers.stored for frame in frames_of(text)}
    return numbers


def test_the_first_axis_of_an_array_counts_frames(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(12.0).reshape(2, 3, 2))
    frames = frames_of(tmp_path / "a.npy")
    assert rows_of(tmp_path / "a.npy") == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert [(frame.source, frame.index, frame.pixels) for frame in frames] == [("a.npy", 0, None), ("a.npy", 1, None)]


def test_one_number_is_one_frame_and_a_row_of_them_many(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.float32(2.5))
    np.save(tmp_path / "many.npy", np.array([0.5, 1.5]))
    assert rows_of(tmp_path / "one.npy") == [[2.5]]
    assert rows_of(tmp_path / "many.npy") == [[0.5], [1.5]]


@pytest.mark.parametrize(
    ("dtype", "expected"), [("int8", True), ("uint8", True), ("int16", True), ("int64", False), ("float32", False)]
)
def test_small_whole_types_are_stored_numbers(dtype: str, expected: bool, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((1, 3), dtype))
    assert stored(tmp_path / "a.npy") is expected
    assert stored(f"tensor:{tmp_path}/a.npy?numbers=real") is False
    assert stored(f"tensor:{tmp_path}/a.npy?numbers=stored") is True


def test_a_table_is_a_line_a_frame_with_or_without_names(tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text("1,2.5\n-3e2,4\n\n")
    (tmp_path / "named.CSV").write_text('"x","y"\n1,2\n')
    assert rows_of(tmp_path / "plain.csv") == [[1, 2.5], [-300, 4]]
    assert rows_of(tmp_path / "named.CSV") == [[1, 2]]
    assert stored(tmp_path / "plain.csv") is False


def test_a_folder_of_numbers_is_read_by_name(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    np.save(tmp_path / "b.npy", np.ones((1, 2)))
    (tmp_path / "a.csv").write_text("1\n2\n")
    np.save(tmp_path / "sub" / "c.npy", np.zeros((1, 1)))
    assert [frame.source for frame in frames_of(tmp_path)] == ["a.csv", "a.csv", "b.npy", "sub/c.npy"]
    assert [frame.index for frame in frames_of(tmp_path)] == [0, 1, 2, 3]


def test_a_folder_with_a_picture_in_it_is_one_of_pictures(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("1\n")
    (tmp_path / "b.png").write_bytes(b"")
    assert [frame.source for frame in frames_of(tmp_path)] == ["b.png"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("text.npy", b"hello", "not an array of numbers"),
        ("short.npy", b"\x93NUMPY\x01\x00", "not an array of numbers"),
        ("words.csv", b"1,2\n3,four\n", "row 2: 'four' is no number"),
        ("ragged.csv", b"1,2\n3\n", "row 2: 1 numbers, not 2"),
        ("empty.csv", b"\n", "without a row"),
        ("binary.csv", b"\xff\xfe\x00", "not a table"),
    ],
)
def test_a_damaged_file_is_one_damaged_frame(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    (frame,) = frames_of(tmp_path / name)
    assert isinstance(frame.error, DamagedFrameError)
    assert words in frame.error.what
    assert frame.error.where == str(tmp_path / name)


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([True]), np.zeros((0, 2)), np.array([1j])])
def test_an_array_of_something_else_is_damaged(array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    (frame,) = frames_of(tmp_path / "a.npy")
    assert frame.error is not None


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], object), allow_pickle=True)
    (frame,) = frames_of(tmp_path / "a.npy")
    assert frame.error is not None


def test_what_is_not_there_or_no_file_of_numbers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    with pytest.raises(SourceError, match="no such file of numbers"):
        open_source(f"tensor:{tmp_path}/absent.npy")
    with pytest.raises(SourceError, match="not a file of numbers"):
        open_source(f"tensor:{tmp_path}/a.txt")
    with pytest.raises(SourceError, match="holds no numbers"):
        open_source(f"tensor:{tmp_path}")
    with pytest.raises(ConfigError, match="no option numbers=whole"):
        open_source(f"tensor:{tmp_path}/a.npy?numbers=whole")
