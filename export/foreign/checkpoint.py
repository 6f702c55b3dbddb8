"""Import weights whose layout a network family knows: checkpoints of PyTorch, folders of variables.

They are read by torch's restricted loader or as plain numbers, so nothing in a file is executed. A
family says whether the names are its own (``take_checkpoint``); where the weights allow two
readings, the one that paints a photo as a picture is taken.
"""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines import model_file
from engines.errors import ExportError, UsageError, printable
from engines.networks import build_network, network_families
from engines.networks.checkpoint import Reading
from engines.networks.style_network import StyleNetwork
from engines.networks.weights import save_weights
from engines.parity import FEW_SIZES, WITH_STATISTICS
from export.foreign.asked import Asked, slug, title
from export.foreign.contract import RANGES
from export.foreign.licence import find_licence, require_commercial
from export.foreign.trial import probe, score
from export.write import write_model

Say = Callable[[str], None]
State = dict[str, Tensor]
_PROBE_PX = 128
# Where files of several networks keep the one that paints, the likeliest first.
_PARTS = (
    *("params_ema", "ema", "genA2B", "G_A2B", "netG_A2B", "netG_A", "G_A", "netG", "generator"),
    *("G", "state_dict", "model_state_dict", "model", "network", "net", "params", "weights"),
)
_WEIGHTS_OF_OTHERS = (
    ("features.0.weight", "VGG or another classifier: it finds features and paints nothing"),
    ("classifier.", "a classifier: it tells what is in a picture and paints nothing"),
    ("fc.weight", "a classifier: it tells what is in a picture and paints nothing"),
    ("encoder.layers.", "a transformer"),
    ("model.diffusion_model", "a diffusion model, which paints in seconds, not live"),
    ("lora_", "a LoRA, which changes a diffusion model"),
)


def import_checkpoint(
    path: Path, kind: str, target: Path, asked: Asked, pictures: list[np.ndarray], say: Say
) -> None:
    """Write the model file ``target`` and its weights from ``path``.

    kind: checkpoint, safetensors or variables. Raises ExportError or UsageError, with nothing
    written.
    """
    state = _read(path, kind)
    reading = _choose(path, state, asked.family, pictures[0], say)
    licence = find_licence(path, "", asked.licence, reading.terms)
    if asked.commercial_only:
        require_commercial(licence, path)
    size_bytes = sum(value.numel() * value.element_size() for value in reading.state.values())
    if size_bytes > model_file.MAX_MODEL_BYTES:
        raise ExportError(
            f"{path}: {reading.what} has {size_bytes >> 20} MiB of weights, and a model file may "
            f"have {model_file.MAX_MODEL_BYTES >> 20} MiB. A light one can be imported."
        )
    say(f"{path.name}: {reading.what}, because {reading.why}")
    say(f"licence: {licence}")
    styles = [
        {"name": "original", "title": "the untouched picture"},
        {
            "name": slug(asked.name),
            "title": title(asked.name),
            "licence": title(licence.text),
            "source": title(path.name),
        },
    ]
    imported = {"file": path.name, "taken_for": reading.what, "licence": str(licence)}
    metadata = {"styles": json.dumps(styles), "training": json.dumps({"imported": imported})}
    network = _build(path, reading)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.safetensors"
        save_weights(weights, network, reading.family, reading.config, metadata)
        write_model(weights, target, pictures, say, FEW_SIZES, WITH_STATISTICS)


def _read(path: Path, kind: str) -> State:
    """Return the state dict that the file holds. Raises ExportError."""
    if kind == "variables":
        return _read_variables(path)
    if kind == "safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            found: Any = load_file(path)
        except (SafetensorError, OSError) as error:
            raise ExportError(f"{path}: is cut off or damaged ({error}).") from error
    else:
        found = _load_restricted(path)
    state = _find_state(path, found)
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise ExportError(
                f"{path}: {printable(name)} has values that are not numbers (NaN or infinite): "
                "training went wrong, or halves were too small for them. Nothing was written."
            )
    return state


