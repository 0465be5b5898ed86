"""A real token without hardware: SoftHSM 2, with tokens in a folder of the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
TOKEN, KEY, PIN = "edgeferry", "publisher", "5678"
_SETTINGS = "SOFTHSM2_CONF"


class SoftHsm:
    """One token with one Ed25519 key, brought in from `key_file`."""

    def __init__(self, folder: Path) -> None:
        from devices.keys import make_key

        self.key_file, self.pin_file = folder / "publisher", folder / "pin"
        self.pin_file.write_text(PIN + "\n")
        (folder / "tokens").mkdir()
        (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
        self.environment = {_SETTINGS: str(folder / "softhsm2.conf")}
        make_key(self.key_file)
        self._run("--init-token", "--free", "--label", TOKEN, "--so-pin", "1234", "--pin", PIN)
        imported = ("--import", self.key_file, "--token", TOKEN, "--label", KEY, "--id", "01", "--pin", PIN)
        self._run(*imported)

    def uri(self, *, token: str = TOKEN, key: str = KEY, module: Path = MODULE, pin: Path | None = None) -> str:
        """How a person names the key."""
        return f"pkcs11:token={token};object={key}?module-path={module}&pin-source=file:{pin or self.pin_file}"

    def _run(self, *arguments: str | Path) -> None:
        command = ["softhsm2-util", *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **self.environment})


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """The token; one for the whole session, because the module reads its settings once a process."""
    if not shutil.which("softhsm2-util"):
        pytest.skip("softhsm2 is not installed")
    if find_spec("pkcs11") is None:
        pytest.skip("python-pkcs11 is not installed")
    token = SoftHsm(tmp_path_factory.mktemp("softhsm"))
    before = os.environ.get(_SETTINGS)
    os.environ.update(token.environment)
    yield token
    if before is None:
        del os.environ[_SETTINGS]
    else:
        os.environ[_SETTINGS] = before
