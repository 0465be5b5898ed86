"""A device that is a folder: `install.sh --root` with the tools it finds on a real one, and nothing started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


class Device:
    """A root folder, and a `python3` that is this one."""

    def __init__(self, folder: Path, venvs: Path | None = None) -> None:
        self.root, self.tools = folder / "root", folder / "tools"
        (self.root / "etc").mkdir(parents=True)
        (self.root / "etc/group").write_text("root:x:0:\nvideo:x:44:\nplugdev:x:46:\n")
        self.tools.mkdir()
        (self.tools / "python3").symlink_to(getattr(sys, "_base_executable", sys.executable))
        self.opt = self.root / "opt/edgeferry"
        if venvs is not None:
            shutil.copytree(venvs, self.opt / "venvs", symlinks=True, copy_function=os.link)

    def install(self, payload: Path, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the installer of a payload's folder."""
        command = ["sh", payload / "install.sh", "--root", self.root, *options]
        path = f"{self.tools}:/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run(command, capture_output=True, text=True, check=check, env={"PATH": path})

    def files(self) -> dict[str, bytes | str]:
        """What there is, environments left out."""
        found: dict[str, bytes | str] = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if path.is_symlink():
                found[name] = str(path.readlink())
            elif path.is_file() and "/venvs/" not in name:
                found[name] = path.read_bytes()
        return found
