"""What the campaign of `updates_kills.py` publishes: real signed bundles, good ones and bad ones, and deltas between.

Every file is known byte by byte, so that whatever lies in a device's slot can be compared with what was published.
"""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from contract.bundle import SIGNATURE
from contract.codec import to_json
from contract.digest import digest_of
from contract.manifest import CARD, GOLDEN, LABELS, NAME
from contract.messages import DeltaOffer, Limits
from converters.delta import make_delta
from converters.sealing import sealed
from devices.keys import Signer, load_signer, make_key
from edge.bundles import UNVERIFIED, opened_bundle
from tests.edge.tiny_bundle import CLASSES, MODEL, PROFILE, golden_frames, network, tiny_manifest

Fate = Literal["good", "golden", "shadow", "health", "stranger"]
"""What becomes of it on a device: committed, or where it is found out."""
LIMITS = Limits(shadow_frames=5, shadow_s=120.0, health_frames=8, health_s=120.0, min_mean_confidence=0.6)
FATES: tuple[Fate, ...] = ("good", "good", "good", "good", "good", "golden", "shadow", "health", "health", "stranger")
_CARD_BYTES = 96 * 1024
_CONFIDENCE: dict[Fate, float] = {"shadow": 0.4, "health": 0.4}


class Published(Struct, frozen=True, kw_only=True):
    """One bundle."""

    path: Path
    version: int
    fate: Fate
    digest: str
    size_bytes: int
    confidence: float
    members: dict[str, bytes]
    """Every file of its slot, manifest and signature among them."""

    @property
    def prints(self) -> str:
        """Of the manifest and the signature, as the stand-in vision process notes them."""
        return hashlib.sha256(self.members[NAME] + self.members[SIGNATURE]).hexdigest()

    @property
    def limits(self) -> Limits:
        """One that is to be found out by its health window must be let through by the shadow run."""
        return replace(LIMITS, shadow_frames=0) if self.fate == "health" else LIMITS


class Shop(Struct, frozen=True, kw_only=True):
    """Everything published, and the keys."""

    folder: Path
    bundles: dict[str, Published]
    """By digest."""
    deltas: dict[tuple[str, str], DeltaOffer]
    """By base and target; the address is a file's name."""
    publisher: Path
    fleet: Path

    def of_fate(self, *fates: Fate) -> list[Published]:
        """In the order of their versions."""
        return [bundle for bundle in self.bundles.values() if bundle.fate in fates]


def open_shop(folder: Path) -> Shop:
    """Make keys, bundles and deltas in `folder`, and serve its `served`."""
    served = folder / "served"
    served.mkdir()
    for name in ("publisher", "fleet", "stranger"):
        make_key(folder / f"{name}.key")
    signers = {name: load_signer(folder / f"{name}.key") for name in ("publisher", "stranger")}
    bundles = {}
    for number, fate in enumerate(FATES, start=1):
        bundle = _publish(served, number, fate, signers["stranger" if fate == "stranger" else "publisher"])
        bundles[bundle.digest] = bundle
    deltas = {}
    good = [bundle for bundle in bundles.values() if bundle.fate == "good"]
    for base in good:
        for target in bundles.values():
            if target is not base and target.fate in ("good", "health"):
                deltas[base.digest, target.digest] = _offer(served, base, target)
    return Shop(
        folder=folder,
        bundles=bundles,
        deltas=deltas,
        publisher=folder / "publisher.key.pub",
        fleet=folder / "fleet.key.pub",
    )


def answers(shop: Shop) -> bytes:
    """How each model answers, for the stand-in vision process."""
    return to_json({b.digest: (b.fate != "golden", b.confidence) for b in shop.bundles.values()})


def _publish(folder: Path, version: int, fate: Fate, key: Signer) -> Published:
    confidence = _CONFIDENCE.get(fate, 0.9)
    chance = random.Random(7)
    card = bytearray(chance.randbytes(_CARD_BYTES))
    card[:64] = random.Random(version).randbytes(64)
    members = {
        MODEL: network(confidence),
        LABELS: "\n".join(CLASSES).encode(),
        GOLDEN: golden_frames(network(0.5 if fate == "golden" else confidence)),
        CARD: bytes(card),
    }
    manifest = tiny_manifest(version, PROFILE, members)
    path = folder / manifest.file_name
    path.write_bytes(sealed(manifest, members, key))
    with opened_bundle(path, UNVERIFIED) as opened:
        told = {NAME: opened.bundle.manifest_bytes, SIGNATURE: opened.bundle.signature_bytes}
        digest, size_bytes = opened.digest, opened.size_bytes
    return Published(
        path=path,
        version=version,
        fate=fate,
        digest=digest,
        size_bytes=size_bytes,
        confidence=confidence,
        members={**members, **told},
    )


def _offer(folder: Path, base: Published, target: Published) -> DeltaOffer:
    path = folder / f"{base.version}-{target.version}.delta"
    make_delta(base.path, target.path, path)
    data = path.read_bytes()
    return DeltaOffer(base=base.digest, digest=digest_of(data), size_bytes=len(data), url=path.name)
