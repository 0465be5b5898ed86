"""The one way a digest is computed and written: `sha256:` and 64 lower-case hexadecimal digits.

A bundle is named by the digest of its whole file; its members by theirs in the manifest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

PREFIX = "sha256:"
PATTERN = re.compile(r"sha256:[0-9a-f]{64}")


def digest_of(data: bytes | memoryview) -> str:
    """`sha256:…` of bytes held in memory."""
    return PREFIX + hashlib.sha256(data).hexdigest()


def digest_of_chunks(chunks: Iterable[bytes]) -> str:
    """`sha256:…` of a stream, read piece by piece so that its size does not matter."""
    running = hashlib.sha256()
    for chunk in chunks:
        running.update(chunk)
    return PREFIX + running.hexdigest()


def is_digest(text: str) -> bool:
    """Whether `text` is a digest as written here, safe to use in a file name after `hex_of`."""
    return PATTERN.fullmatch(text) is not None


def hex_of(digest: str) -> str:
    """The 64 digits without the prefix: what folders are called."""
    return digest.removeprefix(PREFIX)
