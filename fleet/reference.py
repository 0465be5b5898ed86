"""/docs: the OpenAPI description as one plain page, because FastAPI's own loads its scripts from foreign servers."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

_STYLE = """
:root{color-scheme:light dark;font:15px/1.55 system-ui,sans-serif}body{max-width:56rem;margin:2rem auto;padding:0 1rem}
h2{margin:2.2rem 0 .3rem;font-size:1.05rem}code{font:13px ui-monospace,monospace}td{padding:.15rem 1rem .15rem 0;
vertical-align:top}table{border-collapse:collapse}b{font-weight:600}p{margin:.2rem 0 .5rem}.dim{opacity:.65}
"""


def add_reference(app: FastAPI) -> None:
    """Serve the page; it is made anew at each call, from what `/openapi.json` says."""

    @app.get("/docs", include_in_schema=False)
    def reference() -> HTMLResponse:
        return HTMLResponse(render(app.openapi()))


def render(schema: dict[str, Any]) -> str:
    """Endpoints first, then what they answer, field by field."""
    title = escape(schema["info"]["title"])
    calls = [
        f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(call.get('description', ''))}</p>"
        for path, methods in schema["paths"].items()
        for method, call in methods.items()
    ]
    shapes = [_shape(name, shape) for name, shape in schema["components"]["schemas"].items() if "properties" in shape]
    intro = (
        "<p class=dim>The same for machines: <a href='/openapi.json'>/openapi.json</a>. Times are UTC, RFC 3339.</p>"
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>{intro}{''.join(calls)}<hr>{''.join(shapes)}</html>"
    )


def _shape(name: str, shape: dict[str, Any]) -> str:
    rows = "".join(_field(field, kind) for field, kind in shape["properties"].items())
    return f"<h2>{escape(name)}</h2><p>{escape(shape.get('description', ''))}</p><table>{rows}</table>"


def _field(name: str, kind: dict[str, Any]) -> str:
    meaning = escape(kind.get("description", ""))
    return f"<tr><td><code>{escape(name)}</code><td class=dim>{escape(_kind(kind))}<td>{meaning}"


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    inner = schema.get("items") or schema.get("additionalProperties")
    kind = str(schema.get("type", "any"))
    return f"{kind} of {_kind(inner)}" if isinstance(inner, dict) else kind
