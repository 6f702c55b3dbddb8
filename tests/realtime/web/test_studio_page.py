"""What the page's server answers about files and styles: to whom, and to what."""

from __future__ import annotations

import contextlib
import http.client
import json
from pathlib import Path

import pytest

from realtime.web.guard import Guard
from realtime.web.tickets import Tickets
from tests.realtime.web.conftest import Page
from tests.realtime.web.studio.conftest import tiny_styles, until

pytestmark = pytest.mark.usefixtures("tiny_styles")
__all__ = ["tiny_styles"]
NUMBER, JOB = "0" * 16, "1" * 16
OF_FILE = f"/files/{NUMBER}"
OF_JOB = f"{OF_FILE}/jobs/{JOB}"
ROUTES = [
    ("GET", "/studio"),
    ("GET", "/links"),
    ("POST", "/files?name=a.mp4&size=1"),
    ("PUT", f"{OF_FILE}?at=0"),
    ("DELETE", OF_FILE),
    ("GET", f"{OF_FILE}/frame/dim"),
    ("POST", f"{OF_FILE}/painting"),
    ("POST", f"{OF_FILE}/preview"),
    ("POST", f"{OF_JOB}/pause"),
    ("POST", f"{OF_JOB}/go"),
    ("POST", f"{OF_JOB}/ticket"),
    ("POST", f"{OF_JOB}/folder"),
    ("GET", f"{OF_JOB}/content"),
    ("DELETE", OF_JOB),
    ("POST", "/own?name=a.row"),
    ("POST", "/own/poppies/keep"),
    ("POST", "/own/poppies/rename?title=a"),
    ("GET", "/own/poppies/row"),
    ("GET", "/own/poppies/swatch"),
    ("DELETE", "/own/poppies"),
    ("POST", "/lesson?title=a&minutes=6"),
    ("GET", "/lesson/preview"),
    ("POST", "/lesson/keep"),
    ("DELETE", "/lesson"),
    ("GET", "/opening"),
]


def ask(page: Page, method: str, path: str, body: bytes | None = None, **headers: str):
    """The answer's status, content and headers; with the token unless headers say otherwise."""
    asked = http.client.HTTPConnection("127.0.0.1", page.server.guard.port, timeout=30)
    with contextlib.closing(asked):
        asked.request(method, path, body, headers or page.bearer)
        answer = asked.getresponse()
        return answer.status, answer.read(), {k.lower(): v for k, v in answer.headers.items()}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nothing_without_the_token(page: Page, method: str, path: str):
    assert ask(page, method, path, Authorization="Bearer wrong")[0] == 401
    status, _, _ = ask(page, method, path, Origin="http://evil.example", **page.bearer)
    assert status == 403


def test_a_file_is_brought_painted_and_taken_away_again(page: Page, make_video):
    content = make_video().read_bytes()
    status, body, _ = ask(page, "POST", f"/files?name=..%2Fclip.mp4&size={len(content)}")
    assert status == 200
    path = f"/files/{json.loads(body)['number']}"
    assert ask(page, "PUT", f"{path}?at=0", content[:1000])[1] == b'{"have": 1000}'
    assert ask(page, "PUT", f"{path}?at=0", content[:1000])[1] == b'{"have": 1000}'
    assert ask(page, "PUT", f"{path}?at=1000", b"x" * (4 * 2**20 + 1))[0] == 413
    assert ask(page, "PUT", f"{path}?at=1000", content[1000:])[0] == 200

    def told() -> dict:
        return json.loads(ask(page, "GET", "/studio")[1])

    until(lambda: told()["uploads"][0]["size"])
    assert [style["name"] for style in told()["styles"]] == ["negative", "dim"]
    for wrong in (b"{}", b'{"style": "other"}', b'{"style": "dim", "to": "/etc"}'):
        assert ask(page, "POST", f"{path}/painting", wrong)[0] == 409
    assert ask(page, "POST", f"{path}/painting", b"x" * 5000)[0] == 413
    status, body, _ = ask(page, "POST", f"{path}/painting", b'{"style": "dim"}')
    job = f"{path}/jobs/{json.loads(body)['job']}"
    until(lambda: told()["uploads"][0]["jobs"][0]["state"] == "done")
    until(lambda: ask(page, "GET", f"{path}/frame/dim")[0] == 200)
    address = json.loads(ask(page, "POST", f"{job}/ticket")[1])["address"]
    status, painted, headers = ask(page, "GET", address, Accept="*/*")  # a browser's own request
    assert (
        status == 200
        and painted[4:8] == b"ftyp"
        and ask(page, "GET", f"{job}/content")[1] == painted
    )
    assert headers["content-disposition"] == 'attachment; filename="clip_dim.mp4"'
    assert headers["content-type"] == "application/octet-stream"
    assert ask(page, "GET", f"{address}x", Accept="*/*")[0] == 404
    assert ask(page, "DELETE", path)[0] == 200 and not told()["uploads"]
    assert ask(page, "GET", address, Accept="*/*")[0] == 404
    assert ask(page, "POST", f"{path}/painting", b'{"style": "dim"}')[0] == 404


