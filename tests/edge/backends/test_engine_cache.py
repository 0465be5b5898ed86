from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from contract.errors import BackendError
from edge.backends.engine_cache import EngineCache, EngineKey
from edge.durable import Disk, DiskError

KEY = EngineKey(
    model_digest="sha256:" + "1" * 64,
    tensorrt="100300",
    onnxruntime="1.23.2",
    cuda_driver="12060",
    gpu="Orin",
    compute_capability="8.7",
    platform="linux-aarch64",
    precision="fp16",
    input_shapes={"picture": (1, 3, 224, 224)},
    workspace_bytes=512 << 20,
    builder_level=3,
)
CHANGES = {
    "layout": 2,
    "model_digest": "sha256:" + "2" * 64,
    "tensorrt": "100301",
    "onnxruntime": "1.24.0",
    "cuda_driver": "12080",
    "gpu": "Orin Nano",
    "compute_capability": "8.6",
    "platform": "linux-x86_64",
    "precision": "int8",
    "input_shapes": {"picture": (1, 3, 256, 256)},
    "workspace_bytes": 256 << 20,
    "builder_level": 5,
}
ENGINE = b"an engine" * 100


class PowerCut(BaseException):
    """Nothing after this moment happens."""


class DyingDisk(Disk):
    """Works `verbs` times; then power goes, and what was written and not synced is half there."""

    def __init__(self, verbs: int) -> None:
        self._left = verbs
        self._unsynced: set[Path] = set()

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            for path in filter(Path.exists, self._unsynced):
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            raise PowerCut

    def write(self, path: Path, data: bytes) -> None:
        super().write(path, data)
        self._unsynced.add(path)
        self._spend()

    def sync(self, path: Path) -> None:
        self._spend()
        super().sync(path)
        self._unsynced.discard(path)

    def rename(self, source: Path, target: Path) -> None:
        self._spend()
        super().rename(source, target)


class FullDisk(Disk):
    """Refuses every write."""

    def write(self, path: Path, data: bytes) -> None:
        raise DiskError("No space left", where=str(path), fix="Free some.")


def build(
    cache: EngineCache, key: EngineKey = KEY, engine: bytes = ENGINE, files: int = 1, disk: Disk | None = None
) -> None:
    with cache.building(key, model_bytes=len(engine)) as folder:
        for number in range(files):
            (disk or Disk()).write(folder / f"part-{number}.engine", engine)


def found(cache: EngineCache, key: EngineKey = KEY) -> bytes | None:
    entry = cache.lookup(key)
    if entry is None:
        return None
    content = (entry.folder / "part-0.engine").read_bytes()
    entry.close()
    return content


def test_what_was_built_is_found_again_by_another_process_of_mind(tmp_path: Path) -> None:
    assert found(EngineCache(tmp_path / "engines")) is None
    build(EngineCache(tmp_path / "engines"))
    assert found(EngineCache(tmp_path / "engines")) == ENGINE


def test_every_field_of_the_key_has_a_change_in_the_matrix() -> None:
    assert set(CHANGES) == set(EngineKey.__struct_fields__)


@pytest.mark.parametrize("field", CHANGES)
def test_a_change_of_any_field_is_no_hit_and_costs_the_old_engine_nothing(field: str, tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    build(cache)
    changed = msgspec.structs.replace(KEY, **{field: CHANGES[field]})
    assert found(cache, changed) is None
    build(cache, changed, b"another")
    assert found(cache, changed) == b"another"
    assert found(cache) == ENGINE


def test_what_does_not_change_the_engine_does_not_build_it_anew(tmp_path: Path) -> None:
    build(EngineCache(tmp_path))
    for path in tmp_path.rglob("*"):
        os.utime(path, (0, 0))  # a clock that was wrong, a copy to another disk
    same = msgspec.json.decode(msgspec.json.encode(KEY, order="sorted"), type=EngineKey)
    assert found(EngineCache(tmp_path, quota_bytes=1), same) == ENGINE
    two = {"a": (1, 2), "b": (3, 4)}
    other_way = dict(reversed(two.items()))
    assert (
        msgspec.structs.replace(KEY, input_shapes=two).name == msgspec.structs.replace(KEY, input_shapes=other_way).name
    )


@pytest.mark.parametrize("file", ["part-0.engine", "key.json", "complete.json"])
@pytest.mark.parametrize("harm", ["cut", "flip", "gone"])
def test_a_spoilt_entry_is_no_entry(file: str, harm: str, tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    build(cache)
    path = tmp_path / KEY.name / file
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-9] if harm == "cut" else content[:4] + b"\xff" + content[5:])
    assert found(cache) is None
    build(cache)
    assert found(cache) == ENGINE


