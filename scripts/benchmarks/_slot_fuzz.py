"""Wrong bundles with a right signature, installed for real: whatever the reader lets pass must stay in its slot.

Python's own audit events (PEP 578) tell of every file opened for writing, made, renamed, linked or removed, wherever
it lies; a look at the folder afterwards tells what stayed. Nothing is synced: no power goes here.
"""

from __future__ import annotations

import io
import os
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from contract.bundle import SIGNATURE, open_bundle
from contract.codec import to_pretty_json
from contract.digest import digest_of, hex_of
from contract.dsse import MANIFEST_TYPE, verify
from contract.errors import FerryError
from contract.manifest import NAME
from devices.keys import development_verifier
from edge.bundles import OpenBundle
from edge.durable import Disk
from edge.slot import MARKER
from edge.slots import FOLDER, Slots
from scripts.benchmarks._mutation import retold
from tests.contract.any_zip import Row, zipped
from tests.contract.small_bundle import MEMBERS, Promise, good_bundle, rows_of, small_promise, wrapped

_NAMES = (
    b"../evil", b"../../evil", b"../../../evil", b"/tmp/edgeferry-evil", b"a/../../evil", b"..", b".", b"",
    b"..\\evil", b"evil\n", b"evil\0", b"bundle", b"manifest.json", b"signature.json", b".staging-evil", b"Evil",
    b"evil/x", b"e" * 300, b"evil", b"e-v.i_l", "m\u043edel".encode(),
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR
_CHANGES = {
    "os.mkdir": (1, 2),
    "os.rename": (2, 2),
    "os.link": (2, 2),
    "os.symlink": (2, 2),
    "os.remove": (1, 1),
    "os.rmdir": (1, 1),
    "os.chmod": (1, 2),
    "os.truncate": (1, 9),
}
"""Of each event's arguments, how many are paths and where the folders they begin at are."""


@dataclass
class SlotTally:
    """What came of some bundles."""

    inputs: int = 0
    installed: int = 0
    crashes: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


class _Watch:
    """Notes every change of the file system that is not of slot `own`; a hook cannot be taken away, so there is one."""

    def __init__(self) -> None:
        self.folder, self.own = "", ""
        self.outside: list[str] = []
        sys.addaudithook(self._hear)

    def begin(self, folder: Path, digest: str) -> None:
        """From now on only the slot of `digest` below `folder` may change."""
        self.folder, self.own, self.outside = str(folder), hex_of(digest), []

    def end(self) -> None:
        """Changes are nobody's business any more."""
        self.own = ""

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.own and event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
            self._note(event, arguments[0], None)
        elif self.own and event in _CHANGES:
            paths, handles = _CHANGES[event]
            for path, handle in zip(arguments[:paths], arguments[handles:] or (None, None), strict=False):
                self._note(event, path, handle)

    def _note(self, event: str, path: object, handle: object) -> None:
        """`handle` is the open folder a relative path begins at, as `shutil.rmtree` uses them."""
        if not isinstance(path, str | bytes | os.PathLike):
            return
        beneath = Path(f"/proc/self/fd/{handle}").readlink() if isinstance(handle, int) and handle >= 0 else Path()
        whole = (beneath / os.fsdecode(path)).resolve()
        inside = whole.relative_to(self.folder).parts if whole.is_relative_to(self.folder) else ()
        if not inside or self.own not in inside[0]:
            self.outside.append(f"{event} {whole}")


class _Unsynced(Disk):
    def sync(self, path: Path) -> None:
        """Nothing is waited for."""


_TRUSTED = development_verifier()
_WATCHES: list[_Watch] = []


def slot_tally(seed: int, numbers: range) -> SlotTally:
    """Install every input beside a slot that serves; each good one is deleted again, by the store itself."""
    watch = _WATCHES[0] if _WATCHES else _Watch()
    _WATCHES[:] = [watch]
    tally = SlotTally()
    with TemporaryDirectory(prefix="edgeferry-fuzz-") as temporary:
        # Deep enough for "../../.." to end in a folder that is looked at.
        state = Path(temporary).resolve() / "a" / "b" / "state"
        slots = Slots(state, disk=_Unsynced())
        serving = slots.install(_opened(good_bundle()))
        slots.activate(serving.digest)
        before = _everything(Path(temporary))
        for number in numbers:
            data = slot_input(Random(f"{seed}:slot:{number}"))
            watch.begin(state / FOLDER, digest_of(data))
            _install(slots, data, f"slot {number}", tally)
            slots.collect()
            watch.end()
            left = _everything(Path(temporary)) ^ before
            tally.outside += [f"slot {number}: {what}" for what in (*watch.outside, *sorted(left))]
    return tally


def _install(slots: Slots, data: bytes, name: str, tally: SlotTally) -> None:
    tally.inputs += 1
    try:
        slot = slots.install(_opened(data))
    except FerryError:
        return
    except Exception as crash:  # noqa: BLE001 a crash is what is looked for, whatever its kind
        tally.crashes.append(f"{name}: {crash!r:.200}")
        return
    tally.installed += 1
    plain = {path.name for path in slot.folder.iterdir() if path.is_file() and not path.is_symlink()}
    listed = {NAME, SIGNATURE, MARKER, *(member.name for member in slot.manifest.members)}
    tally.outside += [f"{name}: {stray!r} in the slot" for stray in plain ^ listed]


def _opened(data: bytes) -> OpenBundle:
    """As `edge.bundles.opened_bundle` does with a file."""
    bundle = open_bundle(io.BytesIO(data), where="fuzz")
    verify(bundle.envelope, MANIFEST_TYPE, bundle.manifest_bytes, _TRUSTED, where="fuzz")
    return OpenBundle(bundle, digest_of(data), len(data))


def slot_input(chance: Random) -> bytes:
    """A manifest told otherwise, a member under another name, or one more member; all signed by the trusted key."""
    match chance.randrange(4):
        case 0 | 1:
            return wrapped(Promise(_respelled(retold(small_promise().manifest, chance)), MEMBERS))
        case 2:
            return _renamed(chance.choice(tuple(MEMBERS)).encode(), chance.choice(_NAMES))
        case _:
            return _with_another(chance.choice(_NAMES), chance.randbytes(4))


def _respelled(manifest: bytes) -> bytes:
    """In our spelling, where it is JSON: most others are refused for their spelling alone."""
    try:
        return to_pretty_json(msgspec.json.decode(manifest))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return manifest


def _renamed(old: bytes, new: bytes) -> bytes:
    """In the manifest and in the container."""
    manifest = small_promise().manifest.replace(b'"' + old + b'"', to_pretty_json(new.decode()).rstrip())
    rows = rows_of(Promise(manifest, MEMBERS))
    return zipped([row._replace(name=new) if row.name == old else row for row in rows])


def _with_another(name: bytes, data: bytes) -> bytes:
    rows = rows_of(small_promise())
    return zipped([*rows[:-1], Row(name, data, zlib.crc32(data)), rows[-1]])


def _everything(folder: Path) -> set[str]:
    """All that lies in it, with sizes."""
    return {f"{path.relative_to(folder)} {path.lstat().st_size if path.is_file() else 0}" for path in folder.rglob("*")}
