"""Matroska, which keeps everything that an input has."""

from realtime.media.file_format import VideoFormat

MATROSKA = VideoFormat(
    suffixes=(".mkv",),
    rank=3,
    container="matroska",
    alpha_encoder="ffv1",
    subtitles="subrip",
    covers="attachment",
    has_attachments=True,
    has_alpha_beside=True,
    keeps_start=True,
)
