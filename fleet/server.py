"""Puts a fleet server together, in the order in which each part needs the one before, and takes it apart again.

`serve` is everything in one process; `collect` is the link, the collector and the store alone, of which any number
may write into one PostgreSQL. Several `serve` on one store answer alike, and one of them moves the rollouts. Both
return when SIGTERM or SIGINT says so.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from contract.device import Broker
from contract.dsse import Verifier
from contract.errors import ConfigError
from contract.topics import FROM_DEVICE, Kind, checked_name
from devices.keys import Signer
from fleet.alerts.running import watching
from fleet.alerts.settings import AlertSettings
from fleet.collector import Collector
from fleet.commanding import Commands
from fleet.conductor import Conductor
from fleet.keeping.keeper import Keeper
from fleet.keeping.terms import Terms as Keeping
from fleet.lease import Lease
from fleet.link import Link
from fleet.parts import Parts
from fleet.people.entrance import Entrance
from fleet.repository import Repository
from fleet.store import Store, open_store

if TYPE_CHECKING:
    from fastapi import FastAPI

    from fleet.alerts.sender import Sender
    from fleet.identity.registrar import Registrar, Terms
    from fleet.trust.notary import Notary

LOG = logging.getLogger(__name__)
_ANSWERS: tuple[Kind, ...] = ("reply",)
"""What a server that does not collect hears: what devices answer to its own questions."""
_GRACE_S = 3
"""Open pages hold their sockets; after this long they are cut."""


@dataclass(frozen=True)
class Settings:
    """Everything `serve` is told."""

    fleet: str
    broker: Broker
    store: str
    repository: Path
    signer: Signer
    trusted: Mapping[str, Verifier] | None
    host: str
    port: int
    """0 takes a free one."""
    public_url: str | None
    """Where devices find this server; None means where it listens."""
    collects: bool = True
    """Whether this process stores what devices say; without, `collect` does it elsewhere."""
    share: bool = True
    """Whether it shares what it hears with other collectors, where the broker can."""
    metadata: Path | None = None
    """The folder of `trust init`; None takes `metadata` in the repository, if that is there."""
    entrance: Entrance = field(default_factory=Entrance)
    identity: Terms | None = None
    """What devices are certified on; None where this server has no authority."""

    alerts: AlertSettings = field(default_factory=AlertSettings)

    keeping: Keeping = field(default_factory=Keeping)
    """How long what is kept in the store."""

    map_tiles: str = ""
    """Address of map pictures for the page, with {z}, {x} and {y}; empty for none."""

    @property
    def metadata_folder(self) -> Path | None:
        """The folder to use; None where this server keeps no metadata."""
        beside = self.repository / "metadata"
        return self.metadata or (beside if beside.is_dir() else None)


def serve(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Run everything until told to stop; `on_ready` gets the address once it is being listened to."""
    if settings.public_url is not None:
        _check_public_url(settings.public_url)
    settings.entrance.check_files()
    with _listening(settings.host, settings.port) as listener:
        port = listener.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"{settings.entrance.scheme}://{host}:{port}"
        with _running(settings, settings.public_url or url) as parts:
            settings.entrance.check(parts.store, settings.host)
            app = _application(parts, settings, settings.public_url or url)
            _serve_http(app, listener, settings.entrance, lambda: on_ready(url))


def collect(fleet: str, broker: Broker, store_url: str, on_ready: Callable[[], None], *, share: bool = True) -> None:
    """Run the collector alone until told to stop."""
    stop = threading.Event()
    with _collecting(fleet, broker, store_url, share) as (_, link, _):
        link.listen()
        on_ready()
        with _until_signal(stop.set):
            stop.wait()


@contextlib.contextmanager
def _running(settings: Settings, public_url: str) -> Iterator[Parts]:
    """Everything a server is made of, at work; closed in the opposite order."""
    with contextlib.ExitStack() as running:
        store, link, collector = running.enter_context(
            _collecting(
                settings.fleet,
                settings.broker,
                settings.store,
                settings.share and settings.collects,
                FROM_DEVICE if settings.collects else _ANSWERS,
            )
        )
        repository = Repository(settings.repository, store, settings.trusted)
        notary = _notary(settings, repository)
        conductor = Conductor(settings.fleet, store, settings.signer, link.publish, public_url, notary)
        collector.on_commit, link.on_connected = conductor.wake, conductor.tell_again
        lease = Lease(store.lock(), conductor.tell_again)
        conductor.leads = lambda: lease.ours
        commands = Commands(settings.fleet, link.publish)
        collector.on_reply = commands.heard
        link.listen()
        _put_to_work(running, lease, conductor, Keeper(store, settings.keeping, conductor.leads))
        if notary is not None:
            _put_to_work(running, notary)
        yield Parts(
            fleet=settings.fleet,
            store=store,
            repository=repository,
            link=link,
            collector=collector,
            conductor=conductor,
            commands=commands,
            notary=notary,
            metadata_url=conductor.metadata_url,
            registrar=_registrar(settings, store),
            alerts=running.enter_context(_watching(settings, store, link, notary, public_url)),
            map_tiles=settings.map_tiles,
        )


