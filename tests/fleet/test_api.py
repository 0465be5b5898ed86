"""The REST API, the bundles, the metrics and the reference, over HTTP from a whole server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from contract.digest import digest_of, hex_of
from tests.broker import Broker
from tests.fleet.parcel import bundle_bytes
from tests.fleet.server_process import ServerProcess
from tests.fleet.simulated import SimulatedDevice

Served = tuple[ServerProcess, Broker]
BYTES = {"content-type": "application/octet-stream"}


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served[0].url) as client:
        yield client


def problem(answer: httpx.Response, status: int) -> dict[str, str]:
    assert answer.status_code == status, answer.text
    said: dict[str, str] = answer.json()
    assert set(said) == {"what", "where", "fix", "cause"}
    assert all(said.values())
    return said


def test_a_device_can_be_read_in_all_its_parts(served: Served, http: httpx.Client) -> None:
    device = SimulatedDevice(served[1].port, "api-1", site="gate")
    device.send([1, 2])
    device.acknowledged(2)
    listed = next(d for d in http.get("/api/devices").json()["devices"] if d["id"] == "api-1")
    assert (listed["online"], listed["site"], listed["telemetry"]["sequence"]) == (True, "gate", 2)
    detail = http.get("/api/devices/api-1").json()
    assert detail["telemetry"]["ledger"] == {
        "captured": 110,
        "inferred": 100,
        "gated": 0,
        "damaged": 2,
        "dropped": {"stale": 8},
    }
    series = http.get("/api/devices/api-1/telemetry", params={"minutes": 5}).json()
    assert [point["sequence"] for point in series["readings"]] == [1, 2]
    assert http.get("/api/stats").json()["messages"]["telemetry"] >= 2
    device.stop()


def test_health_says_that_the_broker_is_there(http: httpx.Client) -> None:
    assert http.get("/api/health").json()["ok"] is True


def test_every_refusal_has_one_shape(http: httpx.Client) -> None:
    assert problem(http.get("/api/devices/nobody"), 404)["cause"] == "not-found"
    assert problem(http.get("/api/rollouts/999999"), 404)["cause"] == "not-found"
    assert "minutes" in problem(http.get("/api/devices/x/telemetry?minutes=-1"), 422)["where"]
    assert "release" in problem(http.post("/api/rollouts", json={}), 422)["where"]
    assert "sparkle" in problem(http.post("/api/rollouts", json={"release": "a@1", "sparkle": 1}), 422)["where"]
    assert "no call POST" in problem(http.post("/api/devices"), 404)["what"]
    problem(http.post("/api/rollouts/999999/abort"), 404)


def test_a_bundle_is_uploaded_listed_and_served_in_pieces(http: httpx.Client) -> None:
    data = bundle_bytes("rpi5", version=40)
    assert http.post("/api/releases", content=data, headers=BYTES).status_code == 201
    again = http.post("/api/releases", content=data, headers=BYTES)
    assert (again.status_code, again.json()["new"]) == (200, False)
    url = f"/bundles/{hex_of(digest_of(data))}.bundle"
    assert url in http.get("/api/releases").text
    whole = http.get(url)
    assert whole.content == data
    assert whole.headers["etag"] == f'"{hex_of(digest_of(data))}"'
    rest = http.get(url, headers={"range": "bytes=100-", "if-range": whole.headers["etag"]})
    assert (rest.status_code, rest.content) == (206, data[100:])
    assert int(http.head(url).headers["content-length"]) == len(data)


def test_what_is_no_bundle_is_refused_with_its_reason(http: httpx.Client) -> None:
    assert problem(http.post("/api/releases", content=b"PK\3\4 nonsense", headers=BYTES), 422)["cause"] == "bundle"
    http.post("/api/releases", content=bundle_bytes("rpi5", version=41), headers=BYTES)
    other = bundle_bytes("rpi5", version=41, content=b"other")
    assert problem(http.post("/api/releases", content=other, headers=BYTES), 409)["cause"] == "conflict"


@pytest.mark.parametrize("name", ["0" * 64, "..%2f..%2fetc%2fpasswd", "x"])
def test_no_other_file_is_served(http: httpx.Client, name: str) -> None:
    assert http.get(f"/bundles/{name}.bundle").status_code == 404


def test_a_foreign_page_cannot_begin_a_rollout(http: httpx.Client) -> None:
    answer = http.post("/api/rollouts", json={"release": "digits@2"}, headers={"origin": "https://evil.example"})
    assert problem(answer, 403)["cause"] == "guard"


def test_metrics_name_no_device(served: Served, http: httpx.Client) -> None:
    device = SimulatedDevice(served[1].port, "api-metrics")
    device.send([1])
    device.acknowledged(1)
    text = http.get("/metrics").text
    assert re.search(r'^edgeferry_messages_stored_total\{kind="telemetry"\} [1-9]', text, re.MULTILINE)
    assert "edgeferry_broker_connected 1.0" in text
    assert re.search(r"^edgeferry_store_commit_duration_seconds_count [1-9]", text, re.MULTILINE)
    assert "api-metrics" not in text
    device.stop()


def test_every_field_of_every_answer_is_documented_or_speaks_for_itself(http: httpx.Client) -> None:
    schema = http.get("/openapi.json").json()
    assert all(call["description"] for methods in schema["paths"].values() for call in methods.values())
    reading = schema["components"]["schemas"]["Reading"]["properties"]
    assert reading["at"]["description"] == "End of the window, by the device's clock."


def test_the_reference_loads_nothing_from_elsewhere(http: httpx.Client) -> None:
    page = http.get("/docs").text
    assert "/api/devices/{device}" in page
    assert not re.findall(r"(?:src|href)=['\"]?(?:https?:)?//", page)
