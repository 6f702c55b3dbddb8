"""The teacher of `python -m training distil`: any model or file of a network, as what paints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from engines import EngineOptions, ModelFile, find_model, load_model, open_engine
from engines.errors import ModelError, UsageError
from engines.model_file import ORIGINAL
from engines.style import Style
from export.foreign.asked import Asked
from export.foreign.importing import import_file
from export.foreign.kinds import kind_of
from export.foreign.licence import Licence, find_licence, require_commercial
from export.pictures import read_pictures

_CHECKED_ON = 4  # pictures that an import is checked on


def find_teacher(
    text: str, style: str | None, asked: Asked, target: Path
) -> tuple[ModelFile, Style]:
    """Return the teacher as a model file and the style that is learnt.

    text: a model's or a style's name, or a file; one by others becomes the model file ``target``,
    unless that is there already. style: of several, absent: the one that ``text`` names, or the
    first. asked: what the user says of it. Raises UsageError, ModelError or ExportError.
    """
    path = Path(text)
    if not path.exists() and path.suffix:
        kind_of(path)  # says that it is not there
    model = _open_file(path, asked, target) if path.exists() else find_model(text, [])
    named = style or (text if text in model.style_names else None)
    wanted = model.find_style(named) if named else model.default_style
    if wanted == ORIGINAL:
        raise UsageError("--style original paints nothing that could be learnt. Name another.")
    own = {of.name: of for of in model.styles[: model.own_styles]}
    if wanted not in own:
        raise UsageError(f"{wanted} is a row. Name a style that {model.name} itself holds.")
    taught = own[wanted]
    if asked.commercial_only:
        said = Licence(taught.licence, "its model says so") if taught.licence else None
        require_commercial(said or find_licence(model.path, "", asked.licence, ""), model.path)
    return model, taught


def _open_file(path: Path, asked: Asked, target: Path) -> ModelFile:
    try:
        return load_model(path)
    except ModelError:
        if not target.is_file():
            import_file(path, target, asked, read_pictures(None, _CHECKED_ON), print)
        return load_model(target)


@contextmanager
def open_teacher(model: ModelFile, style: str) -> Iterator[Callable[[np.ndarray], np.ndarray]]:
    """Give what paints one (H, W, 3) uint8 RGB picture in a style, at its own size and in fp32."""
    vector = np.eye(model.own_styles, dtype=np.float32)[[model.index(style)]]
    with open_engine("auto", model, EngineOptions(precision="fp32")) as engine:
        yield lambda picture: engine.infer(picture[None], vector)[0]
