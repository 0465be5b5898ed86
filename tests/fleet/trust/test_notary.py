"""The server's part: what it renews, what survives a crash, and what it warns of."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from contract.errors import ConfigError
from contract.metadata import SIGNED_AT
from contract.moments import unix_s
from fleet.refusals import ConflictError
from fleet.trust.folder import MetadataFolder
from fleet.trust.notary import Notary
from tests.fleet.trust.office import NOW_S, Office

DAY_S = 86400.0


class DiskFull(MetadataFolder):
    """Refuses every write after the first few."""

    def __init__(self, path: Path, writes: int) -> None:
        super().__init__(path)
        self.left = writes

    def write(self, name: str, data: bytes) -> None:
        """As the parent, or ConfigError as it raises for a full disk."""
        self.left -= 1
        if self.left < 0:
            raise ConfigError("No space left on device", where=name, fix="Make room.")
        super().write(name, data)


def versions(notary: Notary) -> tuple[int, int, int]:
    """Of targets, snapshot and timestamp."""
    targets, snapshot, timestamp = (role.version for role in notary.published.roles()[1:])
    return targets, snapshot, timestamp


def test_the_first_start_signs_what_is_missing_and_the_next_changes_nothing(office: Office) -> None:
    notary = office.notary()
    targets, snapshot, timestamp = versions(notary)
    assert targets == 1
    assert snapshot >= int(NOW_S)
    assert versions(office.notary()) == (1, snapshot, timestamp)
    names = {path.name for path in office.folder.iterdir()}
    assert names == {"1.root.json", "1.targets.json", f"{snapshot}.snapshot.json", "timestamp.json"}


def test_snapshot_and_timestamp_are_renewed_at_half_their_life(office: Office) -> None:
    notary = office.notary()
    _, snapshot, timestamp = versions(notary)
    notary.renew(NOW_S + 0.4 * DAY_S)
    assert versions(notary) == (1, snapshot, timestamp)
    later_s = NOW_S + 0.6 * DAY_S
    notary.renew(later_s)
    assert versions(notary) == (1, snapshot, int(later_s))
    stamp = notary.published.timestamp
    assert stamp is not None
    assert abs(unix_s(stamp.signed.unrecognized_fields[SIGNED_AT]) - later_s) < 0.01
    week_s = NOW_S + 4 * DAY_S
    notary.renew(week_s)
    assert versions(notary) == (1, int(week_s), int(week_s))


def test_versions_grow_even_when_the_clock_stands_still(office: Office) -> None:
    notary = office.notary()
    _, snapshot, timestamp = versions(notary)
    notary.publish_targets(office.listed(), NOW_S - DAY_S)
    assert versions(notary) == (2, snapshot + 1, timestamp + 1)
    assert notary.vouches_for(next(iter(office.held)))
    assert not notary.vouches_for("0" * 64 + ".bundle")


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_disk_that_fills_up_leaves_the_state_before(office: Office, writes: int) -> None:
    office.notary()
    folder = DiskFull(office.folder, writes)
    notary = office.notary(folder=folder)
    before = versions(notary)
    with pytest.raises(ConfigError, match="No space left"):
        notary.publish_targets(office.listed(), NOW_S)
    assert versions(notary) == before
    again = office.notary()
    assert versions(again) == before
    again.publish_targets(office.listed(), NOW_S)
    assert versions(again)[0] == 2
    assert versions(office.notary())[0] == 2


def test_halves_left_by_a_crash_are_not_documents(office: Office) -> None:
    office.notary()
    (office.folder / ".incoming-9.root.json").write_bytes(b'{"signed"')
    folder = MetadataFolder(office.folder)
    assert folder.newest("root") == 1
    assert folder.read(".incoming-9.root.json") is None
    assert folder.read("../root.key") is None
    assert folder.read("2.root.json") is None


def test_keys_are_exchanged_step_by_step_and_every_step_is_whole(office: Office) -> None:
    notary = office.notary()
    notary.publish_root(office.rooted("root", online="online foreign"), NOW_S)
    with pytest.raises(ConflictError, match="and 3 is due"):
        notary.publish_root(office.rooted("root"), NOW_S)
    moved = office.notary(key="foreign")
    last = moved.published.timestamp
    assert last is not None
    assert list(last.signatures) == [office.signer("foreign").keyid.removeprefix("sha256:")]
    moved.publish_root(office.rooted("root", online="foreign", after=moved.published.root), NOW_S)
    with pytest.raises(ConfigError, match="does not name this server's key"):
        office.notary(key="online")
    assert office.notary(key="foreign").published.root.signed.version == 3


def test_another_key_than_the_roots_ends_the_start(office: Office) -> None:
    with pytest.raises(ConfigError, match="does not name this server's key"):
        office.notary(key="foreign")


def test_a_folder_that_is_not_whole_is_one_sentence(office: Office, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it is empty"):
        office.notary(folder=MetadataFolder(tmp_path / "nothing"))
    notary = office.notary()
    snapshot = versions(notary)[1]
    (office.folder / f"{snapshot}.snapshot.json").unlink()
    with pytest.raises(ConfigError, match=f"there is no {snapshot}.snapshot.json"):
        office.notary()


def test_people_are_warned_a_month_before_and_after(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    office = Office(tmp_path, root_days=365, targets_days=20)
    with caplog.at_level(logging.WARNING):
        notary = office.notary()
        notary.renew(NOW_S)
    said = "the targets metadata expires in 20 days: edgeferry fleet trust sign --targets-key FILE"
    assert caplog.messages == [said]
    assert notary.published.warnings(NOW_S) == (said,)
    late = notary.published.warnings(NOW_S + 364 * DAY_S)
    assert "the root metadata expires in 1 days: edgeferry fleet trust extend --root-key FILE" in late
    assert any("the targets metadata has expired" in warning for warning in late)
