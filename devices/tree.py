"""The small files a machine describes itself with, read below any root: the live one, or a recorded or mounted tree.

What is absent, unreadable or not text is empty: a board says what it can, and the reader never fails.
"""

from __future__ import annotations

from pathlib import Path

_MOST_BYTES = 1 << 18
"""/proc/cpuinfo of a machine with 128 cores has 150 kB; nothing asked for here is longer."""


class Tree:
    """A root folder; paths are given without a leading slash."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def text(self, path: str) -> str:
        """The file's text without the NUL bytes a device tree ends its strings with, stripped."""
        return self._read(path).decode(errors="replace").replace("\0", "").strip()

    def strings(self, path: str) -> tuple[str, ...]:
        """The strings of a device-tree property, which end with NUL bytes."""
        return tuple(text for text in self._read(path).decode(errors="replace").split("\0") if text.strip())

    def pairs(self, path: str) -> list[tuple[str, str]]:
        """The `KEY=VALUE` or `KEY : VALUE` lines of a file, in their order, without quotes."""
        found = []
        for line in self.text(path).splitlines():
            sign = "=" if "=" in line.partition(":")[0] else ":"
            key, _, value = line.partition(sign)
            found.append((key.strip(), value.strip().strip('"')))
        return found

    def names(self, path: str, pattern: str = "*") -> tuple[str, ...]:
        """Names in a folder that match, sorted."""
        try:
            return tuple(sorted(entry.name for entry in (self.root / path).glob(pattern)))
        except OSError:
            return ()

    def has(self, *paths: str) -> bool:
        """Whether one of them is there."""
        return any((self.root / path).exists() for path in paths)

    def _read(self, path: str) -> bytes:
        try:
            with (self.root / path).open("rb") as file:
                return file.read(_MOST_BYTES)
        except OSError:
            return b""
