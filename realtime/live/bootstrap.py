"""Import order and the probe for a screen: what must be settled before the first window.

Touches no pixels.

On Linux ``import av`` before ``import cv2`` makes OpenCV's Qt window hang for ever, because both
wheels carry a libxcb and the second one loses; and without a display OpenCV aborts the whole
process instead of raising. So a program that wants a window calls ``import_for_window`` first, and
asks ``display_problem`` before it opens one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType

from engines.errors import SinkError

PROBE_TIMEOUT_S = 20.0  # OpenCV is imported in it, which takes its time on a busy machine

# The window is never shown: leaving at once, before the event loop has run, keeps it from flashing
# up on a desktop.
_PROBE = "import cv2, os; cv2.namedWindow('probe', cv2.WINDOW_NORMAL); os._exit(0)"


def import_for_window() -> ModuleType:
    """Import cv2, then av, in the order in which a window works, and return cv2.

    Raises SinkError if av is already there without cv2 before it, or if cv2 cannot be imported: a
    refusal is better than a window that hangs.
    """
    loaded = list(sys.modules)  # in the order of import
    if "av" in loaded and ("cv2" not in loaded or loaded.index("av") < loaded.index("cv2")):
        raise SinkError(
            "a window cannot be opened after `import av`: "
            "call realtime.live.bootstrap.import_for_window() first."
        )
    try:
        import cv2
    except ImportError as error:
        raise SinkError(
            f"a window needs OpenCV: {error}. `pip install opencv-python`, or use --headless."
        ) from error
    import av  # noqa: F401  (loaded here so that nobody can load it too early)

    # Its warnings would stand beside our one clear line.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def display_problem(timeout_s: float = PROBE_TIMEOUT_S) -> str | None:
    """Say why no window can be opened here; None if one can.

    Asks another process, which OpenCV may abort.
    """
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return "there is no display: DISPLAY is not set"
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return f"the display did not answer within {timeout_s:.0f} s"
    if probe.returncode == 0:
        return None
    lines = probe.stderr.decode(errors="replace").strip().splitlines()
    hint = next(
        (line for line in lines if "display" in line.lower() or "error" in line.lower()), ""
    )
    where = f" ({os.environ['DISPLAY']})" if os.environ.get("DISPLAY") else ""
    return f"the display{where} cannot be opened" + (f": {hint.strip()}" if hint else "")
