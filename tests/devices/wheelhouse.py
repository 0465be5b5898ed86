"""A wheelhouse made without a network: our own wheel, and what it depends on packed up again as installed here."""

from __future__ import annotations

import ensurepip
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.conftest import ROOT

_OF_THE_INSTALLATION = ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")


def fill(folder: Path, *further: str) -> Path:
    """Wheels for this very Python: edgeferry, all it depends on, `further` packages, and pip."""
    folder.mkdir()
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True)
    for name in _closure([*(distribution("edgeferry").requires or []), *further]):
        _packed(distribution(name), folder)
    (pip,) = (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")
    shutil.copy(pip, folder)
    (folder / ".gitignore").unlink(missing_ok=True)
    return folder


def _closure(requirements: list[str]) -> set[str]:
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        if wanted.name in found or (wanted.marker is not None and not wanted.marker.evaluate({"extra": ""})):
            continue
        try:
            waiting += [Requirement(text) for text in distribution(wanted.name).requires or []]
        except PackageNotFoundError:
            continue
        found.add(wanted.name)
    return found


def _packed(installed: Distribution, folder: Path) -> None:
    """The wheel it was installed from, but for what the installation added."""
    meta = installed.read_text("WHEEL") or ""
    tags = [line.removeprefix("Tag: ").split("-") for line in meta.splitlines() if line.startswith("Tag: ")]
    tag = "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*tags, strict=True))
    (info,) = {file.parts[0] for file in installed.files or [] if file.name == "METADATA"}
    with zipfile.ZipFile(folder / f"{info.removesuffix('.dist-info')}-{tag}.whl", "w") as wheel:
        for file in installed.files or []:
            spoken_for = file.name in _OF_THE_INSTALLATION or file.suffix == ".pyc" or ".." in file.parts
            if not spoken_for and file.name not in ("RECORD", "METADATA"):
                wheel.write(str(file.locate()), str(file))
        # uv looks past upper bounds on Python, as of backports.strenum 1.3.1; pip, on the device, does not.
        lines = (installed.read_text("METADATA") or "").splitlines()
        wheel.writestr(f"{info}/METADATA", "\n".join(x for x in lines if not x.startswith("Requires-Python:")))
        wheel.writestr(f"{info}/RECORD", "")
