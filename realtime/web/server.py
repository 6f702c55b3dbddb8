"""The HTTP server of ``--serve``: the page, the offer that starts a stream, pictures on request."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response

from engines.errors import UsageError
from engines.machine import cpu_threads
from realtime.controls.desk import Desk
from realtime.live.sources.browser import BrowserSource
from realtime.media.reading.style_pictures import read_uploaded
from realtime.media.writing.picture_file import encode_picture
from realtime.web.connections import Connections, TooManyConnections, use_addresses
from realtime.web.guard import Guard, is_loopback
from realtime.web.patience import ImpatientProtocol, allow_many_files
from realtime.web.stream import WebStream

MAX_OFFER_BYTES = 64 * 1024
MAX_PICTURE_BYTES = 16 * 2**20
_LONGEST_TITLE = 60
# Told what reads a picture and what it is called; False: not now.
Bring = Callable[[Callable[[], np.ndarray], str], bool]
_PAGE = Path(__file__).parent
_FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    # Without a token a page of others could show ours as its pictures.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_START_S = 10.0
_END_S = 2.0


class WebServer:
    """Serves on a thread of its own, from the constructor on until ``close``.

    Raises UsageError if the address cannot be had.
    """

    def __init__(
        self,
        guard: Guard,
        stream: WebStream,
        desk: Desk,
        status: Callable[[], dict[str, Any]],
        browser: BrowserSource | None,
        bring: Bring,
    ) -> None:
        self._socket = _listen(guard.host, guard.port)
        self.guard = replace(guard, port=self._socket.getsockname()[1])
        if is_loopback(guard.host):
            use_addresses(["127.0.0.1"])
        elif guard.host not in ("0.0.0.0", "::"):
            use_addresses([guard.host])
        self.connections = Connections(
            stream, desk, status, browser, all_controls=guard.all_controls
        )
        app = build_app(self.guard, self.connections, stream, bring)
        allow_many_files()
        config = uvicorn.Config(
            app,
            http=ImpatientProtocol,
            ws="none",
            log_level="error",
            lifespan="off",
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        gc.collect()
        # All that is here stays: looking for the garbage of connections then takes a millisecond.
        gc.freeze()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="web", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End all connections and the server, waiting at most two seconds."""
        self._server.should_exit = True
        self._thread.join(_END_S)

    async def _serve(self) -> None:
        # aiortc encodes in the loop's executor: no more at a time than there are cores.
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(cpu_threads(), "web encoder")
        )
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.connections.close(), _END_S)


def build_app(guard: Guard, connections: Connections, stream: WebStream, bring: Bring) -> FastAPI:
    """Return what answers requests, those that ``guard`` lets in.

    bring: as ``PictureStyles.bring``.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    _check_requests(app, guard)
    for path, (name, kind) in _FILES.items():
        app.get(path)(_file(name, kind))
    _answer_offers(app, connections)
    _take_styles(app, bring)
    _show_pictures(app, stream)
    return app


def _check_requests(app: FastAPI, guard: Guard) -> None:
    @app.middleware("http")
    async def check(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        response = _refuse(request, guard) or await go_on(request)
        response.headers.update(_HEADERS)
        return response


def _refuse(request: Request, guard: Guard) -> Response | None:
    refusal = guard.refusal(request.headers.get("host"), request.headers.get("origin"))
    if refusal:
        return Response(refusal, 403)
    if request.url.path in _FILES or guard.knows_token(request.headers.get("authorization")):
        return None
    return Response("open the address with the token that run_cam.py printed", 401)


def _answer_offers(app: FastAPI, connections: Connections) -> None:
    @app.post("/offer")
    async def offer(request: Request) -> Response:
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            return Response("offers are application/json", 415)
        try:
            body = await _read_body(request, MAX_OFFER_BYTES)
            if body is None:
                return Response("too long for an offer", 413)
            sdp = await connections.answer(str(json.loads(body)["sdp"]))
        except TooManyConnections:
            return Response("too many pages are open already", 429)
        except Exception:  # noqa: BLE001 (what comes from outside ends here, pages that leave too)
            return Response("not an offer", 400)
        return Response(json.dumps({"type": "answer", "sdp": sdp}), media_type="application/json")


def _take_styles(app: FastAPI, bring: Bring) -> None:
    @app.post("/style")
    async def take(request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("image/"):
            return Response("a style is made of a picture", 415)
        try:
            content = await _read_body(request, MAX_PICTURE_BYTES)
        except Exception:  # noqa: BLE001 (a page that has left)
            return Response("the picture did not arrive", 400)
        if content is None:
            return Response("the picture is too large: 2000 pixels are plenty", 413)
        title = request.query_params.get("title", "")[:_LONGEST_TITLE] or "picture"
        if not bring(lambda: read_uploaded(content), title):
            return Response("too many pictures at once", 429)
        return Response(status_code=202)


async def _read_body(request: Request, most_bytes: int) -> bytes | None:
    """Return what comes with ``request``; None where that is too much."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most_bytes:
            return None
    return bytes(body)


def _show_pictures(app: FastAPI, stream: WebStream) -> None:
    @app.get("/thumbnail/{style}")
    def thumbnail(style: str) -> Response:
        picture = stream.thumbnails.pictures.get(style)
        if picture is None:
            return Response(status_code=204)
        return Response(encode_picture(picture, ".jpg"), media_type="image/jpeg")

    @app.get("/snapshot")
    def snapshot() -> Response:
        if stream.newest is None:
            return Response("not painted yet", 404)
        return Response(encode_picture(stream.newest.painting, ".png"), media_type="image/png")


def _file(name: str, kind: str) -> Callable[[], Response]:
    content = (_PAGE / name).read_bytes()
    return lambda: Response(content, media_type=kind)


def _listen(host: str, port: int) -> socket.socket:
    with contextlib.ExitStack() as undo:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )[0]
            listening = undo.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen()  # who comes before the server is up waits
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(
                f"--serve {host}:{port}: cannot listen there ({reason}). "
                "Choose another address or port."
            ) from error
        undo.pop_all()
        return listening
