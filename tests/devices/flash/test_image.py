"""Images by others' tools, set up by ours, read back by others' tools."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest
import zstandard

from contract.errors import ConfigError, FerryError, UpdateError
from devices.flash.image import flash_image
from tests.devices.flash import cards
from tests.devices.flash.cards import BOOKWORM, PRESEED, SECRETS, TRIXIE, make_image, needs_tools, payload, settings

pytestmark = needs_tools


def quiet(words: str) -> None:
    """Nobody listens."""


@pytest.mark.parametrize(
    ("files", "kind", "hook"),
    [
        (BOOKWORM, "firstrun", "firstrun.sh"),
        (TRIXIE, "cloud-init", "user-data"),
        (PRESEED, "rpi-preseed", "rpi-preseed.toml"),
    ],
)
@pytest.mark.parametrize("table", ["dos", "gpt"])
def test_a_stock_image_is_set_up_in_the_format_it_reads(
    files: dict[str, str], kind: str, hook: str, table: str, tmp_path: Path
) -> None:
    stock = make_image(tmp_path / "stock.img", files, table=table)
    before, out, said = stock.read_bytes(), tmp_path / "out.img", list[str]()
    report = flash_image(payload(), settings(), stock, out, say=said.append)
    assert (report.first_boot, report.result) == (kind, "installed")
    assert any(f"first boot: {kind}, because" in line for line in said)
    assert hook in report.written
    for name, file in payload().files.items():
        assert cards.read(out, f"edgeferry/payload/{name}") == b"".join(file.chunks())
    cards.check(out)
    assert stock.read_bytes() == before
    root = cards.START_BYTES + 40 * 2**20
    assert out.read_bytes()[root:] == before[root:]
    assert out.read_bytes()[: cards.START_BYTES] == before[: cards.START_BYTES]


def test_equal_arguments_give_equal_bytes_and_doing_it_again_changes_nothing(tmp_path: Path) -> None:
    stock = make_image(tmp_path / "stock.img", TRIXIE)
    one, two = tmp_path / "one.img", tmp_path / "two.img"
    flash_image(payload(), settings(), stock, one, seed="7", say=quiet)
    flash_image(payload(), settings(), stock, two, seed="7", say=quiet)
    assert one.read_bytes() == two.read_bytes()
    stamp = one.stat().st_mtime_ns
    assert flash_image(payload(), settings(), stock, one, seed="7", say=quiet).result == "unchanged"
    assert one.stat().st_mtime_ns == stamp
    flash_image(payload(), settings(), stock, two, seed="8", say=quiet)
    assert cards.read(two, "meta-data") != cards.read(one, "meta-data")


def test_a_card_that_was_flashed_is_flashed_again_without_leftovers(tmp_path: Path) -> None:
    stock = make_image(tmp_path / "stock.img", BOOKWORM)
    first, second = tmp_path / "first.img", tmp_path / "second.img"
    flash_image(payload({"wheels/old.whl": b"old"}), settings(), stock, first, say=quiet)
    report = flash_image(payload(), settings(hostname="other"), first, second, say=quiet)
    assert report.removed == ("edgeferry/payload/wheels/old.whl",)
    assert set(report.written) == {"edgeferry/payload/SHA256SUMS", "firstrun.sh"}
    assert cards.read(second, "cmdline.txt").count(b"systemd.run=") == 1
    cards.check(second)


@pytest.mark.parametrize("suffix", ["xz", "gz", "zst"])
def test_compressed_images_are_expanded_and_damage_leaves_nothing(suffix: str, tmp_path: Path) -> None:
    squeeze = {"xz": lzma.compress, "gz": gzip.compress, "zst": zstandard.ZstdCompressor(write_checksum=True).compress}[
        suffix
    ]
    stock = make_image(tmp_path / "stock.img", BOOKWORM)
    packed, out = tmp_path / f"stock.img.{suffix}", tmp_path / "out.img"
    packed.write_bytes(squeeze(stock.read_bytes()))
    flash_image(payload(), settings(), stock, tmp_path / "plain.img", say=quiet)
    flash_image(payload(), settings(), packed, out, say=quiet)
    assert out.read_bytes() == (tmp_path / "plain.img").read_bytes()
    whole = packed.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    for bad in (whole[: len(whole) // 2], whole[:-3], bytes(damaged)):
        packed.write_bytes(bad)
        with pytest.raises(UpdateError, match="damaged or cut short"):
            flash_image(payload(), settings(), packed, tmp_path / "new.img", say=quiet)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            ["stock.img", packed.name, "out.img", "plain.img"]
        )


def test_a_plain_image_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    stock = make_image(tmp_path / "stock.img", BOOKWORM)
    stock.write_bytes(stock.read_bytes()[: 45 * 2**20])
    with pytest.raises(UpdateError, match="cut short"):
        flash_image(payload(), settings(), stock, tmp_path / "out.img", say=quiet)
    assert not (tmp_path / "out.img").exists()


def test_a_boot_partition_without_room_is_refused_and_what_was_there_stays(tmp_path: Path) -> None:
    stock, out = make_image(tmp_path / "stock.img", BOOKWORM, boot_mib=40), tmp_path / "out.img"
    out.write_bytes(b"precious")
    with pytest.raises(ConfigError, match=r"boot partition is \d+\.\d MB too small"):
        flash_image(payload({"wheels/big.whl": bytes(41 * 2**20)}), settings(), stock, out, say=quiet)
    assert out.read_bytes() == b"precious"
    assert not out.with_name("out.img.part").exists()


def test_what_just_fits_is_written(tmp_path: Path) -> None:
    stock, out = make_image(tmp_path / "stock.img", BOOKWORM, boot_mib=40), tmp_path / "out.img"
    big = {"wheels/big.whl": bytes(range(256)) * (4096 * 38)}
    flash_image(payload(big), settings(), stock, out, say=quiet)
    assert cards.read(out, "edgeferry/payload/wheels/big.whl") == big["wheels/big.whl"]
    cards.check(out)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"readme": "x"}, "no partition of this image has a config.txt"),
        (
            {"config.txt": "", "cmdline.txt": "x", "issue.txt": "Raspberry Pi reference 2022-04-04"},
            "older than Bookworm",
        ),
        ({"config.txt": "", "cmdline.txt": "x"}, "nothing on its boot partition tells"),
    ],
)
def test_an_image_that_shows_no_format_is_refused(files: dict[str, str], words: str, tmp_path: Path) -> None:
    stock = make_image(tmp_path / "stock.img", files)
    with pytest.raises(ConfigError, match=words):
        flash_image(payload(), settings(), stock, tmp_path / "out.img", say=quiet)
    assert not (tmp_path / "out.img").exists()


def test_the_format_may_be_said(tmp_path: Path) -> None:
    stock = make_image(tmp_path / "stock.img", {"config.txt": "", "cmdline.txt": "x"})
    report = flash_image(payload(), settings(), stock, tmp_path / "out.img", first_boot="cloud-init", say=quiet)
    assert report.first_boot == "cloud-init"


@pytest.mark.parametrize("content", [b"", b"MZ" * 4000, b"PK\x03\x04" + bytes(600)])
def test_what_is_no_image_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "stock.img").write_bytes(content)
    with pytest.raises(ConfigError):
        flash_image(payload(), settings(), tmp_path / "stock.img", tmp_path / "out.img", say=quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["stock.img"]


def test_the_stock_image_is_not_overwritten(tmp_path: Path) -> None:
    stock = make_image(tmp_path / "stock.img", BOOKWORM)
    with pytest.raises(ConfigError, match="would be overwritten"):
        flash_image(payload(), settings(), stock, stock, say=quiet)


def test_a_name_fat_cannot_hold_is_refused(tmp_path: Path) -> None:
    stock = make_image(tmp_path / "stock.img", BOOKWORM)
    for name in ("wheels/ü.whl", "Config/device.key"):
        with pytest.raises(ConfigError, match="cannot hold a file called"):
            flash_image(payload({name: b""}), settings(), stock, tmp_path / "out.img", say=quiet)


@pytest.mark.parametrize("files", [BOOKWORM, TRIXIE, PRESEED])
def test_a_dry_run_shows_every_line_and_no_secret(files: dict[str, str], tmp_path: Path) -> None:
    stock, said = make_image(tmp_path / "stock.img", files), list[str]()
    report = flash_image(payload(), settings(), stock, tmp_path / "out.img", dry_run=True, say=said.append)
    assert not (tmp_path / "out.img").exists()
    text = "\n".join((*report.diff, *said, repr(report)))
    assert "gate-7" in text
    assert '+fleet = "berlin"' in report.diff
    assert any("first.bundle: 204800 bytes, sha256 " in line for line in report.diff)
    assert any("device.key: 17 bytes, secret" in line for line in report.diff)
    hidden = [*SECRETS, cards_psk(), *digests_of_secrets()]
    assert [secret for secret in hidden if secret in text] == []


def test_no_secret_is_in_what_is_said_or_raised(tmp_path: Path) -> None:
    stock, said = make_image(tmp_path / "stock.img", BOOKWORM), list[str]()
    report = flash_image(payload(), settings(), stock, tmp_path / "out.img", say=said.append)
    with pytest.raises(FerryError) as raised:
        flash_image(payload({"wheels/big.whl": bytes(2**26)}), settings(), stock, tmp_path / "x.img", say=said.append)
    text = "\n".join((*said, repr(report), str(raised.value)))
    assert [secret for secret in (*SECRETS, cards_psk()) if secret in text] == []


def cards_psk() -> str:
    """The key derived from the Wi-Fi password."""
    from devices.flash.first_boot.wifi import pre_shared_key

    wifi = settings().wifi
    assert wifi is not None
    return pre_shared_key(wifi) or ""


def digests_of_secrets() -> list[str]:
    """Short passwords could be found from these."""
    given = payload()
    return [given.files[path].sha256() for path in given.secrets]
