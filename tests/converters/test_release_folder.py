"""Bundles are released all or none, and no version twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from converters.release_folder import write_bundles


def content(folder: Path) -> dict[str, bytes]:
    """Every file there, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_bundles_are_written_into_a_folder_made_for_them(tmp_path: Path) -> None:
    write_bundles(tmp_path / "a/b", {"x.bundle": b"1", "y.bundle": b"2"})
    assert content(tmp_path / "a/b") == {"x.bundle": b"1", "y.bundle": b"2"}


def test_the_same_bundle_again_is_fine(tmp_path: Path) -> None:
    write_bundles(tmp_path, {"x.bundle": b"1"})
    before = (tmp_path / "x.bundle").stat().st_ino
    write_bundles(tmp_path, {"x.bundle": b"1"})
    assert (tmp_path / "x.bundle").stat().st_ino == before


def test_another_bundle_of_the_same_version_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    write_bundles(tmp_path, {"x.bundle": b"1"})
    with pytest.raises(ConfigError, match="never reused") as refused:
        write_bundles(tmp_path, {"a.bundle": b"new", "x.bundle": b"2"})
    assert "--version" in refused.value.fix
    assert content(tmp_path) == {"x.bundle": b"1"}


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_bundles(tmp_path / "out", {"x.bundle": b"1"})


def test_a_name_taken_by_a_folder_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "x.bundle").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        write_bundles(tmp_path, {"a.bundle": b"new", "x.bundle": b"2"})
    assert [path.name for path in tmp_path.iterdir()] == ["x.bundle"]
