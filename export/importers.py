"""Turn checkpoints made by others into a weights file.

They are classic networks with one style each and the layout of `transformer_net`.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from engines.errors import ExportError
from engines.networks import build_network
from engines.networks.families.transformer_net import checkpoint_to_state_dict
from engines.networks.weights import save_weights


def import_transformer_net(
    checkpoint: Path, name: str, target: Path, licence: str, source: str
) -> None:
    """Write ``target`` (.safetensors) from a checkpoint such as candy, mosaic or udnie.

    Read with torch's restricted loader only. Raises ExportError, naming the first keys that do not
    fit.
    """
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ExportError(
            f"{checkpoint}: not a checkpoint of plain tensors ({error}). "
            "Save its state_dict with torch.save."
        ) from error
    if not isinstance(state, dict):
        raise ExportError(
            f"{checkpoint}: holds a {type(state).__name__}, not a state dict. "
            "Save its state_dict with torch.save."
        )
    network = build_network("transformer_net", 1)
    try:
        network.load_state_dict(checkpoint_to_state_dict(state))
    except RuntimeError as error:
        raise ExportError(
            f"{checkpoint}: does not have the layout of transformer_net. {error}"
        ) from error
    styles = [
        {"name": "original", "title": "the untouched picture"},
        {"name": name, "title": name, "licence": licence, "source": source},
    ]
    save_weights(
        target,
        network,
        "transformer_net",
        {},
        {"styles": json.dumps(styles), "training": json.dumps({"imported": source})},
    )
