"""The HTTP server of ``--serve``: the page, the offer that starts a stream, pictures on request."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response

from engines.errors import LivebrushError, UsageError
from engines.folders import user_studio_dir
from engines.machine import cpu_threads
from realtime.controls.desk import Desk
from realtime.live.picture_styles import PictureStyles
from realtime.live.sources.browser import BrowserSource
from realtime.media.reading.style_pictures import read_uploaded
from realtime.media.writing.picture_file import encode_picture
from realtime.web.addresses import Link, links
from realtime.web.bodies import read_body
from realtime.web.certificate import Certificate
from realtime.web.connections import Connections, TooManyConnections, use_addresses
from realtime.web.guard import Guard, is_loopback
from realtime.web.patience import ImpatientProtocol, allow_many_files
from realtime.web.screen import shows_folders
from realtime.web.stream import WebStream
from realtime.web.studio.lessons import Lessons
from realtime.web.studio.own_styles import OwnStyles
from realtime.web.studio.routes import DOWNLOADS, add_studio
from realtime.web.studio.studio import Studio
from realtime.web.studio.style_list import StyleList
from realtime.web.tickets import Tickets

MAX_OFFER_BYTES = 64 * 1024
MAX_PICTURE_BYTES = 16 * 2**20
_LONGEST_TITLE = 60
_PAGE = Path(__file__).parent
_FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/files.js": ("files.js", "text/javascript"),
    "/times.js": ("times.js", "text/javascript"),
    "/mine.js": ("mine.js", "text/javascript"),
    "/words.js": ("words.js", "text/javascript"),
    "/words.json": ("words.json", "application/json"),
}
# What is let in by a ticket of its own.
_TICKETED = ("/token", DOWNLOADS)
# What one may ask for with the link for watching.
_WATCHED = (("POST", "/offer"), ("GET", "/snapshot"))
_OPENING_S = 60.0
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    # Without a token a page of others could show ours as its pictures.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_START_S = 10.0
_END_S = 2.0


@dataclass(frozen=True)
class Page:
    """All that the page's server hands out, and what it asks."""

    connections: Connections
    stream: WebStream
    pictures: PictureStyles
    certificate: Certificate | None
    openings: Tickets[str]
    """Words that stand for the token, once."""
    studio: Studio | None
    own: OwnStyles | None
    lessons: Lessons | None
    studio_refusal: str
    """Why there is no studio."""


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
        pictures: PictureStyles,
        certificate: Certificate | None = None,
        folders: Sequence[Path] = (),
        vgg: Path | None = None,
    ) -> None:
        """folders: whose files pages may have painted. vgg: VGG16's weights, for training."""
        self._socket = _listen(guard.host, guard.port)
        self.guard = replace(guard, port=self._socket.getsockname()[1])
        if is_loopback(guard.host):
            use_addresses(["127.0.0.1"])
        elif guard.host not in ("0.0.0.0", "::"):
            use_addresses([guard.host])
        self.connections = Connections(
            stream, desk, status, browser, all_controls=guard.all_controls
        )
        self._openings: Tickets[str] = Tickets(_OPENING_S)
        self._studio, refusal = _open_studio(self.guard, folders)
        own: OwnStyles | None = None
        self._lessons: Lessons | None = None
        if studio := self._studio:
            own = OwnStyles(pictures, studio.styles, studio.uses, studio.swatches)
            self._lessons = Lessons(user_studio_dir() / "lesson", own, vgg)
        parts = (self._openings, self._studio, own, self._lessons, refusal)
        app = build_app(self.guard, Page(self.connections, stream, pictures, certificate, *parts))
        allow_many_files()
        config = uvicorn.Config(
            app,
            http=ImpatientProtocol,
            ws="none",
            log_level="error",
            lifespan="off",
            timeout_graceful_shutdown=1,
            server_header=False,
            ssl_certfile=certificate.path if certificate else None,
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
        """End all connections and the server; what is being painted can be gone on with."""
        if self._lessons:
            self._lessons.begin_close()
        if self._studio:
            self._studio.close()
        if self._lessons:
            self._lessons.close()
        self._server.should_exit = True
        self._thread.join(_END_S)

    @property
    def opening_address(self) -> str:
        """What a program on this machine opens the page by, once: others may see its arguments."""
        return _opening_address(self.guard, self._openings)

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


def _opening_address(guard: Guard, openings: Tickets[str]) -> str:
    if not guard.token:
        return guard.address
    return f"{replace(guard, token=None).address}#open={openings.issue(guard.token)}"


def _open_studio(guard: Guard, folders: Sequence[Path]) -> tuple[Studio | None, str]:
    """Return the studio, or None and why there is none."""
    if refusal := guard.studio_refusal:
        return None, refusal
    try:
        return Studio(user_studio_dir(), StyleList(), folders), ""
    except LivebrushError as error:
        return None, str(error)


def build_app(guard: Guard, page: Page) -> FastAPI:
    """Return what answers requests, those that ``guard`` lets in."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.exception_handler(HTTPException)(lambda _, error: Response(error.detail, error.status_code))
    _check_requests(app, guard)
    for path, (name, kind) in _FILES.items():
        app.get(path)(_file(name, kind))
    _answer_offers(app, page.connections, guard)
    _take_styles(app, page.pictures)
    _show_pictures(app, page.stream)
    _tell_addresses(app, guard, page)
    can_open = is_loopback(guard.host) and not guard.public and shows_folders()
    add_studio(app, page.studio, page.own, page.lessons, page.studio_refusal, can_open)
    return app


def _tell_addresses(app: FastAPI, guard: Guard, page: Page) -> None:
    @app.get("/links")
    def tell() -> Response:
        found = [{"address": link.address, "code": link.code} for link in links(guard)]
        certificate = page.certificate
        watching = links(guard.for_watching()) or [Link(guard.for_watching().address)]
        told = {
            "links": found,
            "fingerprint": certificate.fingerprint if certificate else "",
            "watching": watching[0].address if guard.token else "",
            "watching_code": watching[0].code if guard.token else "",
        }
        return Response(json.dumps(told), media_type="application/json")

    @app.get("/opening")
    def issue() -> Response:
        return Response(_opening_address(guard, page.openings))

    @app.post("/token")
    def open_once(ticket: str) -> Response:
        token = page.openings.take(ticket)
        return Response(token) if token else Response("open the address again", 401)


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
    path = request.url.path
    if path in _FILES or path.startswith(_TICKETED):
        return None
    authorization = request.headers.get("authorization")
    if guard.knows_token(authorization):
        return None
    if guard.for_watching().knows_token(authorization):
        if (request.method, path) in _WATCHED:
            return None
        return Response("this link is for watching: it changes and sends nothing", 403)
    return Response("open the address with the token that run_cam.py printed", 401)


def _answer_offers(app: FastAPI, connections: Connections, guard: Guard) -> None:
    @app.post("/offer")
    async def offer(request: Request) -> Response:
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            return Response("offers are application/json", 415)
        try:
            body = await read_body(request, MAX_OFFER_BYTES)
            if body is None:
                return Response("too long for an offer", 413)
            watches = not guard.knows_token(request.headers.get("authorization"))
            sdp = await connections.answer(str(json.loads(body)["sdp"]), watches)
        except TooManyConnections:
            return Response("too many pages are open already", 429)
        except Exception:  # noqa: BLE001 (what comes from outside ends here, pages that leave too)
            return Response("not an offer", 400)
        return Response(json.dumps({"type": "answer", "sdp": sdp}), media_type="application/json")


def _take_styles(app: FastAPI, pictures: PictureStyles) -> None:
    @app.post("/style")
    async def take(request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("image/"):
            return Response("a style is made of a picture", 415)
        try:
            content = await read_body(request, MAX_PICTURE_BYTES)
        except Exception:  # noqa: BLE001 (a page that has left)
            return Response("the picture did not arrive", 400)
        if content is None:
            return Response("the picture is too large: 2000 pixels are plenty", 413)
        title = request.query_params.get("title", "")[:_LONGEST_TITLE] or "picture"
        is_grade = request.query_params.get("as") == "grade"
        if not pictures.bring(lambda: read_uploaded(content), title, is_grade):
            return Response("too many pictures at once", 429)
        return Response(status_code=202)


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
