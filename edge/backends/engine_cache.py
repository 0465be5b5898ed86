"""TensorRT engines kept on the device: found again only by everything that makes one right, whole or not there at all.

An engine takes minutes to build and fits one model, one GPU and one set of versions; onnxruntime's own cache does not
notice when one of them changes, and its documentation says to delete it by hand. Here a change of any field of
`EngineKey` is another folder. Clocks and file times are never asked.

    DIGEST/             one engine: key.json, the builder's files, complete.json written last; `used` counts lookups
    building-…/         being written, by the process that holds building.lock; anybody else's is rubbish
    rubbish-…/          on its way out

The order of writing is that of `edge/durable.py`: files, their fsync, the mark, its fsync, the folder's rename. So a
power cut leaves a whole entry or rubbish, which the next builder removes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from contract.codec import from_json, to_pretty_json
from contract.digest import digest_of, digest_of_chunks, hex_of
from contract.errors import BackendError, FerryError
from edge.durable import Disk, disk_error

_KEY = "key.json"
_MARK = "complete.json"
_USED = "used"
_BUILDING = "building-"
_RUBBISH = "rubbish-"
_CHUNK_BYTES = 1 << 20
DEFAULT_QUOTA_BYTES = 2 << 30


class EngineKey(Struct, frozen=True, kw_only=True):
    """All that an engine depends on. TensorRT documentation, Version Compatibility and Hardware Compatibility."""

    layout: int = 1
    """Of this cache."""
    model_digest: str
    tensorrt: str
    onnxruntime: str
    cuda_driver: str
    gpu: str
    """The device's own name, e.g. `Orin`."""
    compute_capability: str
    """E.g. `8.7`."""
    platform: str
    """System and processor, e.g. `linux-aarch64`: engines do not travel between operating systems."""
    precision: str
    """`fp16`, `int8` or `fp32`."""
    input_shapes: dict[str, tuple[int, ...]]
    workspace_bytes: int
    builder_level: int
    """TensorRT's optimisation level, 0 to 5."""

    @property
    def name(self) -> str:
        """The folder's: sha256 over canonical JSON."""
        return hex_of(digest_of(msgspec.json.encode(self, order="deterministic")))


class Mark(Struct, frozen=True, kw_only=True):
    """Written when everything else is on the medium."""

    files: dict[str, str]
    """Digest by file name, relative to the entry."""
    size_bytes: int
    model_bytes: int
    build_s: float