def _load_restricted(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        text = str(error)
        if "Unsupported" in text or "weights_only" in text or "GLOBAL" in text:
            raise ExportError(
                f"{path}: holds Python objects beside plain tensors, which can run code when they "
                "are loaded, so they are not. Save its weights alone: "
                "torch.save(model.state_dict(), FILE)."
            ) from error
        raise ExportError(
            f"{path}: is a damaged checkpoint, or none ({text[:200]}). Download it again."
        ) from error


def _find_state(path: Path, found: Any) -> State:
    """Return the weights within what was loaded, ``module.`` taken off, as 32-bit floats."""
    if not isinstance(found, Mapping):
        raise ExportError(
            f"{path}: holds a {type(found).__name__}, not a state dict. Save its weights: "
            "torch.save(model.state_dict(), FILE)."
        )
    if _is_state(found):
        return _plain(found)
    for part in _PARTS:
        inner = found.get(part)
        if isinstance(inner, Mapping) and (_is_state(inner) or any(p in inner for p in _PARTS)):
            return _find_state(path, inner)
    inside = ", ".join(printable(str(key)) for key in list(found)[:6])
    if "param_groups" in found:
        raise ExportError(
            f"{path}: is the state of an optimiser, kept to go on training. The network's weights "
            "are in another file, or under another key."
        )
    raise ExportError(f"{path}: holds no weights of a network; it has: {inside or 'nothing'}.")


def _is_state(found: Mapping[Any, Any]) -> bool:
    values = list(found.values())
    tensors = [value for value in values if isinstance(value, Tensor)]
    return bool(tensors) and all(isinstance(v, Tensor | int | float | str) for v in values)


def _plain(found: Mapping[Any, Any]) -> State:
    state = {str(k): v for k, v in found.items() if isinstance(v, Tensor)}
    while state and all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    return {
        name: value.float() if value.is_floating_point() else value for name, value in state.items()
    }


def _read_variables(path: Path) -> State:
    """Read a folder of TensorFlow's variables: manifest.json and a file of floats for each."""
    manifest = path / "manifest.json" if path.is_dir() else path
    state: State = {}
    try:
        for name, entry in json.loads(manifest.read_bytes()).items():
            shape = tuple(int(n) for n in entry["shape"])
            file = manifest.parent / Path(entry["filename"]).name
            state[name] = torch.from_numpy(np.fromfile(file, "<f4").reshape(shape))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ExportError(
            f"{path}: its manifest names what is not there, or not of that size ({error})."
        ) from error
    return state


def _choose(path: Path, state: State, wanted: str | None, photo: np.ndarray, say: Say) -> Reading:
    """Return how to read ``state``. Raises ExportError where no family knows it."""
    readings = [reading for family in _families() for reading in family.take_checkpoint(state)]
    if wanted:
        names = sorted({r.name for r in readings} | {r.family for r in readings})
        kept = [r for r in readings if wanted in (r.name, r.family)]
        if not kept:
            raise UsageError(
                f"--as {wanted}: {path.name} does not have that layout. It could be "
                f"{', '.join(names) or 'of none that is known here'}."
            )
        readings = [r for r in kept if r.name == wanted] or kept
    if not readings:
        raise ExportError(_say_unknown(path, state))
    if len(readings) == 1:
        return readings[0]
    scored = sorted(((_try(path, r, photo), r.name, r) for r in readings), key=lambda s: -s[0])
    (best, _, reading), (second, other, _) = scored[:2]
    say(
        f"{reading.name} paints a photo better than {other} ({best:.2f} to {second:.2f}); "
        f"--as {other} takes the other"
    )
    return reading


def _families() -> list[Any]:
    modules = [
        importlib.import_module(f"engines.networks.families.{name}") for name in network_families()
    ]
    return [module for module in modules if hasattr(module, "take_checkpoint")]


def _try(path: Path, reading: Reading, photo: np.ndarray) -> float:
    """Return how much of a photo is found again in what the network makes of it."""
    picture = probe(photo, (_PROBE_PX, _PROBE_PX))
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        painted = _build(path, reading)(image, torch.ones(1, 1))[0].permute(1, 2, 0) * 255
    if not torch.isfinite(painted).all():
        return -1.0
    return score(picture, painted.numpy().astype(np.float64), RANGES["0..1"], RANGES["0..1"])


def _build(path: Path, reading: Reading) -> StyleNetwork:
    network = build_network(reading.family, 1, **reading.config)
    try:
        network.load_state_dict(reading.state)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ExportError(
            f"{path}: looks like {reading.what}, but its tensors differ: "
            f"{' '.join(lines[1:3])[:300]}"
        ) from error
    return network.eval()


def _say_unknown(path: Path, state: State) -> str:
    names = list(state)
    text = " ".join(names)
    likely = next((what for mark, what in _WEIGHTS_OF_OTHERS if mark in text), "")
    known = ", ".join(name for name in network_families() if name != "fast")
    shown = ", ".join(f"{printable(n)} {'x'.join(map(str, state[n].shape))}" for n in names[:3])
    return (
        f"{path}: {len(names)} tensors ({shown}, ...)"
        + (f" look like {likely}." if likely else " of a layout that is not known here.")
        + f" Known are {known}. Any other network that paints can be imported as ONNX: "
        "torch.onnx.export(model, example, 'FILE.onnx')."
    )
