"""How a server may be reached, as a whole process: TLS, proxies, a network, and a client with a token."""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path

import httpx
import pytest

from contract.errors import ConfigError
from fleet.people.entrance import Entrance
from fleet.people.entrance_options import chosen_entrance
from tests.broker import Broker
from tests.conftest import edgeferry
from tests.fleet.certificate import self_signed
from tests.fleet.server_process import ServerProcess


def test_a_server_with_users_and_tls_takes_a_token_from_a_file(tmp_path: Path, broker: Broker) -> None:
    store = f"sqlite:///{tmp_path / 'fleet.db'}"
    password, token = tmp_path / "password", tmp_path / "token"
    password.write_text("correct horse battery")
    edgeferry("fleet", "user", "add", "anna", "--role", "admin", "--store", store, "--password-file", password)
    token.write_text(edgeferry("fleet", "token", "new", "ci", "--scope", "read", "--store", store).stdout)
    chain, key = self_signed(tmp_path)
    server = ServerProcess(
        tmp_path,
        broker.url,
        "--host",
        "0.0.0.0",
        "--tls-cert",
        str(chain),
        "--tls-key",
        str(key),
        "--behind-proxy",
        "127.0.0.1",
    )
    url = server.url.replace("0.0.0.0", "localhost")
    assert url.startswith("https://")
    with httpx.Client(base_url=url, verify=ssl.create_default_context(cafile=str(chain))) as client:
        assert client.get("/api/devices").status_code == 401
        assert client.get("/", headers={"accept": "text/html"}).headers["location"] == "/login"
        assert client.get("/", headers={"accept": "text/html"}).status_code == 303
        assert client.get("/_nicegui_ws/socket.io/?EIO=4&transport=polling").status_code == 401
        bearer = {"authorization": f"Bearer {token.read_text().strip()}"}
        assert client.get("/api/devices", headers=bearer).json()["devices"] == []
        handed_on = {**bearer, "x-forwarded-for": "6.6.6.6, 203.0.113.7"}
        assert client.post("/api/rollouts/1/abort", headers=handed_on).status_code == 403
        for _ in range(3):
            form = {"name": "anna", "password": "wrong password"}
            lie = {"x-forwarded-for": "203.0.113.8", "origin": url}
            assert client.post("/login", data=form, headers=lie).status_code == 401
    written = json.loads(edgeferry("fleet", "audit", "show", "--json", "--store", store).stdout)["entries"]
    assert [entry["address"] for entry in written[:4]] == ["203.0.113.8"] * 3 + ["203.0.113.7"]
    assert server.stop() == 0
    assert "Traceback" not in server.words.read_text()


def test_the_commands_send_a_token_from_a_file_or_the_environment(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = f"sqlite:///{tmp_path / 'fleet.db'}"
    token = tmp_path / "token"
    password = tmp_path / "password"
    password.write_text("correct horse battery")
    edgeferry("fleet", "user", "add", "anna", "--role", "admin", "--store", store, "--password-file", password)
    token.write_text(edgeferry("fleet", "token", "new", "ci", "--scope", "read", "--store", store).stdout)
    server = ServerProcess(tmp_path, broker.url)
    monkeypatch.delenv("EDGEFERRY_TOKEN", raising=False)
    without = edgeferry("fleet", "devices", "--server", server.url, check=False)
    assert without.returncode == 2
    assert "--token-file" in without.stderr
    assert "DEVICE" in edgeferry("fleet", "devices", "--server", server.url, "--token-file", token).stdout
    refused = edgeferry("fleet", "rollout", "abort", "1", "--server", server.url, "--token-file", token, check=False)
    assert "only a person with the role operator" in refused.stderr
    monkeypatch.setenv("EDGEFERRY_TOKEN", token.read_text().strip())
    assert "DEVICE" in edgeferry("fleet", "devices", "--server", server.url).stdout
    # By itself nobody's word counts on where a request comes from.
    request = urllib.request.Request(f"{server.url}/api/rollouts/1/abort", method="POST")
    request.add_header("X-Forwarded-For", "203.0.113.7")
    request.add_header("Authorization", f"Bearer {token.read_text().strip()}")
    with pytest.raises(urllib.error.HTTPError, match="403") as found:
        urllib.request.urlopen(request, timeout=10)
    found.value.close()
    newest = json.loads(edgeferry("fleet", "audit", "show", "--json", "--store", store).stdout)["entries"][0]
    assert (newest["who"], newest["address"], newest["outcome"]) == ("shell/ci", "127.0.0.1", "403")
    assert server.stop() == 0


def test_a_certificate_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    chain, _ = self_signed(tmp_path)
    with pytest.raises(ConfigError, match="belong together"):
        Entrance(tls_cert=chain).check_files()
    with pytest.raises(ConfigError, match="cannot be used for TLS"):
        Entrance(tls_cert=chain, tls_key=chain).check_files()


def test_a_proxy_is_an_address_or_a_network() -> None:
    given = {"tls_cert": None, "tls_key": None, "insecure_no_login": False}
    assert chosen_entrance({**given, "behind_proxy": ("10.0.0.0/24", "::1")}).proxies == ("10.0.0.0/24", "::1")
    for wrong in ("*", "proxy.example", "10.0.0.0/99", ""):
        with pytest.raises(ConfigError, match="is no address"):
            chosen_entrance({**given, "behind_proxy": (wrong,)})
