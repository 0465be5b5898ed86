from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError, SourceError
from edge.sources import open_source


@pytest.mark.parametrize("text", ["/nowhere/picture.jpg", "/dev/video73", "73", "/nowhere"])
def test_what_is_not_there_is_said_in_one_sentence(text: str) -> None:
    with pytest.raises(SourceError, match="there is no such"):
        open_source(text)


@pytest.mark.parametrize("text", ["rtsp://", "http://user:word@:80/", "HTTPS://host:none/", "http://two words/"])
def test_what_is_no_address_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(ConfigError, match="not an address") as caught:
        open_source(text)
    assert "word" not in str(caught.value).replace("words", "")


def test_a_camera_may_be_given_the_name_results_call_it() -> None:
    source = open_source("synthetic:?frames=1", name="door")
    frame = source.read(1.0)
    assert frame is not None
    assert frame.source == source.name == "door"


def test_a_picture_is_opened_as_a_picture_and_a_folder_as_a_folder(shared_data: Path) -> None:
    assert open_source(str(shared_data / "images" / "parrot.jpg")).name == "parrot.jpg"
    assert open_source(str(shared_data / "images")).name == "images"
