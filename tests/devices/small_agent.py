"""A wheelhouse of a few kilobytes whose `edgeferry` does what an installer sees of the real one: start, report, fail.

Its camera decides: `broken` ends with an error at once, `blind` never reports a frame, anything else reports.
"""

from __future__ import annotations

import ensurepip
import shutil
import zipfile
from pathlib import Path

from contract import __version__

AGENT = """
import os, pathlib, secrets, sys, time

def main():
    if sys.argv[1:] == ["--version"]:
        return
    config = pathlib.Path(sys.argv[sys.argv.index("--config") + 1]).read_text()
    if '"broken"' in config:
        sys.exit("Error: the camera is broken\\n  where: camera\\n  fix:   Mend it.")
    state = pathlib.Path("/var/lib/edgeferry")
    (state / "outbox.db").touch()
    if '"blind"' not in config:
        (state / "new").write_text(secrets.token_hex(8))
        (state / "new").rename(state / "reporting.json")
    while True:
        time.sleep(60)
"""
LIBRARIES = (("ai_edge_litert", "2.3.0"), ("onnxruntime", "1.20.0"), ("onnxruntime", "1.21.0"))
"""The last of them is known to be bad."""


def fill(folder: Path, *, version: str = __version__) -> Path:
    """Wheels of the small agent, of stand-ins for the inference libraries, and pip."""
    folder.mkdir()
    entry = "[console_scripts]\nedgeferry = small_agent:main\n"
    write_wheel(folder, "edgeferry", version, {"small_agent.py": AGENT, "entry_points.txt": entry})
    for name, number in LIBRARIES:
        write_wheel(folder, name, number, {f"{name}.py": f"version = {number!r}\n"})
    (pip,) = (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")
    shutil.copy(pip, folder)
    return folder


def write_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    """One pure wheel; `entry_points.txt` goes where pip looks for it."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(f"{info}/{path}" if path == "entry_points.txt" else path, text)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
