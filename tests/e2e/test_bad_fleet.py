"""The fleet's commands and the demo, given a world that is not as they need it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.keys import make_key
from tests.broker import MOSQUITTO, Broker, free_port
from tests.conftest import edgeferry
from tests.e2e.refusal import contents, refused
from tests.fleet.parcel import write_bundle
from tests.fleet.server_process import ServerProcess

SERVE = ("fleet", "serve", "--fleet", "barn", "--port", "0")


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker for the whole file."""
    if not shutil.which(MOSQUITTO):
        pytest.skip("mosquitto is not installed")
    broker = Broker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def server(working: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that believes one publisher, whose key is `mine.key` beside its store, and holds one release of another.

    The release came before the server was told whom to trust.
    """
    folder = tmp_path_factory.mktemp("server")
    make_key(folder / "mine.key")
    open_to_all = ServerProcess(folder, working.url)
    edgeferry("fleet", "release", write_bundle(folder), "--server", open_to_all.url)
    assert open_to_all.stop() == 0
    running = ServerProcess(folder, working.url, "--trust", str(folder / "mine.key.pub"))
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.words.read_text()


@pytest.mark.parametrize("command", ["serve", "collect"])
def test_a_broker_that_is_not_there_leaves_no_store(command: str, tmp_path: Path) -> None:
    nowhere = f"mqtt://127.0.0.1:{free_port()}"
    refused(tmp_path, "fleet", command, "--fleet", "bran", "--broker", nowhere, naming=f"where: {nowhere}")


@pytest.mark.parametrize(
    ("options", "naming"),
    [
        (("--broker", "barn"), "'barn'"),
        (("--broker", "mqtt://user:secret@barn"), "--broker"),
        (("--fleet", "a/b"), "a/b"),
        (("--key", "junk"), "where: junk"),
        (("--key", "nothing"), "nothing"),
        (("--trust", "junk"), "where: junk"),
        (("--host", "no.such.invalid"), "no.such.invalid"),
        (("--port", "x"), "--port"),
        (("--public-url", "barn:8080"), "--public-url"),
        (("--repository", "junk"), "junk"),
    ],
)
def test_options_of_the_server_that_cannot_be(options: tuple[str, ...], naming: str, tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk")
    refused(tmp_path, *SERVE, *options, naming=naming)


def test_a_port_that_is_taken(working: Broker, tmp_path: Path) -> None:
    taken = str(working.port)
    refused(tmp_path, *SERVE, "--broker", working.url, "--port", taken, naming=f"where: 127.0.0.1:{taken}")


@pytest.mark.parametrize(
    ("store", "naming"),
    [
        ("bogus://store", "bogus"),
        ("", "--store"),
        ("sqlite://", "--store"),
        ("sqlite:///none/fleet.db", "none/fleet.db"),
        ("sqlite:///corrupt.db", "corrupt.db"),
        ("postgresql+psycopg://user:secret@127.0.0.1:9/fleet", "user:***@127.0.0.1:9"),
    ],
)
def test_stores_that_cannot_be_opened(store: str, naming: str, working: Broker, tmp_path: Path) -> None:
    (tmp_path / "corrupt.db").write_bytes(b"no database" * 500)
    words = refused(tmp_path, *SERVE, "--broker", working.url, "--store", store, naming=naming)
    assert "secret" not in words


@pytest.mark.parametrize("name", ["archives/archive.zip", "archives/traverse.tar", "models/no_subgraphs.tflite"])
def test_junk_is_not_released(name: str, server: ServerProcess, shared_data: Path, tmp_path: Path) -> None:
    before = contents(server.words.parent / "repository")
    file = shared_data / "corrupt" / name
    refused(tmp_path, "fleet", "release", file, "--server", server.url, naming=f"where: {file}")
    assert contents(server.words.parent / "repository") == before


def test_a_bundle_by_a_stranger_is_not_released(server: ServerProcess, tmp_path: Path) -> None:
    before = contents(server.words.parent / "repository")
    bundle = write_bundle(tmp_path, version=3)
    words = refused(tmp_path, "fleet", "release", bundle, "--json", "--server", server.url, naming=str(bundle))
    assert "whom nobody here trusts" in words
    assert contents(server.words.parent / "repository") == before


@pytest.mark.parametrize(
    ("arguments", "naming"),
    [
        (("digits@9",), "digits@9"),
        (("digits",), "'digits'"),
        (("@2",), "'@2'"),
        (("digits@x",), "'digits@x'"),
        (("digits@2", "--phases", ""), "phase"),
        (("digits@2", "--phases", "x,all"), "'x'"),
        (("digits@2", "--phases", "0,all"), "'0'"),
        (("digits@2", "--phases", "200%,all"), "200%"),
        (("digits@2", "--phases", "5,1"), "phase"),
        (("digits@2", "--to", "nobody"), "nobody"),
        (("digits@2", "--health-frames", "9" * 30), "health"),
        (("digits@2", "--health-seconds", "inf"), "health_s"),
        (("digits@2", "--max-latency-ms", "nan"), "max_latency"),
        (("digits@2", "--deadline-minutes", "inf"), "deadline"),
        (("digits@2", "--min-confidence", "2"), "--min-confidence"),
    ],
)
def test_orders_that_make_no_rollout(
    arguments: tuple[str, ...], naming: str, server: ServerProcess, tmp_path: Path
) -> None:
    refused(tmp_path, "fleet", "rollout", "create", *arguments, "--server", server.url, naming=naming)
    assert server.get("/api/rollouts") == {"rollouts": []}


@pytest.mark.parametrize("verb", ["show", "abort"])
@pytest.mark.parametrize("number", ["77", "0", "9" * 25, "x"])
def test_rollouts_nobody_knows(verb: str, number: str, server: ServerProcess, tmp_path: Path) -> None:
    refused(
        tmp_path, "fleet", "rollout", verb, number, "--server", server.url, naming="ollout" if number != "x" else "'x'"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("devices",),
        ("release", "b.bundle"),
        ("rollout", "list"),
        ("rollout", "create", "digits@2"),
        ("rollout", "show", "1"),
    ],
)
def test_no_server_to_ask(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "b.bundle").write_bytes(b"whatever")
    nowhere = f"http://127.0.0.1:{free_port()}"
    refused(tmp_path, "fleet", *arguments, "--server", nowhere, naming=f"where: {nowhere}")


@pytest.mark.parametrize("address", ["barn", "http://", "http://barn:port", "http://[::1", "http://a b", "http://bärn"])
def test_what_is_no_address_of_a_server(address: str, tmp_path: Path) -> None:
    refused(tmp_path, "fleet", "devices", "--server", address, naming=f"'{address}'")


@pytest.mark.parametrize("bundle", ["nothing.bundle", "."])
def test_no_bundle_to_release(bundle: str, tmp_path: Path) -> None:
    refused(tmp_path, "fleet", "release", bundle, "--server", "http://127.0.0.1:9", naming=f"where: {bundle}")


def test_a_server_of_something_else(working: Broker, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{working.port}"
    refused(tmp_path, "fleet", "devices", "--server", address, naming=address)


@pytest.mark.parametrize("work", ["used", "used/file"])
def test_the_demo_wants_an_empty_folder(work: str, tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used/file").write_text("mine")
    refused(tmp_path, "demo", "--exit", "--work", work, naming=work)


def test_the_demo_asks_for_its_port_before_it_trains(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused(tmp_path, "demo", "--exit", "--work", "new", "--port", port, naming=port)
