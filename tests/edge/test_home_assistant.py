"""What a home that listens at the broker sees of a device, its templates rendered as Home Assistant renders them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from contract import device as config
from contract.device import Broker as BrokerConfig
from contract.messages import Birth, FrameLedger, Percentiles
from contract.result import ClassScore, Detection, FrameError, Result, Segment
from edge.home_assistant import MOST_LABELS, HomeAssistant, labels_in
from edge.outbox import Outbox
from edge.reporter import Reporter
from edge.telemetry import Window
from tests.broker import Broker

PATIENCE_S = 15.0
CONFIG, STATE = "homeassistant/device/edgeferry_test_cam-1/config", "edgeferry/v1/test/cam-1/state"
PRESENCE = "edgeferry/v1/test/cam-1/presence"
BIRTH = Birth(at="", boot="", profile="rpi4", edgeferry="0", python="3", backend="none", model="pets@1", digest=None)
UPDATE_KEYS = {
    "installed_version",
    "latest_version",
    "title",
    "release_summary",
    "release_url",
    "entity_picture",
    "in_progress",
    "update_percentage",
}
"""Of Home Assistant's MQTT_JSON_UPDATE_SCHEMA, which takes no others and no null."""


class Home:
    """Listens to everything at the broker, as Home Assistant does with its prefix and what it is pointed to."""

    def __init__(self, port: int) -> None:
        self.retained: dict[str, bytes] = {}
        self.announcements = 0
        self._changed = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._received
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(PATIENCE_S)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_S
        with self._changed:
            while not holds():
                assert self._changed.wait(until - time.monotonic()), self.retained

    def shows(self) -> dict[str, Any]:
        """Each entity's state, rendered from what is retained."""
        if not {CONFIG, STATE} <= set(self.retained):
            return {}
        announced = json.loads(self.retained[CONFIG])
        state = json.loads(self.retained[announced["state_topic"]])
        components = announced["components"].items()
        return {key: render(one["value_template"], state) for key, one in components if "value_template" in one}

    def available(self) -> str:
        (availability,) = json.loads(self.retained[CONFIG])["availability"]
        return render(availability["value_template"], json.loads(self.retained[availability["topic"]]))

    def _received(self, client: Client, _: object, message: MQTTMessage) -> None:
        with self._changed:
            self.retained[message.topic] = message.payload
            self.announcements += message.topic == CONFIG
            self._changed.notify_all()


