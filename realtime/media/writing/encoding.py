"""How a painted video is encoded: which container and encoder, how fine, how slow.

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

if TYPE_CHECKING:
    from av.codec.context import CodecOption

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
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
    """None means: the encoder that the container is known for, and its defaults above.

    ``audio``: one of AUDIO_MODES.
    """

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    audio: str = "copy"

    def codec_for(self, path: Path) -> str:
        return self.codec or ("libvpx-vp9" if path.suffix.lower() == ".webm" else "libx264")

    def options_for(self, path: Path) -> dict[str, str]:
        """The encoder's options for a file of this name.

        Raises UsageError for an encoder that does not exist here or does not fit the container, for
        a setting that it does not have, and for a value that the setting cannot have.
        """
        import av

        codec = self.codec_for(path)
        try:
            context = av.CodecContext.create(codec, "w")
        except (av.error.FFmpegError, ValueError) as error:
            raise UsageError(
                f"--vcodec {codec}: there is no such encoder here. Usual ones: {', '.join(_DEFAULTS)}."
            ) from error
        if codec.endswith("_nvenc"):
            _check_nvenc(codec)
        with av.open(io.BytesIO(), "w", format=CONTAINERS[path.suffix.lower()]) as container:
            if (
                context.type != "video"
                or context.codec.canonical_name not in container.supported_codecs
            ):
                raise UsageError(
                    f"--vcodec {codec}: does not go into {path.suffix} files. Usual ones: {', '.join(_DEFAULTS)}."
                )
        asked = {
            _quality(codec): None if self.crf is None else str(self.crf),
            "preset": self.preset,
        }
        known = {option.name: option for option in context.supported_options.private}
        for name, value in asked.items():
            flag = "--preset" if name == "preset" else "--crf"
            if value is not None and name not in known:
                raise UsageError(f"{flag}: {codec} has no such setting.")
            if (
                value is not None
                and (allowed := _allowed(codec, known[name]))
                and value not in allowed
            ):
                span = allowed if name == "preset" else (allowed[0], "to", allowed[-1])
                raise UsageError(f"{flag} {value}: {codec} takes {' '.join(span)}.")
        return {
            **_DEFAULTS.get(codec, {}),
            **_repeatable(codec),
            **{name: value for name, value in asked.items() if value is not None},
        }


def _repeatable(codec: str) -> dict[str, str]:
    """x264's AVX-512 code gives other bits for the same frames now and then, so that a resumed run
    would differ from a whole one; with AVX2 alone it does not, at the same speed.
    """
    return (
        {"x264-params": "asm=avx2"}
        if codec.startswith("libx264") and " avx512f " in processor()
        else {}
    )


def _quality(codec: str) -> str:
    """What the encoder calls a constant quality."""
    return "cq" if codec.endswith("_nvenc") else "crf"


def _check_nvenc(codec: str) -> None:
    """Raises UsageError if no NVIDIA card here encodes ``codec``: FFmpeg only says that it is not
    permitted.
    """
    import av

    probe = av.CodecContext.create(codec, "w")
    probe.width, probe.height, probe.pix_fmt, probe.time_base = 640, 480, "yuv420p", Fraction(1, 25)
    try:
        probe.open()
    except (av.error.FFmpegError, ValueError) as error:
        raise UsageError(
            f"--vcodec {codec}: no NVIDIA GPU here encodes it, or its driver is missing; some cards of data centres have no "
            "encoder. Use --vcodec libx264."
        ) from error


def _allowed(codec: str, option: CodecOption) -> list[str]:
    """The values that the encoder takes for --crf or --preset, in order; empty if it does not tell."""
    x26x = codec in ("libx264", "libx264rgb", "libx265")
    if option.name == "preset" and (x26x or option.choices):
        return _X26X_PRESETS if x26x else [choice.name for choice in option.choices]
    low, high = _X26X_CRF if x26x else (int(option.min), int(option.max))
    return [str(value) for value in range(low, high + 1)] if 0 < high - low < 1000 else []
