"""What every refusal of every command has in common, in one place."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import edgeferry


def refused(folder: Path, *arguments: str | Path, naming: str, apart_from: str | None = None) -> str:
    """Run the command in `folder`; it must refuse in one message and leave the folder as it was.

    `naming` is what the message must contain; below `apart_from` the command may write. Returns the message.
    """
    before = contents(folder, apart_from)
    done = edgeferry(*arguments, check=False, cwd=folder)
    assert 0 < done.returncode < 128, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    assert sum(line.startswith("Error: ") for line in done.stderr.splitlines()) == 1, done.stderr
    assert naming in done.stderr, done.stderr
    assert "\n  fix:   " in done.stderr or "--help" in done.stderr, done.stderr
    assert done.stdout == ""
    assert contents(folder, apart_from) == before
    return done.stderr


def contents(folder: Path, apart_from: str | None = None) -> dict[str, bytes | None]:
    """Every path below `folder` with its bytes; None for a folder."""
    found = {path.relative_to(folder): path for path in folder.rglob("*")}
    return {
        str(name): path.read_bytes() if path.is_file() else None
        for name, path in sorted(found.items())
        if name.parts[0] != apart_from
    }


def pictures(folder: Path, **classes: int) -> None:
    """A folder a class, with so many small pictures, no two alike."""
    for label, count in classes.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            pixel = bytes([number, ord(label[0]), 9])
            (folder / label / f"{number}.ppm").write_bytes(b"P6 8 8 255\n" + pixel * 64)


def flipped(data: bytes, at: int) -> bytes:
    """`data` with one bit of the byte at `at` turned over."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