class _Worker(Protocol):
    """A part with a thread of its own."""

    def start(self) -> None: ...

    def close(self) -> None: ...


def _put_to_work(running: contextlib.ExitStack, *workers: _Worker) -> None:
    for worker in workers:
        worker.start()
        running.callback(worker.close)


def _watching(
    settings: Settings, store: Store, link: Link, notary: Notary | None, url: str
) -> contextlib.AbstractContextManager[Sender]:
    """Whoever looks for what is wrong, and whoever tells people of it."""
    return watching(
        settings.fleet,
        store,
        settings.alerts,
        connected=lambda: link.connected,
        expiries_s=lambda: notary.published.expiries_s() if notary else {},
        url=url,
    )


def _notary(settings: Settings, repository: Repository) -> Notary | None:
    """Whoever keeps the metadata, where there is any; only then TUF is loaded."""
    if settings.metadata_folder is None:
        return None
    from fleet.trust.folder import MetadataFolder
    from fleet.trust.notary import Notary

    return Notary(MetadataFolder(settings.metadata_folder), settings.signer, repository.size_of)


def _registrar(settings: Settings, store: Store) -> Registrar | None:
    """Whoever certifies devices, where there is an authority; only then X.509 is loaded."""
    if settings.identity is None:
        return None
    from fleet.identity.registrar import Registrar
    from fleet.trust.folder import MetadataFolder

    folder = None if settings.metadata_folder is None else MetadataFolder(settings.metadata_folder)

    def newest_root() -> str:
        found = None if folder is None else folder.read(f"{folder.newest('root')}.root.json")
        return "" if found is None else found.decode()

    return Registrar(settings.fleet, store, settings.identity, root=newest_root)


@contextlib.contextmanager
def _collecting(
    fleet: str, broker: Broker, store_url: str, share: bool, kinds: Sequence[Kind] = FROM_DEVICE
) -> Iterator[tuple[Store, Link, Collector]]:
    """A collector at work between a store and a link that does not listen yet; at the end what has come is committed.

    The broker comes first: without one, no new store is left behind, claimed by a fleet that was perhaps misspelled.
    """
    link = Link(
        broker, checked_name(fleet, what="fleet"), lambda *said: collector.offer(*said), share=share, kinds=kinds
    )
    link.open()
    with contextlib.closing(link), contextlib.closing(open_store(store_url, fleet=fleet)) as store:
        collector = Collector(fleet, store, link.publish)
        collector.start()
        try:
            yield store, link, collector
        finally:
            collector.close()


def _application(parts: Parts, settings: Settings, public_url: str) -> FastAPI:
    """API, reference and page behind the door and the guard."""
    from fleet.api import build_api
    from fleet.page import add_page
    from fleet.people.setup import add_door
    from fleet.reference import add_reference

    app = build_api(parts)
    add_reference(app)
    add_door(app, parts.store, settings.entrance, host=settings.host, public_url=public_url)
    add_page(app, parts)
    return app


def _serve_http(app: FastAPI, listener: socket.socket, entrance: Entrance, on_ready: Callable[[], None]) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        """Says when it listens."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_ready()

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        **entrance.for_uvicorn(),
    )
    # uvicorn raises the signal again when it has stopped, which must not end the process before the rest is closed.
    with _until_signal(lambda: None):
        Server(config).run(sockets=[listener])


def _check_public_url(url: str) -> None:
    """Devices fetch bundles from there: a slip would show only when the first rollout fails."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{url!r} is not an address", where="--public-url", fix="Write http://HOST[:PORT].")


def _listening(host: str, port: int) -> socket.socket:
    """A bound socket; ConfigError where somebody else has the port."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as problem:
        raise ConfigError(
            f"cannot listen: {problem.strerror or problem}",
            where=f"{host}:{port}",
            fix="Choose another --port or --host.",
        ) from problem


@contextlib.contextmanager
def _until_signal(stop: Callable[[], None]) -> Iterator[None]:
    """While the block runs, SIGTERM and SIGINT call `stop`."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
