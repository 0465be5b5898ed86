"""`device.toml` from the disk: its paths hang on the file, its mistakes have a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from edge.device_file import read_device_file

TEXT = """
fleet = "test"
device = "cam-1"
profile = "rpi4"
state_dir = "state"
bundle = "/srv/first.bundle"
[broker]
url = "mqtts://broker"
ca_file = "ca.pem"
[trust]
publishers = ["publisher.pub"]
[camera]
source = "{source}"
"""


def written(folder: Path, source: str = "synthetic:") -> Path:
    path = folder / "device.toml"
    path.write_text(TEXT.replace("{source}", source))
    return path


def test_relative_paths_hang_on_the_file_and_absolute_ones_stay(tmp_path: Path) -> None:
    config = read_device_file(written(tmp_path))
    assert config.state_dir == str(tmp_path / "state")
    assert config.broker.ca_file == str(tmp_path / "ca.pem")
    assert config.broker.key_file is None
    assert config.trust.publishers == (str(tmp_path / "publisher.pub"),)
    assert config.bundle == "/srv/first.bundle"


def test_a_source_is_a_path_only_where_there_is_such_a_file(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    assert read_device_file(written(tmp_path, "pictures")).cameras[0].source == str(tmp_path / "pictures")
    assert read_device_file(written(tmp_path, "synthetic:?fps=5")).cameras[0].source == "synthetic:?fps=5"


def test_an_unknown_key_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text() + "colour = 3\n")
    with pytest.raises(ConfigError, match=r"colour.*device\.toml:14"):
        read_device_file(path)


def test_a_missing_file_is_said_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent"):
        read_device_file(tmp_path / "absent.toml")


def test_several_cameras_share_a_device_and_their_scenes_are_beside_the_file(tmp_path: Path) -> None:
    cameras = '[[camera]]\nname = "door"\nsource = "0"\nscene = "door.toml"\n[[camera]]\nname = "yard"\nsource = "1"\n'
    file = written(tmp_path, "0")
    one = '[camera]\nsource = "0"\n'
    assert one in file.read_text()
    file.write_text(file.read_text().replace(one, cameras))
    door, yard = read_device_file(file).cameras
    assert (door.name, door.scene, yard.name, yard.scene) == ("door", str(tmp_path / "door.toml"), "yard", None)
    file.write_text(file.read_text().replace("yard", "door"))
    with pytest.raises(ConfigError, match="two cameras have one name"):
        read_device_file(file)
