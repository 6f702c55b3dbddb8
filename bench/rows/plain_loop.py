"""The loop that everybody writes first: one frame after the other, no sound.

PyAV decodes, ONNX Runtime paints, PyAV encodes.

python -m bench.rows.plain_loop MODEL.onnx STYLE_INDEX INPUT OUTPUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
import onnxruntime

from engines import load_model
from engines.conditions import conditions_of
from realtime.media.writing.encoding import Encoding


def main(model: str, style_index: str, source: str, target: str) -> None:
    """Paint the file ``source`` into ``target``."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    described = load_model(Path(model))
    style = np.eye(1, described.own_styles, int(style_index), dtype=np.float32)
    encoding = Encoding()
    with av.open(source) as clip, av.open(target, "w") as output:
        video = clip.streams.video[0]
        video.thread_type = "AUTO"
        stream = output.add_stream(
            encoding.codec_for(Path(target)),
            rate=video.average_rate,
            options=encoding.options_for(Path(target)),
        )
        stream.height, stream.width, stream.pix_fmt = video.height, video.width, "yuv420p"
        stream.codec_context.time_base = video.time_base
        given = conditions_of(described, style, (video.height, video.width))
        for frame in clip.decode(video):
            given["frame"] = frame.to_ndarray(format="rgb24")[None]
            painted = session.run(["stylized"], given)[0][0]
            picture = av.VideoFrame.from_ndarray(painted, "rgb24")
            picture.pts, picture.time_base = frame.pts, frame.time_base
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))


if __name__ == "__main__":
    main(*sys.argv[1:])
