"""The API against its own description: requests that fit it and requests that do not, made by Schemathesis.

No answer may be a failure of the server, and each must be one the description knows. `EDGEFERRY_EXAMPLES` makes more
of them for each call; the same ones every time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from fleet.store import open_store
from fleet.tables import TOKENS
from tests.broker import MOSQUITTO, Broker
from tests.conftest import edgeferry
from tests.fleet.parcel import bundle_bytes
from tests.fleet.server_process import ServerProcess
from tests.fleet.simulated import FLEET, SimulatedDevice

EXAMPLES = int(os.environ.get("EDGEFERRY_EXAMPLES", "12"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
TOKEN_ID = 1_234_567_891
"""Not one that is tried, or the token would be revoked."""


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """A server with a device, a release and a user; its address, and the header of an admin."""
    if not shutil.which(MOSQUITTO):
        pytest.skip("mosquitto is not installed")
    folder = tmp_path_factory.mktemp("described")
    store, password = f"sqlite:///{folder / 'fleet.db'}", folder / "password"
    password.write_text("correct horse battery")
    edgeferry("fleet", "user", "add", "root", "--role", "admin", "--store", store, "--password-file", password)
    token = edgeferry("fleet", "token", "new", "fuzz", "--scope", "admin", "--store", store).stdout.strip()
    opened = open_store(store, fleet=FLEET)
    with opened.writing() as connection:
        connection.execute(sa.update(TOKENS).values(id=TOKEN_ID))
    opened.close()
    broker = Broker(folder)
    broker.start()
    server, device = ServerProcess(folder, broker.url), SimulatedDevice(broker.port, "cam-1")
    device.send([1, 2])
    device.acknowledged(2)
    headers = {"authorization": f"Bearer {token}"}
    bytes_of = {"content-type": "application/octet-stream"}
    httpx.post(f"{server.url}/api/releases", content=bundle_bytes("rpi4", version=1), headers=headers | bytes_of)
    yield server.url, headers
    device.stop()
    code = server.stop()
    broker.stop()
    assert code == 0
    assert "Traceback" not in server.words.read_text()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
def test_no_request_makes_the_server_fail(admin: tuple[str, dict[str, str]], mode: GenerationMode) -> None:
    url, headers = admin
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=headers)
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        strategy = operation.as_strategy(generation_mode=mode)

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def try_it(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS)

        try:
            try_it()
        except Unsatisfiable:
            continue  # a call without parameters has nothing that does not fit
        tried += 1
    assert tried >= 10
