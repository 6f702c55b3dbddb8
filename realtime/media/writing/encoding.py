"""How a painted video is encoded: by which encoder, how fine, how slow.

Knows settings, not frames.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import UsageError
from engines.machine import processor
from realtime.media.format_registry import video_format

if TYPE_CHECKING:
    from av.codec.context import CodecContext, CodecOption

AUDIO_MODES = ("copy", "aac", "none")

# The CPU time is the network's. 100 painted frames of 512x480 at crf 18 with libx264, CPU time a
# frame and size of all: superfast 2.5 ms, 953 kB; veryfast 3.5 ms, 618 kB; medium 13.4 ms, 674 kB.
_DEFAULTS = {
    "libx264": {"crf": "18", "preset": "veryfast"},
    "libx265": {"crf": "20", "preset": "veryfast"},
    "libsvtav1": {"crf": "28", "preset": "9"},
    "libvpx-vp9": {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"},
    **{
        name: {"rc": "vbr", "cq": "20", "b": "0", "preset": "p5"}
        for name in ("h264_nvenc", "hevc_nvenc", "av1_nvenc")
    },
}

# Only these two encoders do not tell FFmpeg which values they take.
_X26X_PRESETS = [
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
]
_X26X_CRF = (0, 51)


@dataclass(frozen=True)
class Encoding:
    """What the user asks of the encoding of a video."""

    codec: str | None = None
    """The encoder, as FFmpeg calls it; None: the one that the format is known for."""

    crf: int | None = None
    """Quality, lower is better; None: the encoder's default above."""

    preset: str | None = None
    """Speed, as the encoder calls it; None: the encoder's default above."""

    audio: str = "copy"
    """What becomes of sound, one of AUDIO_MODES."""

    keeps_alpha: bool = False
    """Whether transparency is asked for, which is drawn where the input has none."""

    def codec_for(self, path: Path) -> str:
        """Return the encoder for a video file of this name."""
        form = video_format(path)
        return self.codec or (self.keeps_alpha and form.alpha_encoder) or form.encoder

    def options_for(self, path: Path) -> dict[str, str]:
        """Return the encoder's options for a video file of this name.

        Raises UsageError for an encoder that does not exist here or does not fit the container, for
        a setting that it does not have, and for a value that the setting cannot have.
        """
        codec = self.codec_for(path)
        context = _open_encoder(codec)
        if codec.endswith("_nvenc"):
            _check_nvenc(codec)
        _check_container(codec, context, path)
        asked = {"preset": self.preset} if self.preset is not None else {}
        if self.crf is not None:
            asked = {_quality(codec): str(self.crf), **asked}
        known = {option.name: option for option in context.supported_options.private}
        for name, value in asked.items():
            _check_setting(codec, name, value, known)
        return {**_DEFAULTS.get(codec, {}), **_repeatable(codec), **asked}


def _open_encoder(codec: str) -> CodecContext:
    import av

    try:
        return av.CodecContext.create(codec, "w")
    except (av.error.FFmpegError, ValueError) as error:
        raise UsageError(
            f"--vcodec {codec}: there is no such encoder here. Usual ones: {', '.join(_DEFAULTS)}."
        ) from error


def _check_container(codec: str, context: CodecContext, path: Path) -> None:
    import av

    with av.open(io.BytesIO(), "w", format=video_format(path).container) as container:
        fits = context.codec.canonical_name in container.supported_codecs
    if context.type != "video" or not fits:
        raise UsageError(
            f"--vcodec {codec}: does not go into {path.suffix} files. Usual ones: "
            f"{', '.join(_DEFAULTS)}."
        )


def _check_setting(codec: str, name: str, value: str, known: dict[str, CodecOption]) -> None:
    flag = "--preset" if name == "preset" else "--crf"
    if name not in known:
        raise UsageError(f"{flag}: {codec} has no such setting.")
    allowed = _allowed(codec, known[name])
    if allowed and value not in allowed:
        span = allowed if name == "preset" else [allowed[0], "to", allowed[-1]]
        raise UsageError(f"{flag} {value}: {codec} takes {' '.join(span)}.")


def _repeatable(codec: str) -> dict[str, str]:
    """Return options with which the same frames always become the same bits.

    x264's AVX-512 code gives other bits now and then, so that a resumed run would differ from a
    whole one; with AVX2 alone it does not, at the same speed.
    """
    if codec.startswith("libx264") and " avx512f " in processor():
        return {"x264-params": "asm=avx2"}
    return {}


def _quality(codec: str) -> str:
    """Return what the encoder calls a constant quality."""
    return "cq" if codec.endswith("_nvenc") else "crf"


def _check_nvenc(codec: str) -> None:
    """Raise UsageError if no NVIDIA GPU here encodes ``codec``.

    FFmpeg only says that it is not permitted.
    """
    import av
    from av.video.codeccontext import VideoCodecContext

    probe = av.CodecContext.create(codec, "w")
    try:
        if isinstance(probe, VideoCodecContext):
            probe.width, probe.height, probe.pix_fmt = 640, 480, "yuv420p"
        probe.time_base = Fraction(1, 25)
        probe.open()
    except (av.error.FFmpegError, ValueError) as error:
        raise UsageError(
            f"--vcodec {codec}: no NVIDIA GPU here encodes it, or its driver is missing; some "
            "cards of data centres have no encoder. Use --vcodec libx264."
        ) from error


def _allowed(codec: str, option: CodecOption) -> list[str]:
    """Return the values that the encoder takes for --crf or --preset, in order.

    Empty if it does not tell.
    """
    x26x = codec in ("libx264", "libx264rgb", "libx265")
    if option.name == "preset" and (x26x or option.choices):
        return _X26X_PRESETS if x26x else [choice.name for choice in option.choices]
    low, high = _X26X_CRF if x26x else (int(option.min), int(option.max))
    return [str(value) for value in range(low, high + 1)] if 0 < high - low < 1000 else []
