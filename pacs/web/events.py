"""The channel on which subscribers are told of workitems: a WebSocket (PS3.18 8.10).

What has been sent counts as told once its reader must have it: he has closed in good order, or he has answered a ping
that was sent after it. Until then it is kept, and told again to who opens the channel anew: at least once, in order.
Several readers of one AE title share its events, so each of them should have an AE title of its own.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

import structlog
from anyio import CapacityLimiter, WouldBlock
from anyio.to_thread import run_sync
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from pacs.context import Pacs
from pacs.errors import OutOfResources, PacsError
from pacs.web.auth import actor_of, pacs_of
from pacs.web.problem import problem, status_of
from pacs.workflow import subscriptions

log = structlog.get_logger(__name__)

AT_ONCE = 200
"""Channels that one process keeps open."""
LOOK_EVERY_S = 0.5
"""How often is looked for what other processes have written down."""
PING_EVERY_S = PONG_WITHIN_S = 5.0
"""The server's own pings: who does not answer is cut off."""
TOLD_AFTER_S = PING_EVERY_S + 2 * PONG_WITHIN_S
"""A ping that was sent before may be answered, then one is sent after: by then it has been answered too."""
ASK_AGAIN_EVERY_S = 60.0
"""How often is asked whether he who listens still may. An open channel is a use of its session."""
ORDERLY = frozenset((1000, 1001))
"""Close codes of who leaves because he is done (RFC 6455 7.4.1)."""
NO_LONGER_ALLOWED, TRY_AGAIN_LATER = 1008, 1013

router = APIRouter(prefix="/dicom-web", tags=["UPS-RS"])


@dataclass(slots=True)
class _Channel:
    pacs: Pacs
    ae_title: str
    sent: int = 0
    """The key of the last event that was sent."""
    unsure: deque[tuple[float, int]] = field(default_factory=deque)
    """When up to which event was sent, where it may not have reached him yet."""

    def told(self) -> int:
        """The key of the last event that must have reached him since it was asked last; 0: none more."""
        told = 0
        while self.unsure and self.unsure[0][0] < time.monotonic() - TOLD_AFTER_S:
            _, told = self.unsure.popleft()
        return told


@router.websocket("/subscribers/{ae_title}")
async def open_channel(websocket: WebSocket, ae_title: str) -> None:
    """Tell an AE, as it happens, of the workitems to which it is subscribed."""
    limiter: CapacityLimiter = websocket.app.state.listening
    try:
        ae_title = await run_sync(_admitted, websocket, ae_title)
        limiter.acquire_on_behalf_of_nowait(websocket)
    except PacsError as error:
        await websocket.send_denial_response(problem(status_of(error), str(error)))
        return
    except WouldBlock:
        full = OutOfResources("too many listen already")
        await websocket.send_denial_response(problem(status_of(full), str(full)))
        return
    try:
        await websocket.accept()
        await _serve(websocket, _Channel(pacs_of(websocket), ae_title))
    finally:
        limiter.release_on_behalf_of(websocket)


def _admitted(websocket: WebSocket, ae_title: str) -> str:
    """The AE title, when who opens the channel may hear what it is told. Raises NotAuthenticated, NotAllowed."""
    return subscriptions.listen(actor_of(websocket), ae_title)


async def _serve(websocket: WebSocket, channel: _Channel) -> None:
    gone = asyncio.create_task(_until_gone(websocket))
    try:
        await _tell_until(gone, websocket, channel)
    except WebSocketDisconnect:
        pass  # while it was being sent to
    except PacsError as error:
        log.warning("a channel was closed", ae_title=channel.ae_title, error=type(error).__name__)
        await websocket.close(TRY_AGAIN_LATER if isinstance(error, OutOfResources) else NO_LONGER_ALLOWED)
    finally:
        gone.cancel()
    if gone.done() and not gone.cancelled() and gone.result() in ORDERLY and channel.unsure:
        await run_sync(subscriptions.note_told, channel.pacs, channel.ae_title, channel.sent)


async def _tell_until(gone: asyncio.Task[int], websocket: WebSocket, channel: _Channel) -> None:
    ask_again_at = time.monotonic() + ASK_AGAIN_EVERY_S
    while not gone.done():
        events = await run_sync(subscriptions.pending, channel.pacs, channel.ae_title, channel.sent)
        for event in events:
            await websocket.send_text(event.report)
            channel.sent = event.pk
        if events:
            channel.unsure.append((time.monotonic(), channel.sent))
        if told := channel.told():
            await run_sync(subscriptions.note_told, channel.pacs, channel.ae_title, told)
        if time.monotonic() > ask_again_at:
            await run_sync(_admitted, websocket, channel.ae_title)
            ask_again_at = time.monotonic() + ASK_AGAIN_EVERY_S
        if not events:
            await asyncio.wait([gone], timeout=LOOK_EVERY_S)


async def _until_gone(websocket: WebSocket) -> int:
    """The code with which he closed it. What he says besides is passed over."""
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        pass
    return int(message.get("code") or 1005)
