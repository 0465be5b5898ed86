"""A run appears whole or not at all, and never in place of something else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contract.errors import ConfigError, ModelError
from contract.run import COMPLETE, SETTINGS
from trainer.run_folder import building, open_run


def build(out: Path, text: str = "{}", *, force: bool = False) -> None:
    with building(out, force=force) as folder:
        (folder / COMPLETE).write_text(text)


def test_nothing_stands_at_its_place_before_the_end(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "digits"
    with building(out, force=False) as folder:
        assert folder.name.startswith("digits.partial-")
        assert not out.exists()
        (folder / COMPLETE).write_text("{}")
    assert [path.name for path in out.parent.iterdir()] == ["digits"]


@pytest.mark.parametrize("problem", [RuntimeError, KeyboardInterrupt])
def test_a_training_that_fails_leaves_nothing(tmp_path: Path, problem: type[BaseException]) -> None:
    def fail() -> None:
        with building(tmp_path / "digits", force=False) as folder:
            (folder / "model.keras").write_bytes(b"half")
            raise problem

    with pytest.raises(problem):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_training_left_is_taken_away_and_what_another_is_writing_is_not(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / f"digits.partial-{ended.pid}"
    left.mkdir()
    (left / "model.keras").write_bytes(b"half")
    mine = tmp_path / "digits.partial-of-wool"
    mine.mkdir()
    with building(tmp_path / "digits", force=False) as folder:
        assert not left.exists()
        with pytest.raises(ConfigError, match="another training"):
            build(tmp_path / "digits")
        (folder / COMPLETE).write_text("{}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits", "digits.partial-of-wool"]


def test_a_run_is_replaced_only_by_force(tmp_path: Path) -> None:
    out = tmp_path / "digits"
    build(out, "old")
    with pytest.raises(ConfigError, match="a run already"):
        build(out, "new")
    assert (out / COMPLETE).read_text() == "old"
    build(out, "new", force=True)
    assert (out / COMPLETE).read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]


def test_the_old_run_survives_a_forced_training_that_fails(tmp_path: Path) -> None:
    out = tmp_path / "digits"
    build(out, "old")
    with pytest.raises(RuntimeError), building(out, force=True):
        raise RuntimeError
    assert (out / COMPLETE).read_text() == "old"


def test_what_is_no_run_is_never_taken_away(tmp_path: Path) -> None:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    (photographs / "wedding.jpg").write_bytes(b"dear")
    for out in (photographs, photographs / "wedding.jpg"):
        with pytest.raises(ConfigError, match="something else"):
            build(out, force=True)
    assert (photographs / "wedding.jpg").read_bytes() == b"dear"


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    out = tmp_path / "digits"
    out.mkdir()
    build(out)
    assert (out / COMPLETE).is_file()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be written"):
        build(tmp_path / "file" / "run")


def test_what_is_no_run_and_what_is_unfinished_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a run folder"):
        open_run(tmp_path)
    (tmp_path / SETTINGS).write_text("schema = 1\n")
    with pytest.raises(ModelError, match="did not finish"):
        open_run(tmp_path)
    (tmp_path / COMPLETE).write_text("{}")
    with pytest.raises(ModelError, match="not whole") as refused:
        open_run(tmp_path)
    assert refused.value.where.endswith("dataset.json")


def test_a_finished_run_is_read_with_all_its_parts(digits_run: Path) -> None:
    run = open_run(digits_run)
    assert run.settings.name == "digits"
    assert run.settings.seed == 7
    assert run.dataset.labels == tuple("0123456789")
    assert run.metrics.test.pictures == run.dataset.splits["test"].pictures
