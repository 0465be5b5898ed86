from __future__ import annotations

import pytest

from contract.errors import ConfigError, SourceError
from edge.sources import open_source


@pytest.mark.parametrize("text", ["/dev/video73", "73", "73?size=640x480&fps=30", "/dev/video73?fps=5"])
def test_a_camera_that_is_not_there_is_said_with_those_that_are(text: str) -> None:
    with pytest.raises(SourceError, match=r"no such camera \[/dev/video73\] Cameras on this machine"):
        open_source(text)


@pytest.mark.parametrize("options", ["size=640", "size=0x1", "fps=0", "fps=nan", "fps=fast", "colour=red"])
def test_a_wrong_option_is_named(options: str) -> None:
    with pytest.raises(ConfigError, match="/dev/null"):
        open_source(f"/dev/null?{options}")


def test_a_folder_below_dev_is_no_camera() -> None:
    with pytest.raises(SourceError, match="not a camera"):
        open_source("/dev/shm")
