"""The live program under a long evening's strain, run as a user runs it and watched from outside.

One run_cam.py serves pages, obeys OSC and reads a stream that keeps breaking off, while styles
change, recordings start and stop, and browsers come and go, every second of them without a goodbye.
Then it is ended in every state it can be in.
"""

from __future__ import annotations

import contextlib
import json
import math
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import ROOT
from bench.tools.breaking_stream import BreakingStream
from bench.tools.growth import GIVES_BACK
from bench.tools.live_program import END_S, Held, LiveProgram
from bench.tools.virtual_screen import virtual_screen
from realtime.cli import say
from realtime.picture.sizes import size_text

SIZE = (120, 160)
FPS = 45.0  # some of it is lost while the stream is away
SLOPE_KB = 0.05  # a frame: 54 MiB in ten hours at 30 fps
REST_S = 40.0  # ICE needs half a minute to notice that a browser is gone
_BROKEN_S = 0.3

Found = list[tuple[str, bool, str]]


@dataclass(frozen=True)
class Plan:
    """What happens in ``seconds``, spread evenly."""

    seconds: float
    frames: int
    switches: int
    recordings: int
    breaks: int
    browsers: int


def plan_for(minutes: float) -> Plan:
    """Return what happens in ``minutes``, in proportion to ten of them.

    Ten minutes hold 20,000 frames, 200 switches, 50 recordings, 50 breaks of the stream and 100
    browsers.
    """
    share = minutes / 10
    counts = (max(1, round(share * whole)) for whole in (20_000, 200, 50, 50, 100))
    return Plan(60 * minutes, *counts)


class _Show:
    """One program under way, and what is done to it. Every method returns at once."""

    def __init__(self, osc_port: int, address: str) -> None:
        self._address, self._osc_port = address, osc_port
        self._watchers: list[tuple[subprocess.Popen, float]] = []
        self._random = random.Random(0)
        self.begun = self.greeted = 0
        self.seen_s: list[float] = []

    def perform(self, name: str, *value: object) -> None:
        from pythonosc.udp_client import SimpleUDPClient

        with SimpleUDPClient("127.0.0.1", self._osc_port) as client:
            client.send_message(f"/livebrush/{name}", list(value))

    def switch(self) -> None:
        self.perform("style", self._random.randint(1, 9))

    def let_in(self) -> None:
        """Start a browser that stays two seconds.

        Every second one sends its camera, every second one will not say goodbye.
        """
        leaves = self.begun % 2 == 0
        command = [
            sys.executable,
            "-m",
            "bench.tools.watcher",
            self._address,
            "2" if leaves else "60",
        ]
        command += ["--camera"] if self.begun % 4 < 2 else []
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._watchers.append((process, float("inf") if leaves else time.monotonic() + 6))
        self.begun += 1
        self.greeted += leaves

    def see_off(self) -> None:
        """Kill whose time has come, and count what those have seen that have left by themselves."""
        for process, until_s in list(self._watchers):
            if time.monotonic() > until_s:
                process.kill()
            elif process.poll() is None:
                continue
            text = process.communicate()[0].strip()
            self.seen_s += [float(text)] if text else []
            self._watchers.remove((process, until_s))

    @property
    def watched(self) -> bool:
        return bool(self._watchers)


# Thirty browsers take 3.7 MiB that come back with the next thirty: +1.1, then -0.7 (measured).
WARM_UP = Plan(90, 0, switches=9, recordings=3, breaks=2, browsers=40)


