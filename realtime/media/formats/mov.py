"""QuickTime, which takes the codecs of film editing."""

from realtime.media.file_format import VideoFormat

MOV = VideoFormat(
    suffixes=(".mov",),
    rank=2,
    container="mov",
    alpha_encoder="prores_ks",
    subtitles="mov_text",
    has_timescale=True,
    keeps_start=True,
    options={"movflags": "+faststart"},
)
