"""--doctor: what of the live view works on this machine, and what to install for the rest.

It is found by trying it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec

from engines import installed_models
from engines.install import install_line
from engines.measured import CPU_ENGINES
from realtime.controls.keys import user_keys_file
from realtime.controls.midi import input_names
from realtime.listing import list_engines
from realtime.live.camera_devices import camera_problem, camera_titles
from realtime.live.desktop import display_problem
from realtime.live.sinks.virtual_camera import loopback_devices

_ENCODERS = ("libx264", "aac")  # what recordings are made with


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    found: str = ""
    """What there is of it, for people."""
    missing: str | None = None
    """Why it does not work and what to do, None if it works."""
    optional: bool = False
    """Whether all that most people want works without it."""


def add_doctor_flag(group: argparse._ArgumentGroup) -> None:
    """Add --doctor; answered by ``print_findings``."""
    group.add_argument(
        "--doctor",
        action="store_true",
        help="tell what works here, and what to install for the rest",
    )


def examine() -> list[Finding]:
    """Look at everything, in the order in which a user meets it.

    Takes a few seconds; opens no camera.
    """
    return [finding for part in _PARTS for finding in part()]


def print_findings(as_json: bool) -> int:
    """Tell on stdout, for people or as JSON; return the exit code.

    It is 0: nothing is wrong with a missing camera.
    """
    findings = examine()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
        return 0
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        mark = "optional" if finding.optional else "missing"
        mark, text = ("ok", finding.found) if finding.missing is None else (mark, finding.missing)
        print(f"{mark:8}  {finding.what:{width}}  {text}".rstrip())
    return 0


def _examine_cameras() -> Iterator[Finding]:
    titles = camera_titles()
    for number, title in titles.items():
        yield Finding(f"camera {number}", title, camera_problem(number))
    if not titles:
        known = sys.platform.startswith("linux")
        missing = (
            "there is none. Plug one in; --source test works without."
            if known
            else "not listed on this system: try --source 0"
        )
        yield Finding("cameras", missing=missing)


def _examine_engines() -> Iterator[Finding]:
    rows = list_engines()
    # One that runs a model on the CPU is enough.
    runs = any(row["engine"] in CPU_ENGINES and not row["unavailable"] for row in rows)
    for row in rows:
        yield Finding(f"engine {row['engine']}", row["summary"], row["unavailable"], runs)
    names = [f"{model.name} ({len(model.styles) - 1} styles)" for model in installed_models()]
    yield Finding(
        "models", ", ".join(names), None if names else "none is installed: install Livebrush again."
    )


def _examine_screen() -> Iterator[Finding]:
    problem = display_problem()
    yield Finding(
        "window",
        "the screen opens windows",
        problem and f"{problem}. --headless and --serve work without.",
    )


def _examine_encoders() -> Iterator[Finding]:
    for name in _ENCODERS:
        yield Finding(f"encoder {name}", "records", _find_encoder_problem(name))


def _find_encoder_problem(name: str) -> str | None:
    import av

    try:
        av.CodecContext.create(name, "w")
    except (av.error.FFmpegError, ValueError) as error:
        return f"this build of PyAV has none ({error}). pip install --force-reinstall av"
    return None


def _examine_virtual_camera() -> Iterator[Finding]:
    if sys.platform.startswith("linux"):
        devices = loopback_devices()
        hint = (
            "sudo apt install v4l2loopback-dkms; "
            "sudo modprobe v4l2loopback exclusive_caps=1 card_label=Livebrush"
        )
        yield Finding("virtual camera", ", ".join(devices), None if devices else hint, True)
    else:
        yield Finding(
            "virtual camera",
            "pyvirtualcam",
            None if find_spec("pyvirtualcam") else install_line("virtual-cam"),
            optional=True,
        )


def _examine_ndi() -> Iterator[Finding]:
    missing = None if find_spec("cyndilib") else install_line("ndi")
    yield Finding("NDI", "--ndi NAME", missing, optional=True)


def _examine_remotes() -> Iterator[Finding]:
    missing = [name for name in ("fastapi", "uvicorn", "aiortc", "segno") if not find_spec(name)]
    yield Finding("page", "studio, --serve", install_line("web") if missing else None, True)
    yield Finding(
        "OSC", "--osc PORT", None if find_spec("pythonosc") else install_line("osc"), True
    )
    yield _examine_midi()
    keys = user_keys_file()
    yield Finding(
        "keys of your own", str(keys) if keys.exists() else f"none; they would be in {keys}"
    )


def _examine_midi() -> Finding:
    try:
        names = input_names()
    except ImportError:
        return Finding("MIDI", missing=install_line("midi"), optional=True)
    except OSError as error:
        return Finding("MIDI", missing=f"this system has none ({error})", optional=True)
    return Finding("MIDI", ", ".join(names) or "no controller is plugged in")


_PARTS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _examine_cameras,
    _examine_engines,
    _examine_screen,
    _examine_encoders,
    _examine_virtual_camera,
    _examine_ndi,
    _examine_remotes,
)
