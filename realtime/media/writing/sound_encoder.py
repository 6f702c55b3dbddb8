"""Finds how an encoder takes a track of sound: its channels, its rate, its bit rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from realtime.media.packets import name_layout

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer

# Tried after a track's own channels and the usual ones of their number.
_LAYOUTS = {"7.1": 8, "5.1": 6, "stereo": 2, "mono": 1}
_BITS_A_CHANNEL = 64_000


def add_encoder(output: OutputContainer, codec: str, track: AudioStream) -> AudioStream | None:
    """Add a stream to ``output`` in which ``codec`` encodes ``track``; None if it cannot.

    It keeps the channels as far as the encoder takes them, and the rate, or the next higher one.
    """
    import av

    name_layout(track)
    channels, rates_hz = track.layout.nb_channels, av.Codec(codec, "w").audio_rates or ()
    if not channels or not track.rate:
        return None
    higher = [rate for rate in rates_hz if rate >= track.rate]
    rate_hz = track.rate if not rates_hz else min(higher, default=max(rates_hz))
    fewer = (name for name, count in _LAYOUTS.items() if count <= channels)
    for layout in dict.fromkeys((track.codec_context.layout.name, f"{channels}c", *fewer)):
        if _opens(codec, rate_hz, layout):
            stream = cast(
                "AudioStream",  # which PyAV's types know only for encoders that they list
                output.add_stream(codec, rate=rate_hz, layout=layout),
            )
            if channels > 2:
                stream.codec_context.bit_rate = _BITS_A_CHANNEL * stream.layout.nb_channels
            return stream
    return None


def _opens(codec: str, rate_hz: int, layout: str) -> bool:
    import av
    from av.audio.codeccontext import AudioCodecContext

    encoder = cast(AudioCodecContext, av.CodecContext.create(codec, "w"))
    try:
        encoder.sample_rate, encoder.layout = rate_hz, layout
        encoder.format = (av.Codec(codec, "w").audio_formats or [encoder.format])[0]
        encoder.open()
    except (av.error.FFmpegError, ValueError):
        return False
    return True
