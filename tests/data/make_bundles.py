"""Makes the bundles in `tests/data/bundles`: `python -m tests.data.make_bundles`, by hand; the files are committed.

They are kept for good: what a device took once it takes for ever, and what was refused once stays refused, whatever
becomes of the code that made them. So a file that is there is never written again. Those that are broken are attacks
of `tests/contract/hostile_*.py` as they were on the day they were found; `tests/contract/test_kept_bundles.py` says
what each is. Those that run, and the delta, are made in `tests/data/kept_models.py`.
"""

from __future__ import annotations

import io
from pathlib import Path

from msgspec.structs import replace

from contract.bundle import seal
from contract.codec import to_pretty_json
from contract.digest import digest_of
from contract.manifest import CARD, GOLDEN, REFERENCE, Evidence, Golden, Member
from tests.contract import hostile_containers, hostile_manifests, hostile_signatures
from tests.contract.small_bundle import MEMBERS, Promise, signature_of, small_manifest, small_promise, wrapped
from tests.data import kept_models

FOLDER = Path(__file__).parent / "bundles"
RUNNING = {
    "colours-1-tflite": kept_models.tflite,
    "colours-2-stages": kept_models.tflite_with_stages,
    "colours-onnx": kept_models.onnx,
    "two-publishers": kept_models.two_publishers,
    "recurrent": kept_models.recurrent,
    "detector": kept_models.detector,
}
"""Those whose models answer; `tests/edge/test_kept_models.py` knows what."""


def main() -> None:
    """Write those that are missing."""
    FOLDER.mkdir(exist_ok=True)
    containers, manifests = hostile_containers.ATTACKS, hostile_manifests.ATTACKS
    signatures = hostile_signatures.ATTACKS
    made = {
        "good-schema-1": good,
        "newer-minor": newer_minor,
        "climbs-out": containers["climbs out of the slot"].make,
        "symbolic-link": containers["is a symbolic link"].make,
        "two-archives": containers["appends a whole second archive"].make,
        "zip64-4-gib": containers["says 4 GiB by ZIP64"].make,
        "name-with-line-feed": manifests["lists a name with a line feed behind"].make,
        "slot-marker": manifests["lists the slot's marker"].make,
        "key-twice": manifests["says one key twice"].make,
        "schema-2": manifests["is of schema 2"].make,
        "unused-base64-bits": signatures["is written with bits nobody reads"].make,
        "payload-in-signature": signatures["brings a payload of its own"].make,
        "other-bundles-signature": signatures["is the publisher's for another bundle"].make,
    }
    files = {f"{name}.bundle": make for name, make in made.items()}
    files |= {f"{name}.bundle": make for name, make in RUNNING.items()}
    files |= {"colours-1-2.delta": kept_models.delta}
    for name, make in files.items():
        path = FOLDER / name
        if not path.exists():
            path.write_bytes(make())


def good() -> bytes:
    """One with every optional part of schema 1, fractions of many digits, and labels that JSON has to escape."""
    others = {GOLDEN: b"frames", REFERENCE: b"{}", CARD: b"# small\n"}
    members = {**MEMBERS, **others}
    manifest = replace(
        small_manifest(members),
        golden=Golden(frames=2, tolerance=0.1 + 0.2),
        evidence=Evidence(pictures=360, source=0.9888888888888889, artifact=1e-07, agreement=1.0),
        lineage={"weights": digest_of(b"weights"), "dataset": digest_of(b"dataset")},
        security_level=2,
        security_floor=1,
        note="An uncompiled twin.",
        members=tuple(Member(name=n, sha256=digest_of(d), size_bytes=len(d)) for n, d in members.items()),
    )
    stream = io.BytesIO()
    seal(stream, manifest, members, signature_of(to_pretty_json(manifest)))
    return stream.getvalue()


def newer_minor() -> bytes:
    """One whose manifest says something no version knew when it was made."""
    manifest = small_promise().manifest.replace(b'"schema": 1,', b'"schema": 1,\n  "mood": [\n    0.50\n  ],')
    return wrapped(Promise(manifest, MEMBERS))


if __name__ == "__main__":
    main()
