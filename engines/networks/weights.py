"""Reads and writes a network as ``.safetensors``.

The header has what is needed to build the network again.
"""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from engines.atomic_write import atomic_write
from engines.errors import ModelError
from engines.networks import build_network
from engines.networks.layers import settle_bytes
from engines.networks.style_network import StyleNetwork


def save_weights(
    path: Path, network: nn.Module, family: str, config: dict[str, object], metadata: dict[str, str]
) -> None:
    """Write the network's state beside its family, config and ``metadata``.

    metadata: styles, data and training, as in the model file.
    """
    header = {**metadata, "family": family, "config": json.dumps(config)}
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    with atomic_write(path) as written:
        save_file(tensors, str(written), metadata=header)


def load_weights(path: Path) -> tuple[StyleNetwork, dict[str, str]]:
    """Return the network in evaluation mode, and the header.

    Raises ModelError for a damaged file or one that is not ours.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            header = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a readable safetensors file ({error}).") from error
    try:
        paintings = len(json.loads(header["styles"])) - 1
        network = build_network(header["family"], paintings, **json.loads(header["config"]))
        network.load_state_dict(tensors)
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{path}: its header or tensors do not describe a Livebrush network ({error})."
        ) from error
    return network.eval(), header


def network_hash(network: nn.Module) -> str:
    """Return what tells a network from others that rows are of no use to: 64 hexadecimal digits.

    It is of all that ships but the rows, which models of one network may have others of.
    """
    digest = hashlib.sha256()
    tensors = settle_bytes(copy.deepcopy(network)).state_dict()
    for name in sorted(tensors.keys() - {"rows"}):
        values = tensors[name].detach().cpu().float().numpy()
        digest.update(f"{name} {values.shape}".encode() + np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
