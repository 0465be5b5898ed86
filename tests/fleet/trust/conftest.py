"""An office for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.trust.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Fresh keys and metadata."""
    return Office(tmp_path)
