"""A predictor for the bundled network after it was trained on: what it looks for stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from engines.atomic_write import atomic_write
from engines.errors import ModelError
from engines.networks.weights import load_weights, network_hash
from training.predictor.loop import colours_painted

_ROWS, _COLOURS = "row.known_half", "row.colours"  # as `python -m export predictor` has them

_TRAIN = "Train one for it: python -m training predictor --from WEIGHTS"


def exchange_network(predictor: Path, bundled: Path, photos: list[Path], output: Path) -> None:
    """Write ``output``: ``predictor`` with the rows of ``bundled`` in place of those it has.

    What it mixes for a picture stays: which of the paintings are near to one does not change with
    the network. bundled: weights that have the same paintings in the same order. photos: the
    colours that each style paints are measured on some of them.

    Raises ModelError where the rows do not fit, or the predictor has learned numbers beyond them.
    """
    model = onnx.load(str(predictor))
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    network, _ = load_weights(bundled)
    rows = network.rows.detach().numpy()
    if _ROWS not in stored or tuple(stored[_ROWS].dims) != rows.shape:
        raise ModelError(
            f"{predictor}: is not made for {len(rows)} rows of {rows.shape[1]} numbers, as "
            f"{bundled} has. {_TRAIN}"
        )
    for tensor in stored.values():
        is_row = tensor.name != _ROWS and tensor.dims[1:] == stored[_ROWS].dims[1:]
        if is_row and numpy_helper.to_array(tensor).any():
            raise ModelError(
                f"{predictor}: has learned rows of the network before, which mean nothing in "
                f"{bundled}. {_TRAIN}"
            )
    colours = colours_painted(network.eval(), photos).numpy()
    stored[_ROWS].CopyFrom(numpy_helper.from_array(rows.astype(np.float16), _ROWS))
    stored[_COLOURS].CopyFrom(numpy_helper.from_array(colours, _COLOURS))
    onnx.helper.set_model_props(model, {"name": "predictor", "network": network_hash(network)})
    with atomic_write(output) as written:
        onnx.save(model, str(written))
