from __future__ import annotations

import os
import threading

import pytest

from edge.chatter import chatter_left_out


def test_notes_are_left_out_and_everything_else_arrives(capfd: pytest.CaptureFixture[str]) -> None:
    with chatter_left_out():
        os.write(2, b"INFO: Created a delegate\nERROR: something real\n")
    os.write(2, b"INFO: afterwards\n")
    assert capfd.readouterr().err == "ERROR: something real\nINFO: afterwards\n"


def test_standard_error_is_back_after_an_exception(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="inside"), chatter_left_out():
        raise ValueError("inside")
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"


def test_two_threads_do_not_steal_each_others_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    def write_some() -> None:
        for _ in range(50):
            with chatter_left_out():
                os.write(2, b"kept\n")

    threads = [threading.Thread(target=write_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"end\n")
    lines = capfd.readouterr().err.splitlines()
    assert (lines.count("kept"), lines[-1]) == (200, "end")
