"""Text subtitles between the ways in which containers write them down.

Styling is lost where the target has none.
"""

from __future__ import annotations

import re

# Codec names of FFmpeg whose packets are text; pictures of text (PGS, DVD, DVB) are not among them.
TEXT_CODECS = ("subrip", "srt", "text", "webvtt", "ass", "ssa", "mov_text")

# mov_text's encoder wants to know a style to write into the header: the plainest.
ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, \
Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, \
Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""

_TAGS = re.compile(r"<[^<>]{1,80}>|\{\\[^{}]*\}")
_ASS_FIELDS_BEFORE_TEXT = 8


def subtitle_text(data: bytes, codec: str) -> str:
    """Return the words of one packet; none of a packet that mov_text writes into a pause."""
    if codec == "mov_text":
        return data[2 : 2 + int.from_bytes(data[:2], "big")].decode("utf-8", "replace")
    text = data.decode("utf-8", "replace")
    if codec in ("ass", "ssa"):
        text = text.split(",", _ASS_FIELDS_BEFORE_TEXT)[-1]
        text = text.replace(r"\N", "\n").replace(r"\n", "\n").replace(r"\h", " ")
    return _TAGS.sub("", text).strip()


def subtitle_packet(text: str, codec: str) -> bytes:
    """Return ``text`` as a packet of ``codec``, one of mov_text, webvtt, subrip."""
    data = text.encode()
    return len(data[:65_535]).to_bytes(2, "big") + data[:65_535] if codec == "mov_text" else data
