"""The kernel command line on the boot partition: one line of words, of which only ours are exchanged."""

from __future__ import annotations

from collections.abc import Sequence

from devices.flash.boot_files import BootFiles

PATH = "cmdline.txt"


def with_words(boot: BootFiles, words: Sequence[str], *, instead_of: Sequence[str]) -> bytes:
    """The line as it is there, without words that begin like one of `instead_of`, and with `words` at its end."""
    there = (boot.read(PATH) or b"").decode(errors="surrogateescape").split()
    kept = [word for word in there if not word.startswith(tuple(instead_of))]
    return (" ".join([*kept, *words]) + "\n").encode(errors="surrogateescape")
