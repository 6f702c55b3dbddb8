"""Write what `python -m training evaluate` found into the metadata of the model it measured."""

from __future__ import annotations

import json
from pathlib import Path

import onnx

from engines.atomic_write import atomic_write
from engines.errors import UsageError
from engines.model_file import ModelFile

KEPT = (
    "style_rel",
    "content",
    "face",
    "ratio_1 webcam",
    "ratio_1 handheld",
    "static webcam",
)


def write_measured(model: ModelFile, evaluation: Path) -> list[Path]:
    """Set ``measured`` in the model file and its int8 sibling. Returns what was written.

    Raises UsageError if ``evaluation`` is no evaluation.json, or one of another model or of other
    styles.
    """
    try:
        found = json.loads(evaluation.read_text(encoding="utf-8"))
        measured = {
            style: {k: v for k, v in figures.items() if k in KEPT}
            for style, figures in found["measured"].items()
        }
        about = {key: found[key] for key in ("model", "date", "processor")}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise UsageError(
            f"{evaluation}: no evaluation.json that can be read ({error}). "
            f"`python -m training evaluate {model.name}` writes one."
        ) from error
    model = model.with_rows(())
    if about.pop("model") != model.name or set(measured) != set(model.style_names[1:]):
        raise UsageError(
            f"{evaluation}: is not of {model.name} with all its styles. Type: "
            f"python -m training evaluate {model.path}"
        )
    text = json.dumps({**about, "styles": measured}, separators=(",", ":"))
    written = [path for path in (model.path, model.int8_path) if path]
    for path in written:
        proto = onnx.load(str(path))
        onnx.helper.set_model_props(
            proto, {**{p.key: p.value for p in proto.metadata_props}, "measured": text}
        )
        with atomic_write(path) as changed:
            onnx.save(proto, str(changed))
    return written
