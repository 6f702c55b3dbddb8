"""MP4, which everything plays."""

from realtime.media.file_format import VideoFormat

MP4 = VideoFormat(
    suffixes=(".mp4", ".m4v"),
    rank=1,
    container="mp4",
    subtitles="mov_text",
    covers="track",
    has_timescale=True,
    keeps_start=True,
    options={"movflags": "+faststart"},
)
