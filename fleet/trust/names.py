"""What the metadata's files are called: apart from the rest, so that a server without metadata never loads TUF."""

from __future__ import annotations

import re

from contract.metadata import RoleName

TIMESTAMP = "timestamp.json"
DOCUMENT = re.compile(r"(?:[1-9][0-9]{0,17}\.(?:root|targets|snapshot)|timestamp)\.json")


def document_name(version: int, role: RoleName) -> str:
    """The file of a version of `role`; timestamps have no versions in their names."""
    return TIMESTAMP if role == "timestamp" else f"{version}.{role}.json"
