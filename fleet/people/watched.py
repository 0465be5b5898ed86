"""Keeps judging an open socket while it is used: whoever has logged out neither hears nor says anything more by it."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Send

RECHECK_S = 2.0
_CLOSE: Message = {"type": "websocket.close", "code": 1008}


def watched(receive: Receive, send: Send, still: Callable[[], bool]) -> tuple[Receive, Send]:
    """The same two, closed once `still` says no; it is asked at most every two seconds, on a thread."""
    asked_s, closed = time.monotonic(), False

    async def ended() -> bool:
        nonlocal asked_s, closed
        if not closed and time.monotonic() - asked_s >= RECHECK_S:
            asked_s = time.monotonic()
            if not await run_in_threadpool(still) and not closed:
                closed = True
                await send(_CLOSE)
        return closed

    async def watched_receive() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive" and await ended():
            return {"type": "websocket.disconnect", "code": 1008}
        return message

    async def watched_send(message: Message) -> None:
        nonlocal closed
        if message["type"] == "websocket.send" and await ended():
            return
        if message["type"] == "websocket.close":
            if closed:
                return
            closed = True
        await send(message)

    return watched_receive, watched_send
