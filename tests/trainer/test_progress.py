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


def test_a_long_epoch_says_a_line_a_minute_with_the_time_that_remains() -> None:
    stream, now = io.StringIO(), [0.0]
    lines = Lines(stream, clock=lambda: now[0])
    tell = lines.steps(4)
    for second in range(300):  # epochs of 1,000 seconds
        now[0] = float(second)
        tell(1, second / 1000, {"loss": 1.25, "accuracy": 0.5, "learning_rate": 0.002})
    said = stream.getvalue().splitlines()
    assert said[0] == "epoch 1/4, 6% of it  loss 1.250  rate 2.0e-03  about 66 min left"
    assert len(said) == 4


def test_the_time_that_remains_after_a_resumption_counts_what_was_done_since() -> None:
    stream, now = io.StringIO(), [0.0]
    tell = Lines(stream, clock=lambda: now[0]).steps(10)
    tell(9, 0.0, LOGS)
    now[0] = 100.0
    tell(9, 0.5, LOGS)
    assert stream.getvalue().endswith("about 5 min left\n")


def test_the_bar_moves_within_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    with bar.shown:
        bar.epochs(3)
        bar.steps(3)(2, 0.5, {**LOGS, "learning_rate": 0.001})
        assert bar.shown.tasks[0].completed == 1.5
    assert "rate 1.0e-03" in capsys.readouterr().err


def test_a_detector_tells_its_map_once_it_is_known() -> None:
    stream = io.StringIO()
    tell = Lines(stream).epochs(2)
    tell(1, {"loss": 3.0, "val_map": float("nan")})
    tell(2, {"loss": 2.0, "val_map": 0.4321})
    assert stream.getvalue().splitlines() == [
        "epoch 1/2  loss 3.000",
        "epoch 2/2  loss 2.000  validation mAP50-95 0.432",
    ]


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
