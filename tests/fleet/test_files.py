"""Bundles over HTTP: ranges, validators and what a cache may keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from contract.digest import digest_of, hex_of
from tests.broker import Broker
from tests.fleet.parcel import bundle_bytes, delta_bytes
from tests.fleet.server_process import ServerProcess
from tests.fleet.simulated import DIGEST

BYTES = {"content-type": "application/octet-stream"}


class Offer(NamedTuple):
    """A released bundle, and where it is served."""

    http: httpx.Client
    url: str
    data: bytes
    etag: str

    def get(self, **headers: str) -> httpx.Response:
        return self.http.get(self.url, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture
def offer(served: tuple[ServerProcess, Broker]) -> Iterator[Offer]:
    data = bundle_bytes("files-board", version=90)
    with httpx.Client(base_url=served[0].url) as http:
        assert http.post("/api/releases", content=data, headers=BYTES).status_code in (200, 201)
        digits = hex_of(digest_of(data))
        yield Offer(http, f"/bundles/{digits}.bundle", data, f'"{digits}"')


def test_a_whole_bundle_says_what_it_is_and_that_it_never_changes(offer: Offer) -> None:
    whole = offer.get()
    assert (whole.status_code, whole.content) == (200, offer.data)
    assert whole.headers["etag"] == offer.etag
    assert whole.headers["accept-ranges"] == "bytes"
    assert "immutable" in whole.headers["cache-control"]
    assert int(whole.headers["content-length"]) == len(offer.data)


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [("bytes=0-0", 0, 1), ("bytes=100-", 100, None), ("bytes=-5", -5, None), ("bytes=7-9999999", 7, None)],
)
def test_one_range_is_answered_with_it_and_nothing_else(offer: Offer, asked: str, first: int, end: int | None) -> None:
    part = offer.get(range=asked)
    expected = offer.data[first:end]
    start = first % len(offer.data)
    assert (part.status_code, part.content) == (206, expected)
    assert part.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(offer.data)}"
    assert part.headers["etag"] == offer.etag


def test_a_range_beyond_the_end_is_416_with_the_size(offer: Offer) -> None:
    beyond = offer.get(range=f"bytes={len(offer.data)}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(offer.data)}")


def test_a_range_is_kept_only_for_the_very_bytes_it_began_with(offer: Offer) -> None:
    assert offer.get(range="bytes=10-", if_range=offer.etag).status_code == 206
    for other in ('"0"', f"W/{offer.etag}"):
        whole = offer.get(range="bytes=10-", if_range=other)
        assert (whole.status_code, whole.content) == (200, offer.data)


@pytest.mark.parametrize(
    "asked",
    ["bytes", "bytes=", "bytes=a-b", "bytes=5-3", "lines=1-2", "bytes=0-1,5-6", f"bytes={'9' * 30}-", "bytes=--1"],
)
def test_a_range_that_is_malformed_or_manifold_is_ignored(offer: Offer, asked: str) -> None:
    whole = offer.get(range=asked)
    assert (whole.status_code, whole.content) == (200, offer.data)


def test_head_tells_the_size_whatever_range_is_asked(offer: Offer) -> None:
    told = offer.http.head(offer.url, headers={"range": "bytes=10-"})
    assert (told.status_code, int(told.headers["content-length"])) == (200, len(offer.data))


def test_who_has_it_already_gets_no_bytes(offer: Offer) -> None:
    for known in (offer.etag, f'"0", {offer.etag}', "*"):
        unchanged = offer.get(if_none_match=known)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert offer.get(if_none_match='"0"').status_code == 200


def test_a_delta_is_uploaded_and_served_beside_its_bundle(offer: Offer) -> None:
    data = delta_bytes(DIGEST, offer.data)
    added = offer.http.post("/api/deltas", content=data, headers=BYTES)
    assert added.status_code == 201, added.text
    assert added.json()["release"] == "digits@90"
    assert (added.json()["base"], added.json()["target"]) == (DIGEST, digest_of(offer.data))
    assert offer.http.post("/api/deltas", content=data, headers=BYTES).status_code == 200
    served = offer.http.get(f"/bundles/{hex_of(digest_of(data))}.delta", headers={"range": "bytes=3-"})
    assert (served.status_code, served.content) == (206, data[3:])


def test_what_is_no_delta_or_leads_nowhere_is_refused(offer: Offer) -> None:
    unknown = delta_bytes(DIGEST, bundle_bytes("files-board", version=91))
    useless = delta_bytes(DIGEST, offer.data, stored=b"x" * len(offer.data))
    for data, status, said in (
        (b"nonsense", 422, "it is no delta"),
        (offer.data, 422, "it is no delta"),
        (unknown, 404, "which is not released here"),
        (useless, 400, "are no less than the bundle's"),
    ):
        refused = offer.http.post("/api/deltas", content=data, headers=BYTES)
        assert (refused.status_code, said in refused.json()["what"]) == (status, True), refused.text
