"""Strict for what people write, kind to what newer versions send."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.codec import from_json, is_pretty_json, plain, to_json, to_pretty_json
from contract.device import parse_device_config
from contract.errors import ConfigError, FerryError, GateError, LinkError
from contract.messages import Ack, Batch, Presence, decode
from contract.scene import parse_scene

CONFIG = b"""
fleet = "barn"
device = "cam-1"
profile = "rpi4"
state_dir = "state"
[broker]
url = "mqtt://localhost"
[trust]
publishers = ["publisher.pub"]
[camera]
source = "synthetic:"
"""


def test_unknown_fields_of_a_newer_minor_version_are_ignored() -> None:
    newer = b'{"schema":1,"boot":"b","online":true,"mood":"fine"}'
    assert decode("presence", newer, where="test") == Presence(boot="b", online=True)


def test_a_newer_major_version_is_refused_before_its_fields_are_read() -> None:
    with pytest.raises(LinkError, match="schema 2 is newer"):
        decode("ack", b'{"schema":2,"boot":{"moved":1}}', where="test")


def test_a_broken_message_names_the_path() -> None:
    with pytest.raises(LinkError, match=r"\$\.sequence"):
        decode("ack", b'{"boot":"b","sequence":"many"}', where="test")


def test_messages_survive_the_wire() -> None:
    ack = Ack(boot="b", sequence=7)
    assert from_json(to_json(ack), Ack, where="test", error=LinkError) == ack
    assert from_json(to_pretty_json(ack), Ack, where="test", error=LinkError) == ack


def test_an_oversized_message_is_refused_unread() -> None:
    with pytest.raises(LinkError, match="bytes"):
        decode("telemetry", b" " * (1 << 21), where="test")


@pytest.mark.parametrize("kind", ["telemetry", "ack", "birth", "presence", "command", "reply"])
def test_a_message_nested_too_deep_is_refused_and_no_crash(kind: str) -> None:
    with pytest.raises(LinkError, match="recursion depth"):
        decode(kind, b'{"x":' + b"[" * 100_000, where="test")


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(("boot", "sequence", "at", "x")) | st.text(), inner)
    ),
)


@settings(deadline=None)  # a busy machine is no finding
@given(ANY_JSON)
def test_whatever_json_arrives_is_a_message_or_refused(value: object) -> None:
    payload = json.dumps(value).encode()
    for kind in ("telemetry", "ack", "birth", "presence", "command", "reply"):
        try:
            found = decode(kind, payload, where="test")
        except LinkError:
            continue
        assert decode(kind, to_json(found), where="test") == found


def test_a_number_no_database_holds_is_refused() -> None:
    assert decode("ack", b'{"boot":"b","sequence":9223372036854775807}', where="test")
    with pytest.raises(LinkError, match=r"\$\.sequence"):
        decode("ack", b'{"boot":"b","sequence":9223372036854775808}', where="test")


def test_a_schema_below_the_first_is_none() -> None:
    with pytest.raises(LinkError, match=r"\$\.schema"):
        decode("ack", b'{"schema":0,"boot":"b","sequence":1}', where="test")


def test_a_strangers_words_stay_one_short_line_and_keep_their_path() -> None:
    verb = b"\x7f" + b"ping" * 10_000
    with pytest.raises(LinkError, match=r"\$\.verb") as refusal:
        decode("command", b'{"id":"1","verb":"' + verb + b'"}', where="test")
    assert len(str(refusal.value)) < 500
    assert str(refusal.value).isprintable()
    assert plain("a\nb\x1b[2J") == "a?b?[2J"
    assert len(plain("x" * 1000)) == 300


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        (b'{\n  "a": 1,\n  "b": [\n    2.50,\n    1e-07\n  ]\n}\n', True),
        (b'{\n  "a": 1,\n  "b": 1\n}', False),
        (b'{\n  "a": 1,\n  "a": 2\n}\n', False),
        (b'{\n  "\\u0061": 1\n}\n', False),
        (b'{\n  "a":  1\n}\n', False),
        (b'{\n  "a": "\xff"\n}\n', False),
        (b"[" * 100_000, False),
    ],
)
def test_pretty_json_has_one_spelling_but_for_the_digits_of_fractions(text: bytes, ours: bool) -> None:
    assert is_pretty_json(text) is ours


def test_a_batch_gives_its_messages_in_sequence() -> None:
    assert Batch(boot="b", oldest=1).messages() == ()


def test_a_good_configuration_is_read() -> None:
    assert parse_device_config(CONFIG, where="device.toml").camera.source == "synthetic:"


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (b"colour = 'red'", r"colour.*device\.toml:12"),
        (b"frames_per_s = -1", r"frames_per_s.*device\.toml:12"),
        (b"source = = 1", "device.toml"),
    ],
)
def test_a_key_nobody_knows_is_an_error_with_its_line(line: bytes, names: str) -> None:
    with pytest.raises(ConfigError, match=names):
        parse_device_config(CONFIG.rstrip() + b"\n" + line, where="device.toml")


def test_errors_cross_a_process_border_whole() -> None:
    error = GateError("other answers", where="here", fix="Do that.")
    back = pickle.loads(pickle.dumps(error))
    assert isinstance(back, FerryError)
    assert (type(back), back.what, back.where, back.fix, back.cause) == (
        GateError,
        "other answers",
        "here",
        "Do that.",
        "gate",
    )


def test_the_line_is_that_of_the_very_table_when_tables_repeat() -> None:
    scene = b"""
[[zone]]
name = "door"
polygon = [[0, 0], [1, 0], [1, 1]]

[[zone]]
name = "yard"
polygon = "everywhere"
"""
    with pytest.raises(ConfigError, match=r"scene.toml:8"):
        parse_scene(scene, where="scene.toml")
