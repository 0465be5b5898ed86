"""The commands as a person types them: one object or a few lines, exit codes, and nothing left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import edgeferry
from tests.trainer.drawn_pictures import draw


@pytest.mark.parametrize("command", [("train",), ("evaluate",), ("dataset", "check")])
def test_help_answers_without_any_heavy_library(command: tuple[str, ...]) -> None:
    code = (
        "import sys; from edgeferry.cli import main; sys.argv[1:] = sys.argv[1:] + ['--help']\n"
        "try: main()\n"
        "finally: print({'tensorflow', 'keras', 'sklearn', 'cv2', 'rich', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    assert "Usage:" in done.stdout
    assert done.stdout.endswith("set()\n")


def test_check_prints_one_object_and_ends_with_four_when_something_must_be_mended(tmp_path: Path) -> None:
    draw(tmp_path, {"cat": 12, "dog": 12})
    assert json.loads(edgeferry("dataset", "check", tmp_path, "--json").stdout)["ok"] is True
    (tmp_path / "dog" / "picture-000.png").write_bytes(b"")
    done = edgeferry("dataset", "check", tmp_path, "--json", check=False)
    assert done.returncode == 4
    assert [finding["kind"] for finding in json.loads(done.stdout)["findings"]] == ["unreadable"]
    words = edgeferry("dataset", "check", tmp_path, check=False)
    assert "dog/picture-000.png" in words.stdout
    assert "fix:" in words.stdout


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("nowhere",), 4, "no such folder"),
        (("digits", "--task", "segment"), 2, "'segment'"),
        (("digits", "--task", "detect"), 4, "no boxes are marked"),
        (("digits", "--name", "No Name"), 2, "name"),
        (("digits", "--config", "absent.toml"), 2, "absent.toml"),
        (("digits", "--epochs", "0"), 2, "epochs"),
    ],
)
def test_what_cannot_be_trained_is_one_message_and_leaves_nothing(
    tmp_path: Path, options: tuple[str, ...], code: int, said: str
) -> None:
    done = edgeferry("train", *options, "--out", tmp_path / "run", check=False)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_there_is_not_trained_over(digits_run: Path) -> None:
    done = edgeferry("train", "digits", "--out", digits_run, check=False)
    assert done.returncode == 2
    assert "--force" in done.stderr


def test_stopping_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    pictures = draw(tmp_path / "pictures", {"cat": 15, "dog": 15})
    command = [sys.executable, "-m", "edgeferry", "train", str(pictures), "--out", str(tmp_path / "run"), "--epochs",
               "100000"]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as training:
        assert training.stderr is not None
        assert any(line.startswith("Training run") for line in training.stderr)
        assert [path.name.split("-")[0] for path in sorted(tmp_path.iterdir())] == ["pictures", "run.partial"]
        training.send_signal(signal.SIGINT)
        said = training.stderr.read()
    assert training.returncode == 130
    assert said.strip().endswith("Stopped.")
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]
