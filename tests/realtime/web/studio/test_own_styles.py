"""Styles of pictures are kept, named, given to others and removed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines import Style, find_model
from engines.errors import ModelError, UsageError
from engines.style_row import StyleRow, read_row, write_row
from realtime.web.studio.own_styles import OwnStyles
from realtime.web.studio.style_list import StyleList
from realtime.web.studio.swatches import Swatches


class Pictures:
    """What a run has made of pictures; keeps as PictureStyles does."""

    def __init__(self, folder: Path, brought: tuple[StyleRow, ...]) -> None:
        self.folder, self.brought = folder, brought

    def keep(self, names: list[str]) -> None:
        self.folder.mkdir(exist_ok=True)
        for row in self.brought:
            if row.style.name in names:
                write_row(self.folder / f"{row.style.name}.row", row)


def row(name: str, digest: str = "d", **changes) -> StyleRow:
    model = find_model(None, [])
    numbers = np.zeros(model.row_length, np.float32)
    found = {"network": model.metadata["network"], **changes}
    return StyleRow(Style(name, name.title()), numbers, found["network"], digest)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def own(models: Path, tmp_path: Path) -> OwnStyles:
    styles = StyleList()
    swatches = Swatches(tmp_path / "swatches", styles)
    pictures = Pictures(models, (row("poppies"),))
    return OwnStyles(pictures, styles, lambda name: name == "busy", swatches)


def shown(own: OwnStyles) -> list[tuple[str, str, bool]]:
    return [(one["name"], one["title"], one["kept"]) for one in own.entries()]


def test_a_style_is_kept_named_and_removed(own: OwnStyles, models: Path):
    assert shown(own) == [("poppies", "Poppies", False)]
    own.keep("poppies")
    assert shown(own) == [("poppies", "Poppies", True)]
    own.rename("poppies", "Field at  Noon\n")
    assert shown(own) == [("field_at_noon", "Field at  Noon", True)]
    assert [path.name for path in models.glob("*.row")] == ["field_at_noon.row"]
    own.rename("field_at_noon", "Great Wave")  # a name that a style has that ships
    assert shown(own)[0][:2] == ("great_wave_2", "Great Wave")
    own.remove("great_wave_2")
    assert shown(own) == [("poppies", "Poppies", False)]  # this run still paints in it
    for act in (own.remove, own.content, lambda name: own.rename(name, "x")):
        for name in ("poppies", "../models/poppies", "great_wave"):
            with pytest.raises(KeyError):
                act(name)


def test_what_is_given_is_checked(own: OwnStyles, models: Path, tmp_path: Path):
    write_row(tmp_path / "given.row", row("given", "other"))
    content = (tmp_path / "given.row").read_bytes()
    assert own.take(content, "../../Given!") == "given" and own.take(content, "given") == "given_2"
    assert read_row(models / "given_2.row").digest == "other"
    assert own.content("given") != b""
    write_row(tmp_path / "foreign.row", row("foreign", network="0" * 64))
    with pytest.raises(ModelError, match="another network"):
        own.take((tmp_path / "foreign.row").read_bytes(), "foreign")
    for wrong in (b"", b"x" * 100, b"\xff" * 8 + b"{}"):
        with pytest.raises(ModelError, match="is no style's file"):
            own.take(wrong, "wrong")
    assert len(list(models.glob("*"))) == 2


def test_what_a_painting_needs_stays(own: OwnStyles, models: Path):
    models.mkdir()
    write_row(models / "busy.row", row("busy"))
    for act in (own.remove, lambda name: own.rename(name, "x")):
        with pytest.raises(UsageError, match="a painting that is not done"):
            act("busy")
    with pytest.raises(UsageError, match="needs a name"):
        own.rename("busy", " \n")
    assert (models / "busy.row").exists()


def test_a_swatch_is_painted_once_for_each_style(own: OwnStyles, models: Path, tmp_path: Path):
    own.keep("poppies")
    swatches = own._swatches
    command = swatches.missing_command()
    assert command[-1] == "poppies" and command[-4].endswith("original.jpg")
    assert swatches.missing_command() is None  # tried once
    swatches.path("poppies").write_bytes(b"painted")
    assert swatches.has("poppies") and own.swatch("poppies").exists()
    own.rename("poppies", "Noon")
    assert own.swatch("noon").read_bytes() == b"painted" and not swatches.has("poppies")
    write_row(models / "noon.row", row("noon", "another"))
    assert own.swatch("noon") is None and swatches.missing_command()
