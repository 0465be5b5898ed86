"""Whether a bundle fits a device."""

from __future__ import annotations

import pytest

from contract.messages import Assignment
from edge.download import DownloadError
from edge.fitness import FloorError, ProfileError, check_floor, check_profile, check_release
from tests.edge.tiny_bundle import MODEL, tiny_manifest

MANIFEST = tiny_manifest(3, "rpi4", {MODEL: b""}, security=(2, 1))


def assigned(name: str, version: int) -> Assignment:
    return Assignment(
        fleet="f", device="d", counter=1, digest="sha256:" + "1" * 64, name=name, version=version, size_bytes=1,
        url="http://fleet/1", deadline="",
    )  # fmt: skip


def test_another_kind_of_device_is_told_apart() -> None:
    check_profile(MANIFEST, "rpi4")
    with pytest.raises(ProfileError, match=r"tiny@3 is made for rpi4, and this is a rpi5"):
        check_profile(MANIFEST, "rpi5")


def test_another_release_than_the_assigned_one_is_told_apart() -> None:
    check_release(MANIFEST, assigned("tiny", 3))
    for other in (assigned("tiny", 4), assigned("huge", 3)):
        with pytest.raises(DownloadError, match="was assigned"):
            check_release(MANIFEST, other)


def test_the_floor_is_about_the_level_and_not_about_the_version() -> None:
    check_floor(MANIFEST, 2)
    with pytest.raises(FloorError, match="has security level 2, and 3 is asked here"):
        check_floor(MANIFEST, 3)
