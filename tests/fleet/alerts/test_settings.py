"""`alerts.toml` is read strictly, and a wrong key is answered with the right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from fleet.alerts.printing import settings as printed
from fleet.alerts.settings import KINDS, RANK, AlertSettings, load_settings, parse_settings

WHOLE = b"""
every_s = 2.5
quiet_s = 600
[offline]
after_s = 30
[drops]
above = 0.4
[rollout_halted]
severity = "warning"
[[webhook]]
name = "ops"
url = "https://hooks.example/x"
secret_file = "secret"
kinds = ["offline", "rollout-halted"]
[[email]]
name = "mail"
host = "mail.example"
sender = "fleet@example.org"
to = ["a@example.org"]
min_severity = "critical"
"""


def test_a_whole_file_is_read_and_file_names_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "alerts.toml").write_bytes(WHOLE)
    settings = load_settings(tmp_path / "alerts.toml")
    assert (settings.every_s, settings.offline.after_s, settings.offline.clear_s) == (2.5, 30, 60)
    assert [channel.name for channel in settings.channels] == ["ops", "mail"]
    assert settings.webhook[0].secret_file == str(tmp_path / "secret")
    assert settings.severity_of("rollout-halted") == "warning"
    assert {settings.severity_of(kind) for kind in KINDS} <= set(RANK)


def test_what_is_printed_is_read_again_as_the_same(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    settings = parse_settings(WHOLE, where="x", folder=tmp_path)
    assert parse_settings(printed(settings).encode(), where="x") == settings
    assert parse_settings(printed(AlertSettings()).encode(), where="x") == AlertSettings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ofline = {}", r"no key 'ofline' \[alerts.toml, top\] Write 'offline'"),
        ("[heat]\nabove = 3", r"no key 'above' \[alerts.toml, heat\] Write 'above_c'"),
        ("[rollout-halted]", "Write 'rollout_halted'"),
        ('[[webhook]]\nname = "a"\nurl = "http://x"\nsecret = "y"', r"webhook\] Write 'secret_file'"),
        ("[drift]\nzzz = 1", "Choose from enabled, severity, model_suffering"),
        ("every_s = 0", "every_s"),
        ('[heat]\nabove_c = "hot"', r"alerts.toml:2\]"),
        ("[heat]\nabove_c = 60", "clear_below_c is over"),
        ("[drops]\nclear_below = 0.9", "clear_below is over"),
        ('[[webhook]]\nname = "a"\nurl = "ftp://x/"', "webhook a is not an address"),
        ('[[webhook]]\nname = "a"\nurl = "http://x"\nkinds = ["offlin"]', "Write 'offline'"),
        ('[[webhook]]\nname = "a"\nurl = "http://x"\n' * 2, "two channels have one name"),
        ('[[webhook]]\nname = "a"\nurl = "http://x"\nsecret_file = "nowhere"', "secret_file of a cannot be read"),
        ('[[email]]\nname = "a"\nhost = "h"\nsender = "x@y"\nto = ["a b@c"]', "not a mail address"),
        ('[[email]]\nname = "a"\nhost = "h"\nsender = "x@y"\nto = []', "to"),
        ('[[email]]\nname = "a"\nhost = "h"\nsender = "x@y"\nto = ["x@y"]\nuser = "u"\nsecurity = "none"', "clear"),
        ("every_s =", "alerts.toml"),
        ("offline = 3", "offline"),
    ],
)
def test_what_is_wrong_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refusal:
        parse_settings(text.encode(), where="alerts.toml")
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        load_settings(Path("/nowhere/alerts.toml"))
