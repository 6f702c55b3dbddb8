"""WebM, the Matroska of the web, with its codecs alone."""

from realtime.media.file_format import VideoFormat

WEBM = VideoFormat(
    suffixes=(".webm",),
    rank=4,
    container="webm",
    encoder="libvpx-vp9",
    alpha_encoder="libvpx-vp9",
    sound="libopus",
    subtitles="webvtt",
    has_alpha_beside=True,
    keeps_start=True,
)
