"""What the page's Files and My styles ask for. Every request has passed the server's guard."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from engines.errors import LivebrushError, SinkError
from engines.style_row import ENDING
from realtime.web.bodies import read_body
from realtime.web.screen import show_folder
from realtime.web.studio.lessons import Lessons
from realtime.web.studio.own_styles import MOST_ROW_BYTES, OwnStyles
from realtime.web.studio.records import read_wishes
from realtime.web.studio.shelf import MOST_PART_BYTES
from realtime.web.studio.studio import Studio
from realtime.web.table import controls
from realtime.web.tickets import Tickets

DOWNLOADS = "/download/"
_MOST_JSON_BYTES = 4096
_MOST_PICTURE_BYTES = 16 * 2**20
_TICKET_S = 60.0
_CONTROLS = ("strength", "brush", "stability", "keep_color")

Answer = Callable[[Request], Awaitable[Response]]


def add_studio(
    app: FastAPI,
    studio: Studio | None,
    own: OwnStyles | None,
    lessons: Lessons | None,
    refusal: str,
    can_open: bool,
) -> None:
    """Let ``app`` answer for both tabs.

    studio, own, lessons: None where pages may not have them, which ``refusal`` then explains.
    can_open: a folder can be shown on this machine's screen.
    """
    if studio is None or own is None or lessons is None:
        app.get("/studio")(lambda: Response(refusal, 403))
        return
    _tell_state(app, studio, own, lessons, can_open)
    _take_files(app, studio)
    _queue_paintings(app, studio)
    _hand_out(app, studio, can_open)
    _name_styles(app, own)
    _train_styles(app, lessons)


def _answers(answer: Callable[..., Response]) -> Callable[..., Response]:
    """Have what cannot be done answered by words."""

    @functools.wraps(answer)
    def safe(*arguments: object, **named: object) -> Response:
        try:
            return answer(*arguments, **named)
        except KeyError:
            return Response("that is not here any more", 404)
        except SinkError as error:
            return Response(str(error), 507)
        except (LivebrushError, ValueError) as error:
            return Response(str(error), 409)

    return safe


def _json(content: object) -> Response:
    return Response(json.dumps(content), media_type="application/json")


async def _body(request: Request, most_bytes: int) -> bytes:
    """Return the body of a request. Raises HTTPException where it is too long, or breaks off."""
    try:
        body = await read_body(request, most_bytes)
    except Exception as error:  # a page that has left
        raise HTTPException(400, "it did not arrive") from error
    if body is None:
        raise HTTPException(413, f"more than {most_bytes} bytes at once")
    return body


def _tell_state(
    app: FastAPI, studio: Studio, own: OwnStyles, lessons: Lessons, can_open: bool
) -> None:
    shown = [control for control in controls() if control["name"] in _CONTROLS]

    @app.get("/studio")
    @_answers
    def state() -> Response:
        styles = studio.styles.entries()
        about = {"styles": styles, "controls": shown, "can_open": can_open, "own": own.entries()}
        return _json({**studio.state(), **about, "training": lessons.state()})

    @app.get("/files/{number}/frame/{style}")
    @_answers
    def frame(number: str, style: str) -> Response:
        path = studio.frame_of(number, style)
        return FileResponse(path, media_type="image/jpeg") if path else Response(status_code=204)


def _take_files(app: FastAPI, studio: Studio) -> None:
    @app.post("/files")
    @_answers
    def begin(name: str, size: int) -> Response:
        return _json({"number": studio.begin_upload(name, size)})

    @app.post("/files/named")
    @_answers
    def name_file(folder: str, name: str) -> Response:
        return _json({"number": studio.name_file(folder, name)})

    @app.put("/files/{number}")
    async def append(request: Request, number: str, at: int) -> Response:
        content = await _body(request, MOST_PART_BYTES)
        add = _answers(lambda: _json({"have": studio.append(number, at, content)}))
        return await run_in_threadpool(add)

    @app.delete("/files/{number}")
    @_answers
    def remove(number: str) -> Response:
        studio.remove(number)
        return Response()


def _queue_paintings(app: FastAPI, studio: Studio) -> None:
    async def queue(request: Request, number: str, add: Callable[..., str]) -> Response:
        body = await _body(request, _MOST_JSON_BYTES)
        names = frozenset(studio.styles.names)
        queued = _answers(lambda: _json({"job": add(number, read_wishes(body, names))}))
        # What has to wait for a program to end must not hold up the others.
        return await run_in_threadpool(queued)

    @app.post("/files/{number}/painting")
    async def paint(request: Request, number: str) -> Response:
        return await queue(request, number, studio.paint)

    @app.post("/files/{number}/preview")
    async def preview(request: Request, number: str) -> Response:
        return await queue(request, number, studio.preview)

    @app.post("/files/{number}/jobs/{job}/pause")
    @_answers
    def pause(number: str, job: str) -> Response:
        studio.pause(number, job)
        return Response()

    @app.post("/files/{number}/jobs/{job}/go")
    @_answers
    def go_on(number: str, job: str) -> Response:
        studio.go_on(number, job)
        return Response()

    @app.delete("/files/{number}/jobs/{job}")
    @_answers
    def remove(number: str, job: str) -> Response:
        studio.remove_job(number, job)
        return Response()


def _hand_out(app: FastAPI, studio: Studio, can_open: bool) -> None:
    tickets: Tickets[Path] = Tickets(_TICKET_S)

    @app.get("/files/{number}/jobs/{job}/content")
    @_answers
    def content(number: str, job: str) -> Response:
        return FileResponse(studio.output_of(number, job), media_type="application/octet-stream")

    @app.post("/files/{number}/jobs/{job}/ticket")
    @_answers
    def ticket(number: str, job: str) -> Response:
        return _json({"address": DOWNLOADS + tickets.issue(studio.output_of(number, job))})

    # A browser that saves a file sends no header of ours: the ticket lets it in, for a minute.
    @app.get(DOWNLOADS + "{ticket}")
    @_answers
    def download(ticket: str) -> Response:
        path = tickets.look(ticket)
        if path is None or not path.exists():
            return Response("this link has run out: press Download again", 404)
        kind = "application/octet-stream"
        return FileResponse(path, media_type=kind, filename=path.name)

    @app.post("/files/{number}/jobs/{job}/folder")
    @_answers
    def open_folder(number: str, job: str) -> Response:
        if not can_open:
            return Response("this machine shows no folders to pages", 403)
        show_folder(studio.output_of(number, job).parent)
        return Response()


def _name_styles(app: FastAPI, own: OwnStyles) -> None:
    @app.post("/own/{name}/keep")
    @_answers
    def keep(name: str) -> Response:
        own.keep(name)
        return Response()

    @app.post("/own/{name}/rename")
    @_answers
    def rename(name: str, title: str) -> Response:
        own.rename(name, title)
        return Response()

    @app.delete("/own/{name}")
    @_answers
    def remove(name: str) -> Response:
        own.remove(name)
        return Response()

    @app.get("/own/{name}/swatch")
    @_answers
    def swatch(name: str) -> Response:
        path = own.swatch(name)
        return FileResponse(path, media_type="image/jpeg") if path else Response(status_code=204)

    @app.get("/own/{name}/row")
    @_answers
    def content(name: str) -> Response:
        return Response(own.content(name), media_type="application/octet-stream")

    @app.post("/own")
    async def take(request: Request, name: str) -> Response:
        given = await _body(request, MOST_ROW_BYTES)
        keep = _answers(lambda: _json({"name": own.take(given, name.removesuffix(ENDING))}))
        return await run_in_threadpool(keep)


def _train_styles(app: FastAPI, lessons: Lessons) -> None:
    @app.post("/lesson")
    async def begin(request: Request, title: str, minutes: int) -> Response:
        picture = await _body(request, _MOST_PICTURE_BYTES)

        def start() -> Response:
            lessons.begin(picture, title, minutes)
            return Response()

        return await run_in_threadpool(_answers(start))

    @app.get("/lesson/preview")
    def preview() -> Response:
        picture = lessons.preview()
        return Response(picture, media_type="image/jpeg") if picture else Response(status_code=204)

    @app.post("/lesson/keep")
    @_answers
    def keep() -> Response:
        return _json({"name": lessons.keep()})

    @app.delete("/lesson")
    @_answers
    def cancel() -> Response:
        lessons.cancel()
        return Response()
