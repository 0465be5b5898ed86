"""The REST API under /api and the metrics, `fleet/files.py` beside them: thin doors to the functions behind.

Handlers that touch the store are plain functions, so that FastAPI runs them on its threads. Every refusal has one
shape, `Problem`, whether it is ours, FastAPI's or Starlette's.
"""

from __future__ import annotations

import time
from importlib import metadata
from typing import IO, Annotated

from fastapi import APIRouter, FastAPI, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException as StarletteHTTPException

from contract.bundle import LIMIT_BYTES
from contract.errors import BundleError, ConfigError, FerryError, LinkError, UpdateError
from fleet import answers, readings, releases, rollouts
from fleet.alerts.api import add_alerts
from fleet.api_trust import add_trust
from fleet.ecosystem import aggregates
from fleet.files import add_files
from fleet.identity.api import add_enrolment, add_identity
from fleet.keeping.api import Name, Offset, add_keeping
from fleet.keeping.lists import Sort, devices_json
from fleet.metrics import exposition
from fleet.parts import Parts
from fleet.people.api import add_people
from fleet.pictures.api import add_pictures
from fleet.refusals import ConflictError, NotAdmittedError, NotFoundError
from fleet.rolling.api import add_rolling

STATUS: tuple[tuple[type[FerryError], int], ...] = (
    (NotFoundError, 404),
    (ConflictError, 409),
    (NotAdmittedError, 403),
    (ConfigError, 400),
    (BundleError, 422),
    (UpdateError, 422),
    (LinkError, 503),
)
"""The first that fits; anything else is 500."""
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_BUNDLE_BODY = {
    "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"format": "binary"}}}}
}


def build_api(parts: Parts) -> FastAPI:
    """The application without its page. Interactive docs need foreign servers, so `fleet/reference.py` has its own."""
    app = FastAPI(
        title=f"edgeferry fleet {parts.fleet}",
        version=metadata.version("edgeferry"),
        docs_url=None,
        redoc_url=None,
    )
    problem = {"model": answers.Problem, "description": "Refused: what, where, and what to do."}
    api = APIRouter(prefix="/api", responses={"4XX": problem})
    _add_devices(api, parts)
    _add_releases(api, parts)
    _add_rollouts(api, parts)
    add_rolling(api, parts)
    add_trust(api, parts)
    add_people(api, parts)
    add_keeping(api, parts)
    add_identity(api, parts)
    add_alerts(api, parts)
    add_pictures(api, parts)
    app.include_router(api)
    add_files(app, parts)
    add_enrolment(app, parts)
    _add_metrics(app, parts)
    _close_the_rest(app)
    _answer_problems(app)
    return app


def _add_devices(api: APIRouter, parts: Parts) -> None:
    @api.get("/health")
    def health() -> answers.Health:
        """Whether the broker is connected, and what waits for the store."""
        return parts.health()

    @api.get("/stats")
    def stats() -> answers.Stats:
        """Counts over the whole store."""
        with parts.store.reading() as connection:
            return readings.statistics(connection)

    @api.get("/devices", response_model=answers.Devices)
    def devices(
        offset: Offset = 0,
        limit: Annotated[int, Query(ge=1, le=5000)] | None = None,
        search: Name = "",
        sort: Sort = "id",
    ) -> Response:
        """Every device with its newest reading, by name; or a page of those `search` finds in what names them."""
        with parts.store.reading() as connection:
            body = devices_json(connection, offset=offset, limit=limit, search=search, sort=sort)
        return Response(body, media_type="application/json")

    @api.get("/devices/{device}")
    def device(device: str) -> answers.DeviceDetail:
        """One device: its newest reading, what is wanted of it, and how its updates went."""
        with parts.store.reading() as connection:
            return readings.device_detail(connection, device)

    @api.get("/devices/{device}/telemetry")
    def telemetry(device: str, minutes: Annotated[float, Query(gt=0, le=60 * 24 * 31)] = 15.0) -> answers.Telemetry:
        """Readings of one device over the last minutes, oldest first."""
        with parts.store.reading() as connection:
            return readings.telemetry(connection, device, minutes=minutes, now_s=time.time())