def test_power_may_go_at_any_of_two_hundred_moments(tmp_path: Path) -> None:
    points, survived = 0, False
    while not survived:
        root = tmp_path / str(points)
        build(EngineCache(root), msgspec.structs.replace(KEY, gpu="older"), b"older")
        disk = DyingDisk(points)
        try:
            build(EngineCache(root, disk=disk), files=100, disk=disk)
            survived = True
        except PowerCut:
            points += 1
        restarted = EngineCache(root)
        assert found(restarted) in (None, ENGINE)
        assert found(restarted, msgspec.structs.replace(KEY, gpu="older")) == b"older"
        build(restarted, msgspec.structs.replace(KEY, gpu="newer"), b"newer")
        assert not list(root.glob("building-*"))
        assert not list(root.glob("rubbish-*"))
    assert found(restarted) == ENGINE
    assert points >= 200


SLOW_BUILDER = """
import sys, time
from pathlib import Path
from edge.backends.engine_cache import EngineCache
from tests.edge.backends.test_engine_cache import ENGINE, KEY
import msgspec
cache = EngineCache(Path(sys.argv[1]), quota_bytes=5 * len(ENGINE))
sys.stdout.write("begun\\n"); sys.stdout.flush()
for n in range(10_000):
    with cache.building(msgspec.structs.replace(KEY, builder_level=n), model_bytes=1) as folder:
        for part in range(2):
            with (folder / f"part-{part}.engine").open("wb") as file:
                for begin in range(0, len(ENGINE), 90):
                    file.write(ENGINE[begin : begin + 90]); file.flush()
"""


def test_a_killed_builder_leaves_only_whole_engines_and_frees_the_lock(tmp_path: Path) -> None:
    rng = random.Random(7)
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", SLOW_BUILDER, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"begun\n"
        time.sleep(rng.uniform(0, 0.3))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        cache = EngineCache(tmp_path)
        for number in range(300):
            assert found(cache, msgspec.structs.replace(KEY, builder_level=number)) in (None, ENGINE)
        build(cache, msgspec.structs.replace(KEY, gpu="mine"))
        assert not list(tmp_path.glob("building-*"))


def test_two_builders_at_a_time_are_one_too_many(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    with cache.building(KEY, model_bytes=1) as folder:
        (folder / "part-0.engine").write_bytes(ENGINE)
        with pytest.raises(BackendError, match=f"process {os.getpid()} is building"):
            build(EngineCache(tmp_path), msgspec.structs.replace(KEY, gpu="other"))
        assert found(EngineCache(tmp_path)) is None
    assert found(cache) == ENGINE


def test_a_builder_that_fails_or_leaves_nothing_leaves_no_entry(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    with pytest.raises(DiskError, match="No space left"):
        build(cache, files=3, disk=FullDisk())
    with pytest.raises(DiskError, match="No space left"):
        build(EngineCache(tmp_path, disk=FullDisk()))
    with pytest.raises(BackendError, match="left no engine"), cache.building(KEY, model_bytes=1):
        pass
    assert found(cache) is None
    assert [path.name for path in tmp_path.iterdir()] == ["building.lock"]


def test_the_least_lately_used_goes_first_and_never_one_in_use(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path, quota_bytes=3 * len(ENGINE))
    keys = [msgspec.structs.replace(KEY, builder_level=n) for n in range(6)]
    for key in keys[:3]:
        build(cache, key)
    held = cache.lookup(keys[1])
    assert held is not None
    assert found(cache, keys[0]) == ENGINE
    build(cache, keys[3])
    assert [found(cache, key) is not None for key in keys[:4]] == [True, True, False, True]
    build(cache, keys[4])
    build(cache, keys[5])
    assert (held.folder / "part-0.engine").read_bytes() == ENGINE
    assert [found(cache, key) is not None for key in keys] == [False, True, False, False, True, True]
    held.close()


def test_an_engine_larger_than_the_quota_is_kept_alone(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path, quota_bytes=1)
    build(cache)
    other = msgspec.structs.replace(KEY, gpu="other")
    build(cache, other)
    assert found(cache) is None
    assert found(cache, other) == ENGINE


def test_the_model_nearest_in_size_says_how_long_it_may_take(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    assert cache.expected_s(KEY, 100) is None
    for level, model_bytes, took_s in ((0, 100, 60.0), (1, 5000, 570.0)):
        ticks = iter((10.0, 10.0 + took_s))
        key = msgspec.structs.replace(KEY, builder_level=level)
        with cache.building(key, model_bytes=model_bytes, clock=lambda ticks=ticks: next(ticks)) as folder:
            (folder / "e").write_bytes(ENGINE)
    assert cache.expected_s(KEY, 4000) == 570.0
    assert cache.expected_s(KEY, 1) == 60.0
    assert cache.expected_s(msgspec.structs.replace(KEY, gpu="Thor"), 100) is None


def test_the_key_is_written_for_people_too(tmp_path: Path) -> None:
    build(EngineCache(tmp_path))
    assert json.loads((tmp_path / KEY.name / "key.json").read_text())["compute_capability"] == "8.7"
