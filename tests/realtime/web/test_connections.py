"""Who connects and asks for nothing, or for nonsense, keeps nobody out."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.realtime.web.conftest import Page

BEGINNINGS = [
    b"",
    b"GET / HT",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    b"POST /offer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50000\r\n\r\n{",
]


def connect(page: Page, sent: bytes) -> socket.socket:
    connected = socket.create_connection(("127.0.0.1", page.server.guard.port), 10)
    connected.sendall(sent)
    return connected


def is_closed(connected: socket.socket) -> bool:
    connected.settimeout(0.0)
    try:
        while connected.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@pytest.fixture
def half_open(page: Page) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(connect(page, BEGINNINGS[n % 4])) for n in range(200)]


def load_page(page: Page) -> float:
    begun_s = time.monotonic()
    asked = http.client.HTTPConnection("127.0.0.1", page.server.guard.port, timeout=20)
    with contextlib.closing(asked):
        asked.request("GET", "/")
        assert asked.getresponse().status == 200
    return time.monotonic() - begun_s


def test_half_open_connections_keep_nobody_out(page: Page, half_open):
    assert max(load_page(page) for _ in range(5)) < 2
    assert sum(not is_closed(one) for one in half_open) <= 64
    end_s = time.monotonic() + 20
    while not all(is_closed(one) for one in half_open):
        assert time.monotonic() < end_s, "they are waited for without end"
        time.sleep(0.2)
    assert load_page(page) < 2


def test_who_drips_is_not_waited_for(page: Page):
    with connect(page, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n") as dripping:
        begun_s = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - begun_s < 15 and not is_closed(dripping):
                dripping.sendall(b"X: y\r\n")
                time.sleep(0.3)
        assert time.monotonic() - begun_s < 12


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"sdp": 1e999}', b'{"sdp": "\\ud800"}', b"\xff"])
def test_an_offer_that_is_none_is_refused(page: Page, body: bytes):
    headers = {"Content-Type": "application/json", **page.bearer}
    asked = http.client.HTTPConnection("127.0.0.1", page.server.guard.port, timeout=20)
    with contextlib.closing(asked):
        asked.request("POST", "/offer", body, headers)
        assert asked.getresponse().status == 400


@pytest.mark.parametrize("token", [True, False])
def test_every_answer_has_the_headers_that_protect(page: Page, token: bool):
    for path in ("/", "/snapshot", "/nowhere", "/offer"):
        asked = http.client.HTTPConnection("127.0.0.1", page.server.guard.port, timeout=20)
        with contextlib.closing(asked):
            asked.request("GET", path, headers=page.bearer if token else {})
            headers = asked.getresponse().headers
        policy = headers["Content-Security-Policy"]
        assert "base-uri 'none'" in policy and "form-action 'none'" in policy, path
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=(self)" in headers["Permissions-Policy"]


@pytest.mark.parametrize(
    "message",
    [
        "[" * 4000,
        json.dumps({"command": "strength", "value": 10**309}),
        '{"command": "strength", "value": ' + "9" * 4000 + "}",
        '{"command": "style", "value": ' + "9" * 4000 + "}",
        '{"command": "strength", "value": 1e999}',
        '{"command": "strength", "value": NaN}',
        '{"command": ["strength"]}',
        "[]",
        "7",
        b"\xff\xfe",
        "\ud800",
        '{"command": "mix", "value": "' + "a:1," * 900 + '"}',
    ],
    ids=lambda message: repr(message)[:30],
)
def test_a_message_that_means_nothing_is_refused_and_no_more(page: Page, message):
    refusal = page.server.connections._perform(message)
    assert refusal is None or len(refusal) <= 200
    assert page.server.connections._perform(json.dumps({"command": "mirror"})) is None
