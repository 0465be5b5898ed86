"""What a device says of what it keeps: only pictures, only from their folder, whole when the pieces are joined."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from contract.device import Camera, DeviceConfig, Pictures
from contract.errors import ConfigError
from contract.kept_files import NAMES_AT_ONCE, PIECE_BYTES, is_kept_name
from contract.messages import Command, Reply
from edge.kept_files import KeptFiles, kept_files
from tests.edge.tiny_bundle import device_config

NAME = "20261123T120624.123Z_front-door_entered-zone-yard_1041.jpg"


def names(files: KeptFiles, after: str = "") -> list[str]:
    answer = files.answer(Command(id="1", verb="list-kept", name=after))
    assert answer.ok
    return [picture.name for picture in answer.pictures]


def read(files: KeptFiles, name: str, offset: int = 0) -> Reply:
    return files.answer(Command(id="1", verb="read-kept", name=name, offset=offset))


def test_pictures_are_listed_by_their_moment_from_all_cameras(tmp_path: Path) -> None:
    for folder, name in (("a", "20260102T000000.000Z_a_x_2.jpg"), ("b", "20260101T000000.000Z_b_x_1.jpg")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(b"jpeg")
        (tmp_path / folder / name.replace(".jpg", ".json")).write_text("{}")
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    (tmp_path / "a" / ".hidden.jpg").write_bytes(b"")
    (tmp_path / "a" / "folder.jpg").mkdir()
    files = KeptFiles([tmp_path / "a", tmp_path / "b", tmp_path / "never made"])
    found = files.answer(Command(id="1", verb="list-kept")).pictures
    assert [(one.name[:8], one.size_bytes) for one in found] == [("20260101", 4), ("20260102", 4)]
    assert names(files, found[0].name) == [found[1].name]
    assert names(files, found[1].name) == []


def test_long_lists_come_a_page_at_a_time(tmp_path: Path) -> None:
    for number in range(NAMES_AT_ONCE + 3):
        (tmp_path / f"{number:06d}.jpg").touch()
    first = names(KeptFiles([tmp_path]))
    assert len(first) == NAMES_AT_ONCE
    assert names(KeptFiles([tmp_path]), first[-1]) == [f"{NAMES_AT_ONCE + n:06d}.jpg" for n in range(3)]


def test_the_pieces_make_the_file(tmp_path: Path) -> None:
    content = os.urandom(PIECE_BYTES + 100)
    (tmp_path / NAME).write_bytes(content)
    files = KeptFiles([tmp_path])
    pieces = [read(files, NAME, offset) for offset in (0, PIECE_BYTES, 2 * PIECE_BYTES)]
    assert b"".join(piece.data for piece in pieces) == content
    assert {piece.size_bytes for piece in pieces} == {len(content)}
    assert pieces[2].data == b""


@pytest.mark.parametrize(
    "name", [NAME, "", "../secret.jpg", "/etc/passwd", "link.jpg", "folder.jpg", "a/b.jpg", "secret", "x\0.jpg"]
)
def test_nothing_else_can_be_read(tmp_path: Path, name: str) -> None:
    kept = tmp_path / "kept"
    (kept / "folder.jpg").mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(b"key")
    (kept / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (kept / "secret").write_bytes(b"key")
    answer = read(KeptFiles([kept]), name)
    assert (answer.ok, answer.gone, answer.data) == (False, True, b"")


def test_a_pipe_is_no_picture_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert read(KeptFiles([tmp_path]), "pipe.jpg").gone
    assert names(KeptFiles([tmp_path])) == []


@pytest.mark.parametrize("name", ["a" * 197 + ".jpg", "_x.jpg", "x_.jpg", ".jpg", "x.jpg\n", "é.jpg"])
def test_odd_names_are_none(name: str) -> None:
    assert not is_kept_name(name)


def config(folder: Path, *, share: bool) -> DeviceConfig:
    scene = folder / "scene.toml"
    scene.write_text('[keep]\nfolder = "pictures"\non = ["appeared"]\n')
    cameras = Camera(source="synthetic:", scene=str(scene)), Camera(source="synthetic:", name="plain")
    return replace(device_config(folder), camera=cameras, pictures=Pictures(share=share))


def test_only_an_owner_who_says_so_shares_what_the_scenes_keep(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / NAME).touch()
    assert kept_files(config(tmp_path, share=False)) is None
    shared = kept_files(config(tmp_path, share=True))
    assert shared is not None
    assert names(shared) == [NAME]


def test_a_scene_that_is_not_there_is_said_at_the_start(tmp_path: Path) -> None:
    told = config(tmp_path, share=True)
    (tmp_path / "scene.toml").unlink()
    with pytest.raises(ConfigError, match="scene"):
        kept_files(told)
