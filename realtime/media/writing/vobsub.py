"""VobSub, the subtitles of DVDs: pictures that are placed on a canvas of a size of its own."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.subtitles.stream import SubtitleStream

_LOG_LEVEL = threading.Lock()


def header_with_canvas(container: InputContainer, track: SubtitleStream) -> bytes:
    """Return the track's header with the size of its canvas in it.

    Matroska has it there. MP4 has it with the track, where only FFmpeg's own description of the
    file tells it. Without it players take 720x480, and put the text in another place and size.
    """
    header = track.codec_context.extradata or b""
    if b"size:" in header:
        return header
    line = rf"Stream #0:{track.index}\D.*Subtitle: dvd_subtitle.*?, (\d+)x(\d+)"
    found = re.search(line, _describe(container))
    return b"size: %sx%s\n" % tuple(map(str.encode, found.groups())) + header if found else header


def _describe(container: Any) -> str:  # PyAV's types do not know of dumps_format
    import av

    with _LOG_LEVEL:
        level = av.logging.get_level()
        av.logging.set_level(av.logging.INFO)  # at which FFmpeg describes
        try:
            return str(container.dumps_format())
        finally:
            av.logging.set_level(level)
