"""Networks that paint in the manner of any picture: two files, one that looks and one that paints.

As Magenta's (Ghiasi et al. 2017): the first makes a row of numbers of a painting, the second is
given it beside the photo. Here the first runs once, at the import, and its rows become the styles
of the model file; rows can be mixed, so the styles blend as any others.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from engines.errors import ExportError
from export.foreign.asked import Asked
from export.foreign.contract import RANGES
from export.foreign.kinds import kind_of
from export.foreign.onnx_file import Port, lengths, prepare
from export.foreign.read import read_graph
from export.foreign.trial import Session, probe
from export.pictures import read_picture

_FEWEST, _MOST = 32, 4096  # numbers that a painting becomes
_USUAL_PX = 256


def takes_any_style(value: onnx.ValueInfoProto) -> bool:
    """Return whether an input is a row of numbers such as a painting becomes."""
    shape = lengths(value)
    return len(shape) == 4 and sorted(shape)[:3] in ([1, 1, 1], [-1, 1, 1]) and shape[-1] >= _FEWEST


def find_rows(path: Path, wanted: onnx.ValueInfoProto, asked: Asked) -> np.ndarray:
    """Return the rows of ``asked.paintings``, (paintings, numbers) float32.

    path: the network that paints. Raises ExportError where there are no paintings or nothing that
    looks at them.
    """
    count = lengths(wanted)[-1]
    if not asked.paintings:
        raise ExportError(
            f"it paints in the manner of a picture, which it is told as {count} numbers. Say which "
            "pictures shall be its styles: --paintings wave.jpg scream.jpg"
        )
    predictor = asked.predictor or _find_beside(path)
    graph = read_graph(predictor, kind_of(predictor))
    model, _ = prepare(graph.model, predictor)
    taken, given = _ports(predictor, model, count)
    session = Session(model, taken, given)
    size = taken.size or (_USUAL_PX, _USUAL_PX)
    takes = RANGES[asked.ranges[0] if asked.ranges else "0..1"]
    rows = []
    for painting in asked.paintings:
        picture = probe(read_picture(painting), size, ramp=False)
        rows.append(session.paint(takes.encode(picture)[None]).reshape(-1))
    return np.stack(rows).astype(np.float32)


def _find_beside(path: Path) -> Path:
    found = [
        other
        for other in sorted(path.parent.iterdir())
        if "predict" in other.name.lower() and other.suffix == path.suffix and other != path
    ]
    if not found:
        raise ExportError(
            "it is the second of two networks; the first, which looks at paintings, is not beside "
            f"it. Say where it is: --predictor FILE{path.suffix}"
        )
    return found[0]


def _ports(path: Path, model: onnx.ModelProto, count: int) -> tuple[Port, Port]:
    pictures = [v for v in model.graph.input if len(lengths(v)) == 4 and 3 in lengths(v)]
    rows = [v for v in model.graph.output if lengths(v)[-1:] == [count]]
    if len(pictures) != 1 or not rows:
        raise ExportError(f"{path}: does not make {count} numbers of a picture.")
    shape = lengths(pictures[0])
    last = shape[3] == 3
    height, width = shape[1:3] if last else shape[2:4]
    size = (height, width) if min(height, width) > 0 else None
    taken = Port(pictures[0].name, pictures[0].type.tensor_type.elem_type, last, size)
    return taken, Port(rows[0].name, rows[0].type.tensor_type.elem_type, True, None)
