"""Models whose styles stand side by side, and which of them paints a mix.

A mix is one input of one network, so all of it is of one model; fades may lead from one to another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engines.errors import ModelError, UnknownStyle, UsageError
from engines.folders import user_models_dir
from engines.model_file import (
    BUNDLED_DIR,
    ORIGINAL,
    ModelFile,
    kept_rows,
    load_model,
    load_readable,
    network_files,
)
from engines.style import Style, match_style, say_unknown
from engines.style_row import StyleRow


@dataclass(frozen=True)
class Models:
    """Models in the order in which their styles are shown, at least one."""

    files: tuple[ModelFile, ...]

    @cached_property
    def styles(self) -> tuple[Style, ...]:
        """The original, the paintings of each file, then those of no file; each name once."""
        own = [style for file in self.files for style in file.styles[: file.own_styles]]
        beside = [row.style for file in self.files for row in file.rows]
        named: dict[str, Style] = {}
        for style in (*own, *beside):
            named.setdefault(style.name, style)
        return tuple(named.values())

    @property
    def style_names(self) -> tuple[str, ...]:
        """The names of ``styles``."""
        return tuple(style.name for style in self.styles)

    @property
    def name(self) -> str:
        """Their names, with / between."""
        return "/".join(file.name for file in self.files)

    @property
    def default_style(self) -> str:
        """The first painting."""
        return self.files[0].default_style

    @property
    def rows(self) -> tuple[StyleRow, ...]:
        """The styles that no file holds, each once."""
        return tuple({row.style.name: row for file in self.files for row in file.rows}.values())

    @cached_property
    def of_pictures(self) -> ModelFile:
        """The first that takes styles from outside; the first of all where none does."""
        return next((file for file in self.files if file.row_length), self.files[0])

    def takes(self, file: ModelFile) -> bool:
        """Return whether a picture's style joins the styles of ``file``, one of these."""
        network = self.of_pictures.metadata.get("network")
        return bool(file.row_length) and file.metadata.get("network") == network

    def check_row(self, row: StyleRow) -> None:
        """Raise ModelError for a style from outside that is for none of their networks."""
        if not any(row.fits(file.metadata, file.row_length) for file in self.files):
            self.of_pictures.with_rows([row])

    def with_rows(self, rows: Iterable[StyleRow]) -> Models:
        """Return them with ``rows`` in place of those that they have, each wherever it fits."""
        beside = tuple(rows)
        return Models(tuple(_with_fitting(file, beside) for file in self.files))

    def needed_for(self, mixes: Iterable[Iterable[str]]) -> Models:
        """Return those that paint ``mixes``, names of styles each, at least one.

        That of the first painting is the first. Raises UnknownStyle and UsageError as ``model_of``
        does.
        """
        needed: list[ModelFile] = []
        for names in mixes:
            painted = [name for name in names if name != ORIGINAL]
            if not any({*painted} <= {*file.style_names} for file in needed) and painted:
                needed.append(self.model_of(painted))
        return Models(tuple(needed) or self.files[:1])

    def find_style(self, text: str) -> str:
        """Return the name of the style that a user's ``text`` means (engines/style.py).

        Raises UnknownStyle.
        """
        typed = (row.style.name for row in self.rows if row.typed == text)
        return next(typed, None) or match_style(text, self.styles)

    def model_of(self, names: Iterable[str]) -> ModelFile:
        """Return the first model that has all styles of a mix; ``original`` is in every one.

        Raises UnknownStyle, and UsageError for styles that no one model has.
        """
        wanted = [name for name in names if name != ORIGINAL]
        for name in wanted:
            if name not in self.style_names:
                raise UnknownStyle(say_unknown(name, self.style_names))
        for file in self.files:
            if {*wanted} <= {*file.style_names}:
                return file
        raise UsageError(
            say_apart(wanted, [(file.name, file.style_names) for file in self.files])
            + f': --style-schedule "0:{wanted[0]} 5:{wanted[-1]}".'
        )


def say_apart(names: Sequence[str], models: Sequence[tuple[str, Collection[str]]]) -> str:
    """Return why a mix of ``names`` cannot be painted.

    models: the name and the styles of each; all of ``names`` are among them.
    """
    first = names[0]
    of_first, its_styles = next(model for model in models if first in model[1])
    other = next(name for name in names if name not in its_styles)
    of_other = next(model for model, styles in models if other in styles)
    return (
        f"{first} is a style of the model {of_first} and {other} of {of_other}, which do not "
        "blend: fade from one to the other"
    )


def installed_models() -> list[ModelFile]:
    """Return every model that can be asked for by name.

    The bundled ones come first, by name, then the user's, the newest first.
    """
    user_dir = user_models_dir()
    files = network_files(user_dir) if user_dir.is_dir() else []
    user = sorted(files, key=lambda path: path.lstat().st_mtime, reverse=True)
    models = [
        *(load_model(path) for path in sorted(network_files(BUNDLED_DIR))),
        *load_readable(load_model, user),
    ]
    rows = kept_rows()
    return [_with_fitting(model, rows) for model in models]


def find_models(model: str | None, styles: Iterable[str]) -> Models:
    """Return the models to paint with, which have all ``styles``, as a user names them.

    model: a file, a model's name or a style's name, for that one alone; None: all installed ones.
    Raises UsageError, UnknownStyle, ModelError if the file is unusable.
    """
    if model and (model.endswith(".onnx") or "/" in model or "\\" in model):
        found = Models((_with_fitting(load_model(Path(model)), kept_rows()),))
    else:
        found = _find_by_name(model, Models(tuple(installed_models())))
    for style in styles:
        found.find_style(style)
    return found


def find_model(model: str | None, styles: Iterable[str]) -> ModelFile:
    """Return the one of ``find_models`` that has all ``styles``.

    Raises UsageError if no one model has them, and what ``find_models`` does.
    """
    named = list(styles)
    found = find_models(model, named)
    return found.model_of(found.find_style(style) for style in named)


def _find_by_name(model: str | None, installed: Models) -> Models:
    if not installed.files:
        raise ModelError(
            "no model is installed: engines/styles is empty. Install Livebrush again, "
            "or give a file with --model FILE.onnx."
        )
    if not model:
        return installed
    by_name = [file for file in installed.files if model == file.name]
    by_style = [file for file in installed.files if model in file.style_names[1:]]
    if found := by_name + by_style:
        return Models((found[0],))
    raise UsageError(say_unknown(model, [file.name for file in installed.files], what="model"))


def _with_fitting(model: ModelFile, rows: Iterable[StyleRow]) -> ModelFile:
    """Return ``model`` with those of ``rows`` that are for its network and bring a new name."""
    names = model.style_names[: model.own_styles]
    return model.with_rows(
        row
        for row in rows
        if row.style.name not in names and row.fits(model.metadata, model.row_length)
    )