class EngineEntry:
    """One whole entry, held: it is not removed while this is open."""

    def __init__(self, folder: Path, mark: Mark, held: int) -> None:
        self.folder = folder
        self.mark = mark
        self._held: int | None = held

    def close(self) -> None:
        """Let it go."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


class EngineCache:
    """The folder `root`, shared by any number of processes. Not for two threads at a time."""

    def __init__(self, root: Path, *, quota_bytes: int = DEFAULT_QUOTA_BYTES, disk: Disk | None = None) -> None:
        self.root = root
        self._quota_bytes = quota_bytes
        self._disk = disk or Disk()

    def lookup(self, key: EngineKey) -> EngineEntry | None:
        """The entry for exactly this key, every byte checked; None where there is none. A spoilt one is removed."""
        folder = self.root / key.name
        try:
            held = os.open(folder / _MARK, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        fcntl.flock(held, fcntl.LOCK_SH)
        mark = self._whole(folder, key)
        if mark is None:
            os.close(held)
            self._remove(folder)
            return None
        self._touch(folder)
        return EngineEntry(folder, mark, held)

    def discard(self, key: EngineKey) -> None:
        """Remove the entry for `key`, which turned out to be of no use; one that somebody holds stays."""
        self._remove(self.root / key.name)

    def expected_s(self, key: EngineKey, model_bytes: int) -> float | None:
        """How long the build of the model nearest in size took on this GPU; None where nothing was built yet."""
        similar = [
            mark
            for folder, mark in self._entries()
            if (known := _key_of(folder)) and (known.gpu, known.precision) == (key.gpu, key.precision)
        ]
        nearest = min(similar, key=lambda mark: abs(mark.model_bytes - model_bytes), default=None)
        return nearest.build_s if nearest else None

    @contextlib.contextmanager
    def building(
        self, key: EngineKey, *, model_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> Iterator[Path]:
        """A folder to build into, which becomes the entry for `key` when the block ends without an exception.

        One build at a time on a device, as each takes most of its memory: BackendError says who builds already.
        Before and after, rubbish is removed and the least lately used entries go until the quota is kept.
        """
        lock = self._locked()
        try:
            with _as_disk_error(self.root):
                self._sweep()
                folder = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=self.root))
            begun = clock()
            try:
                yield folder
                with _as_disk_error(self.root):
                    self._commit(folder, key, model_bytes, clock() - begun)
                    self._keep_quota(key.name)
            except Exception:
                shutil.rmtree(folder, ignore_errors=True)  # an interrupt leaves it to the next sweep
                raise
        finally:
            os.close(lock)

    def _locked(self) -> int:
        """The builders' lock. The kernel frees it when a builder dies, so a dead one's number blocks nobody."""
        path = self.root / "building.lock"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as problem:
            raise disk_error("Opening the engine cache", path, problem) from problem
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            owner = os.read(lock, 20).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise BackendError(
                f"process {owner} is building an engine already", where=str(path), fix="Wait for it, then start again."
            ) from busy
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        return lock

    def _commit(self, folder: Path, key: EngineKey, model_bytes: int, build_s: float) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if not files:
            raise BackendError("the builder left no engine", where=str(folder), fix="Read the builder's messages.")
        disk = self._disk
        for path in files:
            disk.sync(path)
        for inner in {path.parent for path in files} - {folder}:
            disk.sync(inner)
        disk.write(folder / _KEY, to_pretty_json(key))
        disk.sync(folder / _KEY)
        mark = Mark(
            files={path.relative_to(folder).as_posix(): _digest(path) for path in [*files, folder / _KEY]},
            size_bytes=sum(path.stat().st_size for path in files),
            model_bytes=model_bytes,
            build_s=build_s,
        )
        disk.write(folder / _USED, str(self._next_use()).encode())
        disk.write(folder / _MARK, to_pretty_json(mark))
        disk.sync(folder / _MARK)
        disk.sync(folder)
        final = self.root / key.name
        if final.exists():
            self._remove(final)
        disk.rename(folder, final)
        disk.sync(self.root)

    def _whole(self, folder: Path, key: EngineKey) -> Mark | None:
        mark = _mark_of(folder)
        if mark is None or _key_of(folder) != key:
            return None
        try:
            agrees = all(_digest(folder / name) == digest for name, digest in mark.files.items())
        except OSError:
            return None
        return mark if agrees else None

    def _entries(self) -> list[tuple[Path, Mark]]:
        """Folders with a readable mark, the least lately used first."""
        found = [
            (folder, mark)
            for folder in (self.root.iterdir() if self.root.is_dir() else ())
            if not folder.name.startswith((_BUILDING, _RUBBISH)) and (mark := _mark_of(folder))
        ]
        return sorted(found, key=lambda entry: (_used(entry[0]), entry[0].name))

    def _next_use(self) -> int:
        return 1 + max((_used(folder) for folder, _ in self._entries()), default=0)

    def _touch(self, folder: Path) -> None:
        """A number that only grows stands for the time. Losing it costs an entry its place, never its truth."""
        with contextlib.suppress(OSError):
            (folder / _USED).write_text(str(self._next_use()))

    def _sweep(self) -> None:
        """Under the lock nobody else builds, so what lies half done belongs to the dead."""
        for folder in self.root.iterdir():
            if folder.is_dir() and (folder.name.startswith((_BUILDING, _RUBBISH)) or _mark_of(folder) is None):
                self._remove(folder)

    def _keep_quota(self, newest: str) -> None:
        entries = self._entries()
        total = sum(mark.size_bytes for _, mark in entries)
        for folder, mark in entries:
            if total <= self._quota_bytes:
                return
            if folder.name != newest and self._remove(folder):
                total -= mark.size_bytes

    def _remove(self, folder: Path) -> bool:
        """Unless somebody holds it. Renamed first, so that a half-deleted entry never looks like one."""
        with contextlib.ExitStack() as stack:
            try:
                held = os.open(folder / _MARK, os.O_RDONLY | os.O_CLOEXEC)
                stack.callback(os.close, held)
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except FileNotFoundError:
                pass  # without a mark nobody can hold it
            except OSError:
                return False
            try:
                gone = Path(tempfile.mkdtemp(prefix=_RUBBISH, dir=self.root))
                folder.replace(gone)
            except OSError:
                return False
            shutil.rmtree(gone, ignore_errors=True)
            return True


@contextlib.contextmanager
def _as_disk_error(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise disk_error("Keeping an engine", root, problem) from problem


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return digest_of_chunks(iter(lambda: file.read(_CHUNK_BYTES), b""))


def _mark_of(folder: Path) -> Mark | None:
    try:
        return from_json((folder / _MARK).read_bytes(), Mark, where=str(folder), error=BackendError)
    except (OSError, FerryError):
        return None


def _key_of(folder: Path) -> EngineKey | None:
    try:
        return from_json((folder / _KEY).read_bytes(), EngineKey, where=str(folder), error=BackendError)
    except (OSError, FerryError):
        return None


def _used(folder: Path) -> int:
    try:
        return int((folder / _USED).read_text())
    except (OSError, ValueError):
        return 0
