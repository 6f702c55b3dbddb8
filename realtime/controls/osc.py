"""Show control by OSC: every command under /livebrush/NAME, its value as the first argument.

The seconds in which a number is faded to may come as the second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engines.errors import SourceError, UsageError
from engines.install import install_line
from realtime.controls.commands import COMMANDS
from realtime.controls.values import Nothing, Value

if TYPE_CHECKING:
    from pythonosc.osc_server import BlockingOSCUDPServer

PREFIX = "/livebrush/"
LOOPBACK = "127.0.0.1"
_MOST_REFUSALS = 20
_PACKETS, _WINDOW_S = 100, 0.1  # of more, no command would be seen
_CLOSE_S = 1.0  # how long the end waits for a packet that is being obeyed


class OscServer:
    """Listens on a thread of its own until ``close``.

    ``ask`` performs a command by its name, value and seconds of its own, or raises KeyError or
    ValueError. What cannot be obeyed is told through ``say`` once per address and goes no further.
    OSC has no way to refuse a sender, so it listens to this machine alone unless another address is
    named.

    Raises UsageError if python-osc is missing, SourceError if it cannot listen there.
    """

    def __init__(
        self,
        host: str,
        port: int,
        ask: Callable[[str, Value, Value], None],
        say: Callable[[str], None],
    ) -> None:
        self._ask, self._say = ask, say
        self._refused: set[str] = set()
        self._server = self._listen(host, port)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="osc", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Listen no more, waiting about a second at most."""
        # ``shutdown`` waits without end for a packet that is being obeyed.
        ending = threading.Thread(target=self._server.shutdown, name="osc-end", daemon=True)
        ending.start()
        ending.join(_CLOSE_S)
        self._server.server_close()

    def _listen(self, host: str, port: int) -> BlockingOSCUDPServer:
        try:
            from pythonosc.dispatcher import Dispatcher
            from pythonosc.osc_server import BlockingOSCUDPServer
        except ImportError as error:
            raise UsageError(f"--osc needs python-osc: {install_line('osc')}") from error
        tell = self._refuse

        allowance = _Allowance()

        class Server(BlockingOSCUDPServer):
            def verify_request(self, request: Any, client_address: Any) -> bool:
                """Take a pause where more comes than anybody means; the system drops the rest."""
                allowance.take()
                return super().verify_request(request, client_address)

            def handle_error(self, request: object, client_address: object) -> None:
                """Tell it, where the library would print a traceback for each packet."""
                tell("", "a packet that is no OSC message was passed over")

        # A bundle is obeyed when it comes: waiting for its time would stop all that come after it.
        dispatcher = Dispatcher(strict_timing=False)
        dispatcher.set_default_handler(self._perform)
        try:
            server = Server((host, port), dispatcher)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SourceError(
                f"--osc {host}:{port}: cannot listen there ({reason}). Choose another port."
            ) from error
        return server

    def _perform(self, address: str, *values: Value) -> None:
        try:
            if not address.startswith(PREFIX):
                raise KeyError(address)
            name, value, fade_s = address.removeprefix(PREFIX), *(*values, None, None)[:2]
            if value == 0 and isinstance(COMMANDS[name].values, Nothing):  # a button that is let go
                return
            self._ask(name, value, fade_s)
        except KeyError:
            self._refuse(
                address,
                f"there is no {address}; addresses are {PREFIX}NAME with a name of docs/live.md",
            )
        except ValueError as error:
            self._refuse(address, f"{address}: {error}")

    def _refuse(self, address: str, why: str) -> None:
        if address not in self._refused and len(self._refused) < _MOST_REFUSALS:
            self._refused.add(address)
            self._say(f"osc: {why}")


class _Allowance:
    """Lets ``_PACKETS`` through in each ``_WINDOW_S``, and sleeps away the rest of it."""

    def __init__(self) -> None:
        self._begun_s, self._count = time.monotonic(), 0

    def take(self) -> None:
        """Count a packet."""
        now_s = time.monotonic()
        if now_s - self._begun_s >= _WINDOW_S:
            self._begun_s, self._count = now_s, 0
        self._count += 1
        if self._count > _PACKETS:
            time.sleep(max(0.0, self._begun_s + _WINDOW_S - now_s))


def parse_listen(text: str, flag: str, port: int | None = None) -> tuple[str, int]:
    """Return (host, port) of ``PORT`` or ``HOST:PORT``; without a host, this machine alone.

    ``port``: what HOST alone means. Raises UsageError for anything else.
    """
    host, colon, number = text.rpartition(":")
    if not colon and port is not None and not text.isdecimal():
        host, number = text, str(port)
    if not number.isdecimal() or len(number) > 5 or int(number) > 65535:
        raise UsageError(f"{flag} {text!r}: is not PORT or HOST:PORT, for example {flag} 9000")
    return host.strip("[]") or LOOPBACK, int(number)
