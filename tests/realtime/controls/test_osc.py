import socket
import threading
import time

import pytest

from engines.errors import SourceError, UsageError
from realtime.controls.commands import COMMANDS
from realtime.controls.desk import Desk
from realtime.controls.osc import PREFIX, OscServer, parse_listen
from realtime.controls.state import State
from realtime.look import Look

osc_client = pytest.importorskip("pythonosc.udp_client")
STYLES = ("great_wave", "starry_night")


def until(condition, limit_s: float = 5.0) -> bool:
    end_s = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end_s:
        time.sleep(0.01)
    return condition()


@pytest.fixture
def desk():
    return Desk(State(STYLES, Look((("great_wave", 1.0),))))


@pytest.fixture
def said():
    return []


@pytest.fixture
def client(desk: Desk, said: list[str]):
    server = OscServer("127.0.0.1", 0, desk.ask, said.append)
    sender = osc_client.SimpleUDPClient("127.0.0.1", server.port)
    yield sender
    sender._sock.close()
    server.close()


def obeyed(desk: Desk, condition) -> bool:
    return until(lambda: (desk.follow(0.0), condition(desk.state))[1])


def test_every_command_can_be_called(client, desk: Desk, said: list[str]):
    for name in COMMANDS:
        client.send_message(PREFIX + name, [])
    assert until(lambda: desk._asked.qsize() == len(COMMANDS)) and not said


def test_a_second_argument_is_the_seconds_of_a_fade(client, desk: Desk, said: list[str]):
    client.send_message(PREFIX + "strength", [0.3, 4.0])
    assert obeyed(desk, lambda state: state.look.strength == 0.3)
    assert desk.state.own_fades == (("strength", 4.0),)
    client.send_message(PREFIX + "brush", [2.0, 4.0])
    assert until(lambda: bool(said))
    assert "brush does not fade by itself" in said[0] and desk.state.look.brush == 1


def test_none_of_a_thousand_at_a_players_pace_is_lost_and_each_is_obeyed_soon(client, desk: Desk):
    for _ in range(1000):  # as from two faders that are both moved
        client.send_message(PREFIX + "next", [])
        time.sleep(0.002)
    assert until(lambda: (desk.follow(0.0), desk.state.performed == 1000)[1])
    waits = []
    for number in (2, 1, 2, 1, 2):
        begun_s = time.monotonic()
        client.send_message(PREFIX + "slot", number)
        assert obeyed(desk, lambda state, n=number: state.number == n)
        waits.append(time.monotonic() - begun_s)
    assert min(waits) < 2 / 30


def test_a_flood_costs_little_and_does_not_lock_others_out(client, desk: Desk):
    taken = [0]
    ask = desk.ask

    def count(*arguments) -> None:
        taken[0] += 1
        ask(*arguments)

    server = OscServer("127.0.0.1", 0, count, print)
    flood = osc_client.SimpleUDPClient("127.0.0.1", server.port)
    begun_s = time.monotonic()
    while time.monotonic() - begun_s < 1.0:
        flood.send_message(PREFIX + "strength", 0.5)
    seconds = time.monotonic() - begun_s
    assert taken[0] <= 100 * (seconds / 0.1 + 2)
    assert until(
        lambda: (flood.send_message(PREFIX + "mirror", 1), desk.follow(0.0))[1] or desk.state.mirror
    )
    flood._sock.close()
    server.close()


def test_values_are_clamped_and_words_are_understood(client, desk: Desk):
    client.send_message(PREFIX + "strength", 7.5)
    client.send_message(PREFIX + "mirror", 1)
    client.send_message(PREFIX + "style", "starry_night")
    client.send_message(PREFIX + "compare", "split")
    assert obeyed(desk, lambda s: s.compare == "split")
    assert (desk.state.look.strength, desk.state.mirror, desk.state.number) == (1.0, True, 2)


def test_a_button_that_is_let_go_does_nothing(client, desk: Desk):
    for value in (1, 0, 1.0, 0.0, True, False):
        client.send_message(PREFIX + "next", value)
    client.send_message(PREFIX + "freeze", False)
    client.send_message(PREFIX + "compare", "split")
    number = desk.state.number
    assert obeyed(desk, lambda s: s.compare == "split")
    assert (desk.state.number - number) % len(desk.state.styles) == 3 % len(
        desk.state.styles
    ) and not desk.state.frozen


def test_nonsense_is_told_once_and_survived(client, desk: Desk, said: list[str]):
    for _ in range(3):
        client.send_message("/other/next", [])
        client.send_message(PREFIX + "explode", [])
        client.send_message(PREFIX + "strength", "much")
        client.send_message(PREFIX + "strength", float("nan"))
        client.send_message(PREFIX + "style", b"\xff\x00")
    client._sock.sendto(b"\x00garbage", ("127.0.0.1", client._port))
    client.send_message(PREFIX + "freeze", True)
    assert obeyed(desk, lambda s: s.frozen)
    assert len(said) == 4 and desk.state.look.strength == 1.0


def test_a_taken_port_is_one_clear_line(desk: Desk):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SourceError, match="cannot listen"):
            OscServer("127.0.0.1", taken.getsockname()[1], desk.ask, print)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("9000", ("127.0.0.1", 9000)), ("0.0.0.0:9000", ("0.0.0.0", 9000)), ("[::1]:9", ("::1", 9))],
)
def test_addresses(text: str, expected: tuple[str, int]):
    assert parse_listen(text, "--osc") == expected
    assert parse_listen("example.org", "--serve", 8080) == ("example.org", 8080)


@pytest.mark.parametrize("text", ["", "x", "99999", "host:", "-1"])
def test_addresses_that_mean_nothing(text: str):
    with pytest.raises(UsageError, match="--osc"):
        parse_listen(text, "--osc")


def test_a_bundle_of_the_future_holds_nothing_up(client, desk: Desk):
    from pythonosc.osc_bundle_builder import OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder

    message = OscMessageBuilder(PREFIX + "freeze")
    bundle = OscBundleBuilder(time.time() + 3600)
    bundle.add_content(message.build())
    client.send(bundle.build())
    client.send_message(PREFIX + "mirror", 1)
    assert obeyed(desk, lambda s: s.mirror and s.frozen)


def test_the_end_does_not_wait_for_a_command_that_hangs():
    asked = threading.Event()

    def hang(*_: object) -> None:
        asked.set()
        time.sleep(5)

    server = OscServer("127.0.0.1", 0, hang, lambda line: None)
    sender = osc_client.SimpleUDPClient("127.0.0.1", server.port)
    sender.send_message(PREFIX + "mirror", 1)
    assert asked.wait(5)
    begin_s = time.monotonic()
    server.close()
    assert time.monotonic() - begin_s < 2
    sender._sock.close()


def test_broken_packets_are_told_once(client, desk: Desk, said: list[str], capfd):
    for _ in range(20):
        client._sock.sendto(b"#bundle\0" + b"\xff" * 40, (client._address, client._port))
    client.send_message(PREFIX + "mirror", 1)
    assert obeyed(desk, lambda s: s.mirror)
    assert len([line for line in said if "no OSC message" in line]) <= 1
    assert "Traceback" not in capfd.readouterr().err