def test_what_is_not_taken_is_said(page: Page):
    assert b"neither a film" in ask(page, "POST", "/files?name=x.sh&size=1")[1]
    status, body, _ = ask(page, "POST", f"/files?name=x.mp4&size={10**14}")
    assert status == 507 and b"GB more" in body
    assert ask(page, "POST", "/own?name=x.row", b"no row")[0] == 409
    assert ask(page, "POST", "/own?name=x.row", b"x" * (2**20 + 1))[0] == 413
    assert ask(page, "GET", "/own/..%2Fx/row")[0] == 404
    status, body, _ = ask(page, "POST", "/lesson?title=a&minutes=7", b"")
    assert status == 409 and (b"minutes" in body or b"PyTorch" in body)
    assert ask(page, "POST", "/lesson/keep")[0] == 404
    assert (
        ask(page, "GET", "/lesson/preview")[0] == 204 and ask(page, "DELETE", "/lesson")[0] == 200
    )
    assert json.loads(ask(page, "GET", "/studio")[1])["training"]["lesson"] is None


def test_who_may_bring_files():
    token = "a" * 20
    assert Guard("127.0.0.1", 80, token).studio_refusal is None
    assert "--token none" in Guard("127.0.0.1", 80, None).studio_refusal
    for guard in (Guard("0.0.0.0", 80, token), Guard("127.0.0.1", 80, token, "https://x.example")):
        assert "--web-controls all" in guard.studio_refusal
    assert Guard("0.0.0.0", 80, token, all_controls=True).studio_refusal is None


def test_a_second_server_says_why_it_has_no_files(page: Page, tiny_model, tmp_path: Path):
    from tests.realtime.web.conftest import serve

    with serve(tiny_model, "negative", tmp_path) as second:
        status, body, _ = ask(second, "GET", "/studio")
    assert status == 403 and b"another Livebrush" in body


def test_a_browser_is_opened_by_a_word_that_is_good_once(page: Page):
    address = page.server.opening_address
    assert page.server.guard.token not in address and "/#open=" in address
    word = address.partition("=")[2]
    assert ask(page, "POST", "/token?ticket=wrong", Accept="*/*")[0] == 401
    status, token, _ = ask(page, "POST", f"/token?ticket={word}", Accept="*/*")
    assert status == 200 and token.decode() == page.server.guard.token
    assert ask(page, "POST", f"/token?ticket={word}", Accept="*/*")[0] == 401
    another = ask(page, "GET", "/opening")[1].decode()
    assert another.partition("#")[0] == address.partition("#")[0] and another != address


def test_tickets_run_out():
    now = [0.0]
    tickets: Tickets[str] = Tickets(60.0, lambda: now[0])
    ticket = tickets.issue("x")
    assert tickets.look(ticket) == tickets.take(ticket) == "x" and tickets.look(ticket) is None
    late = tickets.issue("y")
    now[0] = 60.0
    assert tickets.look(late) is None
    first = tickets.issue("z")
    for _ in range(300):
        tickets.issue("other")
    assert tickets.look(first) is None and len(tickets._issued) <= 256
