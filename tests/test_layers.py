"""Which room may import which, read from the code itself."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROOMS = ("contract", "devices", "edge", "converters", "trainer", "fleet", "edgeferry")
MAY_IMPORT = {
    "contract": {"msgspec"},
    "devices": {"contract"},
    "edge": {"contract", "devices"},
    "converters": {"contract", "devices", "edge"},
    "trainer": {"contract", "devices", "edge"},
    "fleet": {"contract", "devices"},
    "edgeferry": {"contract"},
}
WORLD = {"os", "pathlib", "socket", "time", "subprocess", "tempfile", "shutil", "threading", "asyncio", "random"}
KEPT_OFF_DEVICES = {
    "tensorflow",
    "keras",
    "sklearn",
    "onnx",
    "tf2onnx",
    "fastapi",
    "starlette",
    "uvicorn",
    "nicegui",
    "sqlalchemy",
    "alembic",
    "psycopg",
    "matplotlib",
    "pandas",
}


def imported(file: Path) -> set[str]:
    """Dotted names of every module `file` imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files_of(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_it_may(room: str) -> None:
    for file in files_of(room):
        others = {name.split(".")[0] for name in imported(file)} & set(ROOMS) - {room}
        assert others <= MAY_IMPORT[room], f"{file.relative_to(ROOT)} imports {others - MAY_IMPORT[room]}"


def test_the_contract_needs_the_standard_library_and_msgspec_alone_and_touches_no_world() -> None:
    for file in files_of("contract"):
        tops = {name.split(".")[0] for name in imported(file)}
        assert tops <= set(sys.stdlib_module_names) | {"contract", "msgspec"}, file
        assert not tops & WORLD, f"{file.name} touches the world: {tops & WORLD}"


@pytest.mark.parametrize("room", ["edge", "devices", "contract"])
def test_the_device_side_imports_nothing_heavy(room: str) -> None:
    for file in files_of(room):
        heavy = {name.split(".")[0] for name in imported(file)} & KEPT_OFF_DEVICES
        assert not heavy, f"{file.relative_to(ROOT)} imports {heavy}"


def test_nobody_imports_a_command_line_or_a_script() -> None:
    for room in ROOMS:
        for file in files_of(room):
            guilty = {name for name in imported(file) if ".cli." in f".{name}." or name.split(".")[0] == "scripts"}
            guilty -= {"edgeferry.cli", "edgeferry.cli.main"} if file.name == "__main__.py" else set()
            assert not guilty, f"{file.relative_to(ROOT)} imports {guilty}"


def test_paho_appears_in_one_file_of_edge_and_one_of_fleet() -> None:
    for room in ("edge", "fleet"):
        users = [file.name for file in files_of(room) if any(name.startswith("paho") for name in imported(file))]
        assert len(users) <= 1, f"{room}: {users}"