def _add_releases(api: APIRouter, parts: Parts) -> None:
    @api.get("/releases")
    def list_releases() -> answers.Releases:
        """Every release with its bundles, newest first."""
        with parts.store.reading() as connection:
            return answers.Releases(releases=releases.list_releases(connection))

    @api.post("/releases", status_code=201, openapi_extra=_BUNDLE_BODY)
    async def upload(request: Request, response: Response) -> answers.Uploaded:
        """Add one bundle: the body is the file itself. 201 for a new one, 200 for the very bundle again."""
        with parts.repository.incoming() as (file, path):
            await _receive(request, file)
            added = await run_in_threadpool(parts.repository.adopt, path, where="upload")
        response.status_code = 201 if added.new else 200
        with parts.store.reading() as connection:
            return releases.uploaded(connection, added.digest, new=added.new)

    @api.post("/deltas", status_code=201, openapi_extra=_BUNDLE_BODY)
    async def upload_delta(request: Request, response: Response) -> answers.UploadedDelta:
        """Add one delta to a released bundle: the body is the file itself. 201 for a new one, 200 for it again."""
        with parts.repository.incoming() as (file, path):
            await _receive(request, file)
            added = await run_in_threadpool(parts.repository.adopt_delta, path, where="upload")
        response.status_code = 201 if added.new else 200
        with parts.store.reading() as connection:
            return releases.uploaded_delta(connection, added.digest, new=added.new)


async def _receive(request: Request, file: IO[bytes]) -> None:
    """The body into `file`, all of it or BundleError."""
    async for chunk in request.stream():
        if file.tell() + len(chunk) > LIMIT_BYTES:
            raise BundleError("it is too large for a bundle", where="upload", fix="Upload a .bundle file.")
        file.write(chunk)
    file.flush()


def _add_rollouts(api: APIRouter, parts: Parts) -> None:
    @api.get("/rollouts")
    def list_rollouts() -> answers.Rollouts:
        """All rollouts, newest first, without their devices."""
        with parts.store.reading() as connection:
            return answers.Rollouts(rollouts=rollouts.list_rollouts(connection))


def _add_metrics(app: FastAPI, parts: Parts) -> None:
    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        with parts.store.reading() as connection:
            stats, found = readings.statistics(connection), aggregates.read(connection)
        body, media_type = exposition(stats, parts.health(), found, parts.collector.commits)
        return Response(body, media_type=media_type)


def _close_the_rest(app: FastAPI) -> None:
    """Whatever else is asked here is a mistake, and not a page's matter."""

    @app.api_route("/api/{rest:path}", methods=[*_METHODS], include_in_schema=False)
    @app.api_route("/bundles/{rest:path}", methods=[*_METHODS], include_in_schema=False)
    @app.api_route("/metadata/{rest:path}", methods=[*_METHODS], include_in_schema=False)
    def nothing(request: Request, rest: str) -> None:
        raise NotFoundError(f"no call {request.method} {request.url.path}", where=rest or "/", fix="See /docs.")


def _answer_problems(app: FastAPI) -> None:
    @app.exception_handler(FerryError)
    async def ours(_request: Request, error: FerryError) -> JSONResponse:
        status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
        return _problem(status, error.what, error.where, error.fix, error.cause)

    @app.exception_handler(OperationalError)
    async def store_away(_request: Request, error: OperationalError) -> JSONResponse:
        return _problem(503, f"the store does not answer: {error.orig}", "store", "Try again shortly.", "store")

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _problem(422, str(first["msg"]), f"{request.url.path} {where}", "See /docs.", "config")

    @app.exception_handler(StarletteHTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        return _problem(error.status_code, str(error.detail), request.url.path, "See /docs.", "http")


def _problem(status: int, what: str, where: str, fix: str, cause: str) -> JSONResponse:
    problem = answers.Problem(what=what, where=where, fix=fix, cause=cause)
    # A device asks for the next root until there is none: that answer must not outlive the asking.
    return JSONResponse(problem.model_dump(), status_code=status, headers={"cache-control": "no-store"})