def check_strain(
    plan: Plan, folder: Path, warm_up: Plan = WARM_UP, rest_s: float = REST_S
) -> Found:
    """Strain the live program and return (what, whether it is so, what was seen) of each check.

    Everything is written into ``folder``. ``warm_up`` comes before and does not count; ``rest_s``:
    how long it is left alone before what it holds is looked at.
    """
    osc_port, report = _free_port(), folder / "report.json"
    with BreakingStream(SIZE, FPS) as stream:
        flags = (
            "--source",
            stream.address,
            "--size",
            size_text(SIZE),
            "--osc",
            osc_port,
            "--report",
            report,
        )
        with LiveProgram(
            folder, "--serve", "127.0.0.1:0", *flags, environment=GIVES_BACK
        ) as program:
            address = program.wait_for("open http").removeprefix("open ").strip()
            show = _Show(osc_port, address)
            _perform(warm_up, show, stream)
            before = _at_rest(show, program, rest_s)
            say(f"live soak: {plan.seconds:.0f} s")
            _perform(plan, show, stream)
            after = _at_rest(show, program, rest_s)
            ended_s = program.end()
        said = program.said
    figures = json.loads(report.read_text(encoding="utf-8"))
    shown = plan.seconds * figures["frames_out"] / max(figures["wall_s"], 1)
    return [
        _memory(before, after, shown),
        _same("live: threads stay the same", before.threads, after.threads),
        _same("live: open files stay the same", before.files, after.files),
        *_counts(plan, warm_up, show, said, folder, figures["frames_out"]),
        ("live: ends within 3 s after all that", ended_s <= END_S, f"{ended_s:.1f} s"),
    ]


def _perform(plan: Plan, show: _Show, stream: BreakingStream) -> None:
    """Do what is planned at its times."""
    events = _events(plan, show, stream)
    begin_s = time.monotonic()
    while (now_s := time.monotonic() - begin_s) < plan.seconds:
        while events and events[0][0] <= now_s:
            events.pop(0)[1]()
        show.see_off()
        time.sleep(0.05)


def _events(
    plan: Plan, show: _Show, stream: BreakingStream
) -> list[tuple[float, Callable[[], None]]]:
    def spread(
        count: int, act: Callable[[], None], place: float
    ) -> list[tuple[float, Callable[[], None]]]:
        """Return ``count`` times for ``act``, spread evenly.

        place: where in its share of the time each of them lies, 0..1.
        """
        return [((n + place) * plan.seconds / count, act) for n in range(count)]

    events = spread(plan.switches, show.switch, 0.5) + spread(plan.browsers, show.let_in, 0.3)
    events += spread(plan.recordings, lambda: show.perform("record", 1), 0.1)
    events += spread(plan.recordings, lambda: show.perform("record", 0), 0.7)
    for at_s, _ in spread(plan.breaks, stream.stop, 0.4):
        events += [(at_s, stream.stop), (at_s + _BROKEN_S, stream.go_on)]
    return sorted(events, key=lambda event: event[0])


def _at_rest(show: _Show, program: LiveProgram, rest_s: float) -> Held:
    """Return what is held once everybody has left and the program has noticed."""
    while show.watched:
        show.see_off()
        time.sleep(0.1)
    time.sleep(rest_s)
    samples = []
    for _ in range(9):
        samples.append(program.held())
        time.sleep(0.2)
    return Held(
        *(
            median(getattr(sample, name) for sample in samples)
            for name in ("rss_kb", "threads", "files")
        )
    )


def _memory(before: Held, after: Held, frames: float) -> tuple[str, bool, str]:
    """Judge by how much more is held at rest: what browsers take while they watch is not growth."""
    slope_kb = (after.rss_kb - before.rss_kb) / max(frames, 1)
    seen = f"{slope_kb:+.3f} KiB a frame, at rest, at {after.rss_kb / 1024:.0f} MiB"
    return (
        f"live: memory grows by less than {SLOPE_KB:g} KiB a frame",
        slope_kb < SLOPE_KB,
        seen,
    )


