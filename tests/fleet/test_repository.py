"""Bundles received, checked and named by digest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from contract.digest import digest_of, hex_of
from contract.dsse import Verifier
from contract.errors import BundleError, ConfigError, SignatureError
from devices.keys import development_verifier, load_signer, load_verifiers, make_key
from fleet.refusals import ConflictError
from fleet.releases import list_releases
from fleet.repository import Added, Repository
from fleet.store import Store
from tests.fleet.parcel import bundle_bytes


def repository(tmp_path: Path, store: Store, trusted: Mapping[str, Verifier] | None = None) -> Repository:
    return Repository(tmp_path / "repository", store, trusted)


def receive(into: Repository, data: bytes) -> Added:
    with into.incoming() as (file, path):
        file.write(data)
        file.flush()
        return into.adopt(path, where="test")


def files(into: Repository) -> list[str]:
    return sorted(path.name for path in into.folder.iterdir())


def test_a_bundle_is_kept_whole_under_its_digest(tmp_path: Path, store: Store) -> None:
    kept, data = repository(tmp_path, store), bundle_bytes()
    added = receive(kept, data)
    assert added == Added(digest_of(data), True)
    path = kept.path_of(f"{hex_of(added.digest)}.bundle")
    assert path is not None
    assert path.read_bytes() == data
    assert files(kept) == [f"{hex_of(added.digest)}.bundle"]


def test_one_release_gathers_the_bundles_of_several_profiles(tmp_path: Path, store: Store) -> None:
    kept = repository(tmp_path, store)
    for profile in ("rpi4", "coral-usb"):
        receive(kept, bundle_bytes(profile))
    receive(kept, bundle_bytes(version=3))
    with store.reading() as connection:
        found = list_releases(connection)
    assert [(r.release, [b.profile for b in r.bundles]) for r in found] == [
        ("digits@3", ["rpi4"]),
        ("digits@2", ["coral-usb", "rpi4"]),
    ]
    assert found[0].bundles[0].evidence.artifact == 0.9495


def test_the_very_bundle_again_is_welcome_and_another_under_its_name_is_not(tmp_path: Path, store: Store) -> None:
    kept = repository(tmp_path, store)
    receive(kept, bundle_bytes())
    assert not receive(kept, bundle_bytes()).new
    with pytest.raises(ConflictError, match="never reused"):
        receive(kept, bundle_bytes(content=b"another"))
    assert len(files(kept)) == 1


def test_a_flipped_bit_anywhere_is_refused_and_nothing_is_kept(tmp_path: Path, store: Store) -> None:
    kept, data = repository(tmp_path, store, development_verifier()), bundle_bytes()
    for at in range(0, len(data), 97):
        with pytest.raises(BundleError):
            receive(kept, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    assert files(kept) == []


def test_only_trusted_publishers_are_taken_where_any_are_named(tmp_path: Path, store: Store) -> None:
    make_key(tmp_path / "publisher.key")
    publisher = load_signer(tmp_path / "publisher.key")
    kept = repository(tmp_path, store, load_verifiers([tmp_path / "publisher.key.pub"]))
    with pytest.raises(SignatureError):
        receive(kept, bundle_bytes())
    assert receive(kept, bundle_bytes(signer=publisher)).new
    with store.reading() as connection:
        bundle = list_releases(connection)[0].bundles[0]
    assert (bundle.verified, bundle.keyid) == (True, publisher.keyid)


def test_a_version_no_table_can_hold_is_refused(tmp_path: Path, store: Store) -> None:
    with pytest.raises(BundleError, match=r"\$\.version"):
        receive(repository(tmp_path, store), bundle_bytes(version=10**20))


def test_an_upload_cut_off_by_a_crash_is_swept_away(tmp_path: Path, store: Store) -> None:
    kept = repository(tmp_path, store)
    (kept.folder / ".incoming-abc").write_bytes(b"half")
    assert files(repository(tmp_path, store)) == []


def test_a_name_that_is_no_digest_leads_to_no_file(tmp_path: Path, store: Store) -> None:
    kept = repository(tmp_path, store)
    for name in ("../../etc/passwd", "0" * 64, "0" * 64 + ".bundle", "0" * 64 + ".bundle\n", "metadata"):
        assert kept.path_of(name) is None
        assert kept.size_of(name) is None


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, store: Store) -> None:
    (tmp_path / "repository").write_text("a file")
    with pytest.raises(ConfigError, match="repository cannot be used"):
        repository(tmp_path, store)
