"""How phones find the page, and why they may trust it."""

from __future__ import annotations

import argparse
import http.client
import io
import os
import socket
import ssl
import stat
from pathlib import Path

import pytest

from engines.errors import UsageError
from realtime.live.command_line import parse_args
from realtime.web.guard import Guard, guard_for
from tests.realtime.web.conftest import serve

pytest.importorskip("segno")
TOKEN = "a" * 20


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "realtime.web.addresses._find_addresses", lambda: iter(["192.168.1.5", "10.0.0.7"])
    )
    monkeypatch.setattr(socket, "gethostname", lambda: "Desk")


def test_every_address_is_told(network):
    from realtime.web.addresses import certified_names, links

    guard = Guard("0.0.0.0", 8080, TOKEN, scheme="https")
    found = [link.address for link in links(guard)]
    assert found == [
        f"https://{name}:8080/#token={TOKEN}" for name in ("192.168.1.5", "10.0.0.7", "desk.local")
    ]
    assert guard.refusal("desk.local:8080", "https://desk.local:8080") is None
    assert guard.refusal("desk:8080", None) is None and guard.refusal("other.local:8080", None)
    assert {"desk.local", "10.0.0.7", "localhost"} <= set(certified_names(guard))
    assert links(Guard("127.0.0.1", 8080, TOKEN)) == []
    only = links(Guard("192.168.1.5", 8080, TOKEN))
    assert [link.address for link in only] == [f"http://192.168.1.5:8080/#token={TOKEN}"]
    public = guard_for("127.0.0.1", 80, TOKEN, "https://x.example")
    assert [link.address for link in links(public)] == [f"https://x.example/#token={TOKEN}"]


def test_the_code_leads_to_the_address(network):
    """Read back by OpenCV."""
    import cv2
    import numpy as np

    from realtime.web.addresses import links

    (link, *_) = links(Guard("0.0.0.0", 8080, TOKEN))
    assert link.code.startswith("<svg") and "href" not in link.code
    drawn = io.StringIO()
    link.print_code(drawn)
    halves = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    lines = [line for line in drawn.getvalue().splitlines() if line.strip()]
    rows = [[halves[c][half] for c in line] for line in lines for half in (0, 1)]
    modules = np.array(rows, np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    read, *_ = cv2.QRCodeDetector().detectAndDecode(np.pad(modules, 32, constant_values=255))
    assert read == link.address


def test_a_certificate_is_kept_while_it_holds(tmp_path: Path):
    from cryptography import x509

    from realtime.web.certificate import own_certificate

    names = ["localhost", "desk.local", "192.168.1.5"]
    made = own_certificate(tmp_path / "config", names)
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600 or os.name == "nt"
    assert own_certificate(tmp_path / "config", names[:2]) == made
    assert len(made.fingerprint) == 95
    other = own_certificate(tmp_path / "config", [*names, "10.0.0.7"])
    assert other.fingerprint != made.fingerprint
    made.path.write_bytes(b"damaged")
    again = own_certificate(tmp_path / "config", names)
    found = x509.load_pem_x509_certificate(again.path.read_bytes())
    named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert named.get_values_for_type(x509.DNSName) == names[:2]
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--https: .*cannot be written"):
        own_certificate(tmp_path / "file", names)


def test_https_is_spoken_with_it(tiny_model, tmp_path: Path):
    from realtime.web.certificate import own_certificate

    certificate = own_certificate(tmp_path / "config", ["localhost", "127.0.0.1"])
    with serve(tiny_model, "negative", tmp_path, certificate) as page:
        trusting = ssl.create_default_context(cafile=str(certificate.path))
        port = page.server.guard.port
        asked = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=trusting)
        asked.request("GET", "/")
        assert asked.getresponse().status == 200
        asked.close()
        assert page.server.guard.address.startswith("https://127.0.0.1:")


def guard_of(*flags: str) -> Guard | None:
    from realtime.web.flags import guard_from

    args: argparse.Namespace = parse_args(list(flags))
    return guard_from(args)


def test_a_token_outlives_its_server(tmp_path: Path):
    path = tmp_path / "token"
    first = guard_of("--serve", "--token-file", str(path))
    assert len(first.token) >= 16 and guard_of("--serve", "--token-file", str(path)) == first
    assert os.name == "nt" or stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="leave one out"):
        guard_of("--serve", "--token-file", str(path), "--token", TOKEN)
    if os.name != "nt":
        path.chmod(0o644)
        with pytest.raises(UsageError, match="chmod 600"):
            guard_of("--serve", "--token-file", str(path))
        path.chmod(0o600)
    for content in (b"short", b"\xff" * 20, b""):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="holds no token"):
            guard_of("--serve", "--token-file", str(path))
    with pytest.raises(UsageError, match="cannot be used"):
        guard_of("--serve", "--token-file", str(tmp_path / "none" / "token"))


def test_studio_is_a_page_that_opens():
    args = parse_args(["studio", "--serve", "0.0.0.0:9000", "--https"])
    assert args.open and args.serve == "0.0.0.0:9000" and guard_of("studio").scheme == "http"
    assert guard_of("studio", "--https").scheme == "https"
    for flags in (["--open"], ["--https"], ["--token-file", "x"]):
        with pytest.raises(UsageError, match=f"{flags[0]} is about a page: it needs --serve"):
            guard_of(*flags)


def test_without_a_screen_the_browser_is_not_opened(monkeypatch: pytest.MonkeyPatch, capsys):
    from realtime.web import flags

    opened: list[str] = []
    monkeypatch.setattr(flags.webbrowser, "open", lambda address: not opened.append(address))
    server = argparse.Namespace(opening_address="http://x/#open=y")
    for screen, seen in ((False, []), (True, ["http://x/#open=y"])):
        monkeypatch.setattr(flags, "has_screen", lambda screen=screen: screen)
        flags.open_page(parse_args(["studio"]), server)
        assert opened == seen
    assert "open the address yourself" in capsys.readouterr().err
