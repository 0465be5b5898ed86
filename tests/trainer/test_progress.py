"""What a person sees of a training: some lines, a bar, or nothing."""

from __future__ import annotations

import io

import pytest

from trainer.progress import Bar, Lines, Silent, watching

LOGS = {"loss": 0.5, "accuracy": 0.8, "val_loss": 0.25, "val_accuracy": 0.9}


def test_lines_come_about_ten_times_and_at_the_end() -> None:
    stream = io.StringIO()
    tell = Lines(stream).epochs(31)
    for epoch in range(1, 32):
        tell(epoch, LOGS)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 8
    assert lines[-1] == "epoch 31/31  loss 0.500  validation 0.250  accuracy 90.0%"


def test_the_bar_ends_with_every_epoch_counted(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    with bar.shown:
        bar.say("Reading [digits]")
        bar.epochs(3)(3, LOGS)
    said = capsys.readouterr()
    assert said.out == ""
    assert "Reading [digits]" in said.err
    assert "3/3" in said.err
    assert "90.0%" in said.err


def test_quiet_says_nothing_and_a_pipe_gets_lines() -> None:
    with watching(quiet=True) as quiet, watching(quiet=False) as piped:
        assert isinstance(quiet, Silent)
        assert isinstance(piped, Lines)
