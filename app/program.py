"""What the application starts: the studio by a double click, the programs by a word.

Livebrush                       the studio, in this machine's browser
Livebrush stylize clip.mp4      what stylize_video.py does
Livebrush live --source test    what run_cam.py does; so does all that begins otherwise

It stands in for Python where the programs start something of their own: -m MODULE, -c CODE.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
from importlib.util import find_spec

from realtime.exits import end_by_exceptions

NAME = "Livebrush"
_LIBRARIES = "LD_LIBRARY_PATH"


def main() -> None:
    """Run what the command line names."""
    multiprocessing.freeze_support()
    _let_others_find_theirs()
    words = sys.argv[1:]
    if words[:1] == ["-c"]:
        exec(words[1], {"__name__": "__main__"})
    elif words[:1] == ["-m"]:
        _run_module(words[1], words[2:])
    elif words[:1] == ["stylize"]:
        _run_program("stylize_video", f"{NAME} stylize", words[1:])
    elif words:
        _run_program("run_cam", NAME, words[1:] if words[0] == "live" else words)
    else:
        end_by_exceptions()
        from app.studio import open_studio

        sys.argv[0] = NAME
        open_studio()


def _let_others_find_theirs() -> None:
    """Leave the folder of our libraries out for programs of the system, such as a browser."""
    if not getattr(sys, "frozen", False) or _LIBRARIES not in os.environ:
        return
    before = os.environ.pop(f"{_LIBRARIES}_ORIG", None)
    if before is None:
        del os.environ[_LIBRARIES]
    else:
        os.environ[_LIBRARIES] = before


def _run_program(module: str, name: str, words: list[str]) -> None:
    end_by_exceptions()  # first: the rest takes a moment to be imported
    sys.argv = [name, *words]
    if module == "run_cam":
        import run_cam

        run_cam.script()
    import stylize_video

    stylize_video.script()


def _run_module(module: str, words: list[str]) -> None:
    from engines.install import install_line

    if find_spec(module.partition(".")[0]) is None:
        told = f"error: {module} is not in this application: {install_line('train')}"
        print(told, file=sys.stderr)
        sys.exit(4)
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
