"""An X server without a monitor, for windows that nobody is there to look at."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator


@contextlib.contextmanager
def virtual_screen(size: str = "1920x1080") -> Iterator[str | None]:
    """Give the DISPLAY of an Xvfb that ends with the block; None where Xvfb is not installed.

    size: WIDTHxHEIGHT.
    """
    if not shutil.which("Xvfb"):
        yield None
        return
    reading, writing = os.pipe()
    # Without -noreset it begins anew when its last client goes, and whoever comes at that moment is
    # turned away.
    command = [
        "Xvfb",
        "-displayfd",
        str(writing),
        "-screen",
        "0",
        f"{size}x24",
        "-nolisten",
        "tcp",
        "-noreset",
    ]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    try:
        os.close(writing)
        with os.fdopen(reading) as pipe:
            number = pipe.readline().strip()  # written once it is ready
        yield f":{number}" if number else None
    finally:
        server.terminate()
        server.wait(10)
