"""Ranges of versions as the catalog writes them."""

from __future__ import annotations

import pytest

from devices.versions import release, satisfies


@pytest.mark.parametrize(
    ("version", "specifier", "fits"),
    [
        ("2.3.0", ">=2.1", True),
        ("2.0.9", ">=2.1", False),
        ("2.10", ">=2.9", True),
        ("1.21.0", ">=1.19.2,<1.24,!=1.21.0", False),
        ("1.21", "!=1.21.0", False),
        ("1.21.0+cu126", "!=1.21.0", False),
        ("1.21.1", "!=1.21.0", True),
        ("2.0.0rc1", ">=2", True),
        ("1.26.4", ">=2", False),
        ("3.12.4", ">=3.9,<3.12", False),
        ("3.11", " >=3.9 , <3.12 ", True),
        ("2", "==2.0", True),
        ("5", "", True),
    ],
)
def test_a_version_fits_a_range_or_not(version: str, specifier: str, fits: bool) -> None:
    assert satisfies(version, specifier) is fits


@pytest.mark.parametrize("specifier", ["~=2.1", "2.1", ">=", ">=2.*", ">=2,", "==x"])
def test_what_is_no_range_is_refused(specifier: str) -> None:
    with pytest.raises(ValueError, match="no range"):
        satisfies("2", specifier)


def test_what_is_no_version_is_refused() -> None:
    with pytest.raises(ValueError, match="no version"):
        release("unknown")
