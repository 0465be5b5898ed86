"""Whatever a password is made of, a dry run does not show it, nor any form of it that a file holds."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contract.codec import to_json
from devices.flash.boot_folder_target import flash_boot_folder
from devices.flash.first_boot.wifi import pre_shared_key
from devices.settings import Wifi
from tests.devices.flash.cards import BOOKWORM, PRESEED, SECRETS, TRIXIE, payload, settings
from tests.devices.flash.test_boot_folder_target import mounted

PASSWORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=7, max_size=62).map(
    lambda text: f"{text}¤"
)
"""With a sign that is in no file's name: a password `device.key` would be found there."""


@pytest.mark.parametrize("files", [BOOKWORM, TRIXIE, PRESEED])
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=PASSWORDS.filter(lambda text: "\\" not in text), security=st.sampled_from(["wpa2", "wpa3"]))
def test_no_form_of_a_secret_is_shown(files: dict[str, str], password: str, security: str, tmp_path: Path) -> None:
    wifi = Wifi(ssid="Home", password=password, country="DE", security=security)  # type: ignore[arg-type]
    folder = mounted(tmp_path / "bootfs", files)
    report = flash_boot_folder(payload(), settings(wifi=wifi), folder, dry_run=True, say=str)
    shown = "\n".join(report.diff) + to_json(report).decode()
    forms = {password, quote(password), json.dumps(password)[1:-1], *SECRETS[1:]}
    forms |= {key for key in [pre_shared_key(wifi)] if key is not None}
    assert [form for form in forms if form in shown] == []


@pytest.mark.parametrize("files", [BOOKWORM, TRIXIE, PRESEED])
def test_the_secrets_that_are_there_already_are_not_shown_either(files: dict[str, str], tmp_path: Path) -> None:
    folder = mounted(tmp_path / "bootfs", files)
    flash_boot_folder(payload(), settings(), folder, say=str)
    wifi = Wifi(ssid="New", password="another one", country="DE", security="wpa3")
    fresh = settings(password_hash="$6$other$OtherHash", wifi=wifi)
    text = "\n".join(flash_boot_folder(payload(), fresh, folder, dry_run=True, say=str).diff)
    old = settings().wifi
    assert old is not None
    assert [word for word in (*SECRETS, "another one", "OtherHash", pre_shared_key(old)) if str(word) in text] == []
    assert "…" in text