def _counts(
    plan: Plan, warm_up: Plan, show: _Show, said: list[str], folder: Path, frames: int
) -> Found:
    recordings = [path for path in folder.glob("livebrush-*.mp4") if ".partial" not in path.name]
    whole, wanted = sum(map(_plays, recordings)), plan.recordings + warm_up.recordings
    back, breaks = sum("is back" in line for line in said), plan.breaks + warm_up.breaks
    return [
        (
            "live: frames shown",
            frames >= plan.frames,
            f"{frames} of at least {plan.frames}, {plan.switches} switches",
        ),
        ("live: every recording is whole", whole == wanted, f"{whole} of {wanted}"),
        (
            "live: the stream is opened again each time it breaks",
            back >= breaks,
            f"{back} of {breaks}",
        ),
        (
            "live: browsers that come see the painting",
            len(show.seen_s) == show.greeted,
            f"{len(show.seen_s)} of {show.greeted}, the first picture after "
            f"{median(show.seen_s or [math.inf]):.1f} s, at most "
            f"{max(show.seen_s, default=math.inf):.1f}; "
            f"{show.begun - show.greeted} more were killed",
        ),
    ]


def _plays(path: Path) -> bool:
    import av

    with contextlib.suppress(av.error.FFmpegError, OSError), av.open(str(path)) as file:
        return next(file.decode(video=0), None) is not None
    return False


def check_ends(folder: Path) -> Found:
    """SIGTERM in every state; the slowest end counts. As ``check_strain``."""
    took_s: dict[str, float] = {}
    with BreakingStream(SIZE, 25) as stream, virtual_screen() as display:
        for state, enter in _STATES.items():
            if state == "window" and display is None:
                continue
            stream.go_on()
            osc_port = _free_port()
            flags = ["--source", stream.address, "--size", size_text(SIZE), "--osc", osc_port]
            flags += [] if state == "window" else ["--serve", "127.0.0.1:0"]
            with LiveProgram(folder, *flags, environment={"DISPLAY": display or ""}) as program:
                enter(program, stream, osc_port)
                took_s[state] = program.end()
    left_out = "" if "window" in took_s else "; the window was left out, Xvfb is not installed"
    seen = ", ".join(f"{state} {seconds:.1f}" for state, seconds in took_s.items())
    return [
        (
            f"live: ends within {END_S:g} s from every state",
            max(took_s.values()) <= END_S,
            f"{seen} s{left_out}",
        )
    ]


def _begin_painting(
    program: LiveProgram, _stream: BreakingStream, osc_port: int, *commands: tuple[str, object]
) -> _Show:
    address = program.wait_for("open http").removeprefix("open ").strip()
    show = _Show(osc_port, address)
    time.sleep(1)
    for name, value in commands:
        show.perform(name, value)
    time.sleep(0.7)
    return show


def _lose_stream(program: LiveProgram, stream: BreakingStream, osc_port: int) -> None:
    _begin_painting(program, stream, osc_port)
    stream.stop()
    program.wait_for("reopening")


def _let_browser_in(program: LiveProgram, stream: BreakingStream, osc_port: int) -> None:
    show = _begin_painting(program, stream, osc_port)
    show.let_in()
    time.sleep(3)


def _use_window(program: LiveProgram, _stream: BreakingStream, osc_port: int) -> None:
    program.wait_for("engine:")
    show = _Show(osc_port, "")
    time.sleep(1)
    for name in ("compare", "strip", "sheet", "help", "fullscreen", "record"):
        show.perform(name)
        time.sleep(0.2)


_STATES: dict[str, Callable[[LiveProgram, BreakingStream, int], object]] = {
    "starting": lambda *_: time.sleep(0.7),
    "painting": _begin_painting,
    "recording": lambda *of: _begin_painting(*of, ("record", 1)),
    "frozen": lambda *of: _begin_painting(*of, ("freeze", 1)),
    "another size being opened": lambda *of: _begin_painting(*of, ("brush", 0.5)),
    "a browser watching": _let_browser_in,
    "the stream lost": _lose_stream,
    "window": _use_window,
}


def _same(what: str, before: float, after: float) -> tuple[str, bool, str]:
    return (
        what,
        after <= before,
        f"{before:.0f}" if before == after else f"{before:.0f} to {after:.0f}",
    )


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