def render(template: str, value_json: object) -> str:
    """A missing key is an error here, and only a warning in Home Assistant."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.filters["to_json"] = json.dumps
    return environment.from_string(template).render(value_json=value_json)


@pytest.fixture
def home(broker: Broker) -> Iterator[Home]:
    made = Home(broker.port)
    yield made
    made.close()


@pytest.fixture
def device() -> HomeAssistant:
    return HomeAssistant(config.HomeAssistant(), "test", "cam-1", profile="rpi4", version="0.1.0")


@pytest.fixture
def reporter(broker: Broker, tmp_path: Path, device: HomeAssistant) -> Iterator[Reporter]:
    made = Reporter(
        BrokerConfig(url=broker.url),
        "test",
        "cam-1",
        outbox=Outbox(tmp_path / "outbox.db", 1 << 20),
        birth=lambda: BIRTH,
        neighbour=device,
    )
    made.connect_now(PATIENCE_S)
    yield made
    made.close(0.0)


def window(**changes: Any) -> Window:
    values: dict[str, Any] = {
        "ended_at": 0.0,
        "window_s": 5.0,
        "model": "pets@1",
        "digest": "sha256:" + "0" * 64,
        "ledger": FrameLedger(),
        "frames_per_s": 9.96,
        "latency_ms": {"total": Percentiles(p50=4.0, p95=6.54, p99=9.0)},
        "classes": {},
        "mean_confidence": None,
        "rss_bytes": 1,
        "temperature_c": 51.5,
    }
    return Window(**{**values, **changes})


def seen(*labels: str, source: str = "yard") -> Result:
    boxes = tuple(Detection(index=0, label=label, score=0.9, box_xyxy_px=(0.0, 0.0, 1.0, 1.0)) for label in labels)
    return Result(source=source, frame=0, captured_at="", model="pets@1", digest="", detections=boxes)


@pytest.mark.usefixtures("reporter")
def test_a_home_sees_what_the_device_runs_and_sees(home: Home, device: HomeAssistant) -> None:
    device.serving("pets@1", ["cat", "dog"])
    device.window(window())
    device.answered(seen("cat", "cat"))
    device.answered(seen("dog", source="door"))
    device.window(window())
    home.wait_until(lambda: home.shows().get("count_dog") == "1")
    shown = home.shows()
    assert json.loads(shown.pop("update")) == {
        "installed_version": "pets@1",
        "latest_version": "pets@1",
        "title": "Model",
        "release_summary": "",
        "in_progress": False,
    }
    assert shown == {
        "frames_per_s": "10.0",
        "latency_p95": "6.5",
        "temperature": "52",
        "model": "pets@1",
        "seen": "ON",
        "count_cat": "2",
        "count_dog": "1",
    }


def test_availability_follows_presence(home: Home, reporter: Reporter) -> None:
    home.wait_until(lambda: {CONFIG, PRESENCE} <= set(home.retained) and home.available() == "online")
    reporter.close(0.0)
    home.wait_until(lambda: home.available() == "offline")


@pytest.mark.usefixtures("reporter")
def test_an_update_is_shown_from_the_wish_to_the_outcome(home: Home, device: HomeAssistant) -> None:
    device.serving("pets@1", ["cat"])
    device.reported("downloading", "pets@2")
    home.wait_until(lambda: update(home).get("in_progress") is True)
    assert (update(home)["installed_version"], update(home)["latest_version"]) == ("pets@1", "pets@2")
    device.reported("refused", "pets@2", "golden frame 3 is wrong " + "x" * 300)
    home.wait_until(lambda: update(home).get("in_progress") is False)
    assert update(home)["release_summary"].startswith("refused: golden frame 3 is wrong")
    assert len(update(home)["release_summary"]) == 255
    device.serving("pets@2", ["cat"])
    home.wait_until(lambda: update(home)["installed_version"] == "pets@2")
    assert set(update(home)) <= UPDATE_KEYS


def update(home: Home) -> Any:
    return json.loads(home.shows().get("update", "{}"))


@pytest.mark.usefixtures("reporter")
def test_before_a_model_is_known_nothing_is_null_that_must_not_be(home: Home) -> None:
    home.wait_until(lambda: {CONFIG, STATE} <= set(home.retained))
    assert None not in update(home).values()
    assert home.shows()["temperature"] == "None"


@pytest.mark.usefixtures("reporter")
def test_a_home_that_starts_anew_is_told_again(home: Home) -> None:
    home.wait_until(lambda: home.announcements == 1)
    home.say("homeassistant/status", b"offline")
    home.say("homeassistant/status", b"online")
    home.wait_until(lambda: home.announcements == 2)


@pytest.mark.usefixtures("reporter")
def test_a_broker_that_forgot_everything_is_told_again(broker: Broker, device: HomeAssistant) -> None:
    device.serving("pets@1", ["cat"])
    broker.stop()
    broker.start()
    again = Home(broker.port)
    again.wait_until(lambda: {CONFIG, STATE} <= set(again.retained))
    assert again.shows()["model"] == "pets@1"
    again.close()


@pytest.mark.usefixtures("reporter")
def test_another_model_has_other_sensors_and_the_old_ones_are_said_to_be_gone(
    home: Home, device: HomeAssistant
) -> None:
    device.serving("pets@1", ["cat", "dog"])
    device.serving("birds@1", ["dog", "gull"])
    home.wait_until(lambda: "count_gull" in home.shows())
    components = json.loads(home.retained[CONFIG])["components"]
    assert components["count_cat"] == {"platform": "sensor"}
    assert home.shows()["count_dog"] == "0"


@pytest.mark.usefixtures("reporter")
def test_of_a_model_that_knows_much_only_what_is_seen_becomes_a_sensor(home: Home, device: HomeAssistant) -> None:
    device.serving("world@1", [f"thing {number}" for number in range(1000)])
    for number in range(30):
        device.answered(seen(f"thing {number * 7}"))
    home.wait_until(lambda: "count_thing_133" in home.shows())
    assert len([key for key in home.shows() if key.startswith("count_")]) == MOST_LABELS


@pytest.mark.usefixtures("reporter")
def test_what_is_withdrawn_is_forgotten_by_the_broker(broker: Broker, home: Home, device: HomeAssistant) -> None:
    home.wait_until(lambda: {CONFIG, STATE} <= set(home.retained))
    device.withdraw()
    home.wait_until(lambda: home.retained[CONFIG] == home.retained[STATE] == b"")
    newcomer = Home(broker.port)
    newcomer.wait_until(lambda: PRESENCE in newcomer.retained)
    assert CONFIG not in newcomer.retained
    newcomer.close()


def test_a_state_is_said_once_and_answers_do_not_flood() -> None:
    said: list[tuple[str, bytes]] = []
    now_s = [0.0]
    device = HomeAssistant(
        config.HomeAssistant(prefix="ha"), "a.b", "cam", profile="x", version="1", clock=lambda: now_s[0]
    )
    device.attach(lambda topic, payload: said.append((topic, payload)) is None)
    device.serving("pets@1", ["cat"])
    assert [topic for topic, _ in said] == [f"ha/device/{device._named.id}/config", "edgeferry/v1/a.b/cam/state"]
    for _ in range(10):
        device.answered(seen("cat"))
        device.answered(seen())
    assert len(said) == 2
    now_s[0] = 1.5
    device.answered(seen("cat"))
    device.answered(seen())
    assert len(said) == 3
    device.window(window())
    device.window(window())
    assert len(said) == 4


def test_every_kind_of_answer_has_labels_or_none() -> None:
    blank = {"source": "x", "frame": 0, "captured_at": "", "model": "", "digest": ""}
    first, second = (ClassScore(index=n, label=label, score=0.5) for n, label in enumerate(("cat", "dog")))
    assert labels_in(Result(**blank, classes=(first, second))) == {"cat": 1}
    segments = tuple(Segment(index=n, label=label, share=0.5) for n, label in enumerate(("road", "sky")))
    assert labels_in(Result(**blank, segments=segments)) == {"road": 1, "sky": 1}
    assert labels_in(Result(**blank, values=())) == {}
    assert labels_in(seen("cat", "cat")) == {"cat": 2}


def test_a_damaged_frame_changes_nothing() -> None:
    said: list[bytes] = []
    device = HomeAssistant(config.HomeAssistant(), "a", "b", profile="x", version="1")
    device.attach(lambda _topic, payload: said.append(payload) is None)
    error = FrameError(cause="damaged-frame", where="cam", fix="")
    device.answered(Result(source="x", frame=0, captured_at="", model="", digest="", error=error))
    assert said == []
