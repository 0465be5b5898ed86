from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from contract.errors import BackendError
from edge.backends.gpu import Gpu, find_gpu

SOURCE = Path(__file__).with_name("fake_nvidia.c")


def fake(folder: Path, status: int = 0) -> str:
    """Both libraries in one, whose cuInit answers `status`."""
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    library = folder / f"libfake_nvidia_{status}.so"
    subprocess.run(["cc", "-shared", "-fPIC", f"-DSTATUS={status}", "-o", library, SOURCE], check=True)
    return str(library)


def test_the_first_gpu_is_told_by_its_own_libraries(tmp_path: Path) -> None:
    library = fake(tmp_path)
    assert find_gpu(["libabsent.so.9", library], [library]) == Gpu(
        name="Orin", compute_capability="8.7", cuda_driver="12060", tensorrt="100300"
    )


def test_a_driver_that_refuses_or_is_missing_is_told(tmp_path: Path) -> None:
    refusing = fake(tmp_path, 100)
    with pytest.raises(BackendError, match="cuInit failed with CUDA error 100"):
        find_gpu([refusing], [refusing])
    with pytest.raises(BackendError, match=r"cannot be loaded \[libabsent\.so\.1\]"):
        find_gpu(["libabsent.so.1"], [refusing])
    with pytest.raises(BackendError, match="has no getInferLibVersion"):
        find_gpu([fake(tmp_path)], [refusing])
