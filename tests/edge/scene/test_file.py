from __future__ import annotations

import re
from pathlib import Path

import pytest

from contract.errors import ConfigError
from edge.scene.file import read_scene
from tests.conftest import ROOT


def test_the_example_of_the_page_for_users_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "scene.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "scene.toml").write_text(example)
    scene = read_scene(tmp_path / "scene.toml")
    for section in (scene.motion, scene.masks, scene.tracking, scene.zones, scene.lines, scene.keep):
        assert section, "the example shows every section"


def test_the_folder_is_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scene.toml").write_text('[keep]\non = ["appeared"]')
    monkeypatch.chdir("/")
    keep = read_scene(tmp_path / "scene.toml").keep
    assert keep is not None
    assert keep.folder == str(tmp_path / "kept")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_scene(tmp_path / "scene.toml")
