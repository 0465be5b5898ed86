"""The commands of this room as a person and as a program call them; conversions are in `test_convert.py`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from subprocess import run

import pytest

from tests.conftest import edgeferry


def test_a_new_key_is_shown_by_either_half(tmp_path: Path) -> None:
    made = json.loads(edgeferry("keys", "new", tmp_path / "publisher", "--json").stdout)
    assert made["file"] == str(tmp_path / "publisher")
    for half in ("publisher", "publisher.pub"):
        assert edgeferry("keys", "show", tmp_path / half).stdout.strip() == made["keyid"]


def test_a_second_key_under_the_same_name_is_refused(tmp_path: Path) -> None:
    edgeferry("keys", "new", tmp_path / "publisher")
    done = edgeferry("keys", "new", tmp_path / "publisher", check=False)
    assert done.returncode == 2
    assert "a file already" in done.stderr


def test_a_file_that_is_no_key_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("no key")
    done = edgeferry("keys", "show", tmp_path / "notes", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "not an Ed25519" in done.stderr


@pytest.mark.parametrize("command", [("convert",), ("bundle", "verify"), ("keys", "new")])
def test_help_imports_nothing_heavy(command: tuple[str, ...]) -> None:
    heavy = ("numpy", "tensorflow", "onnx", "onnxruntime", "cv2", "ai_edge_litert")
    look = (
        "import sys; from edgeferry.cli import cli\n"
        f"cli([*{command!r}, '--help'], standalone_mode=False)\n"
        f"print('heavy:', [name for name in {heavy!r} if name in sys.modules])"
    )
    done = run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"
