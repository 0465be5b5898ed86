from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError, SourceError
from edge.sources import open_source


@pytest.mark.parametrize("text", ["/nowhere/picture.jpg", "/dev/video73", "73", "/nowhere"])
def test_what_is_not_there_is_said_in_one_sentence(text: str) -> None:
    with pytest.raises(SourceError, match="there is no such"):
        open_source(text)


@pytest.mark.parametrize("text", ["rtsp://camera/stream", "http://camera/mjpeg", "HTTPS://camera"])
def test_network_streams_are_refused_with_a_way_that_works(text: str) -> None:
    with pytest.raises(ConfigError, match="pipe:ffmpeg"):
        open_source(text)


def test_a_camera_may_be_given_the_name_results_call_it() -> None:
    source = open_source("synthetic:?frames=1", name="door")
    frame = source.read(1.0)
    assert frame is not None
    assert frame.source == source.name == "door"


def test_a_picture_is_opened_as_a_picture_and_a_folder_as_a_folder(shared_data: Path) -> None:
    assert open_source(str(shared_data / "images" / "parrot.jpg")).name == "parrot.jpg"
    assert open_source(str(shared_data / "images")).name == "images"
