from __future__ import annotations

import pytest

from contract.errors import SourceError
from edge.sources import open_source
from edge.sources.network import parsed


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    address = parsed("rtsp://admin:p%40ss@[::1]:8554/live/1?token=p@ss")
    assert (address.user, address.password, address.host, address.port) == ("admin", "p@ss", "::1", 8554)
    assert address.target == "/live/1?token=p@ss"
    assert address.shown == "rtsp://[::1]:8554/live/1"
    assert address.name == "[::1]:8554/live/1"


def test_a_stream_that_cannot_be_opened_is_said_without_its_password() -> None:
    source = open_source("rtsp://admin:secret@127.0.0.1:1/live")
    with pytest.raises(SourceError, match=r"cannot be opened \[rtsp://127.0.0.1:1/live\]"):
        source.read(30.0)
    source.close()


def test_the_patient_wait_for_a_stream_that_is_not_there_yet() -> None:
    source = open_source("rtsp://127.0.0.1:1/live", patient=True)
    with pytest.raises(TimeoutError):
        source.read(30.0)
    source.close()
