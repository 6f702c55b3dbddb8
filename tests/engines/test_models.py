"""Models side by side: their styles in order, and which of them paints a mix."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines import ModelFile, Models, Style, find_model, find_models, installed_models
from engines.errors import ModelError, UnknownStyle, UsageError
from engines.style_row import StyleRow, write_row


@pytest.fixture
def both(tiny_model: ModelFile, inky_model: ModelFile) -> Models:
    return Models((tiny_model, inky_model))


def gallery_row(name: str) -> StyleRow:
    gallery = find_model("gallery", [])
    numbers = np.zeros(gallery.row_length, np.float32)
    return StyleRow(Style(name), numbers, gallery.metadata["network"], name)


def test_styles_stand_side_by_side_each_once(both: Models, tiny_model: ModelFile):
    assert both.style_names == ("original", "negative", "dim", "sepia", "wash")
    assert (both.name, both.default_style) == ("tiny/inky", "negative")
    again = replace(tiny_model, path=tiny_model.path.with_name("again.onnx"))
    assert Models((*both.files, again)).style_names == both.style_names


def test_the_first_that_has_all_of_a_mix_paints_it(both: Models, tiny_model: ModelFile):
    own = (*tiny_model.styles, Style("my_wave"))
    mine = replace(tiny_model, path=Path("mine.onnx"), styles=own)
    models = Models((*both.files, mine))
    assert models.model_of(["wash", "sepia"]).name == "inky"
    assert models.model_of(["negative", "original"]).name == "tiny"
    assert models.model_of(["negative", "my_wave"]).name == "mine"
    assert models.model_of(["original"]) is models.files[0]
    with pytest.raises(UnknownStyle, match="Did you mean wash"):
        models.model_of(["washes"])


def test_a_mix_of_two_models_is_refused_in_one_sentence(both: Models):
    with pytest.raises(UsageError) as refused:
        both.model_of(["sepia", "dim"])
    assert str(refused.value) == (
        "sepia is a style of the model inky and dim of tiny, which do not blend: fade from one to "
        'the other: --style-schedule "0:sepia 5:dim".'
    )


def test_as_few_models_are_needed_as_paint_all(both: Models, tiny_model: ModelFile):
    mine = replace(
        tiny_model, path=Path("mine.onnx"), styles=(*tiny_model.styles, Style("my_wave"))
    )
    models = Models((*both.files, mine))
    needed = [["my_wave", "dim"], ["original"], ["dim"], ["sepia"]]
    assert models.needed_for(needed).name == "mine/inky"
    assert models.needed_for([["sepia"], ["dim"]]).name == "inky/tiny"
    assert models.needed_for([["original"], ["sepia"]]).name == "inky"
    assert models.needed_for([["original"]]).name == "tiny"
    with pytest.raises(UsageError, match="do not blend"):
        models.needed_for([["sepia"], ["sepia", "dim"]])


def test_bundled_ones_come_first_then_the_users_and_what_is_kept_comes_last(
    inky_model: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(tmp_path))
    shutil.copy(inky_model.path, tmp_path)
    write_row(tmp_path / "my_art.row", gallery_row("my_art"))
    names = find_models(None, ["sepia", "great wave"]).style_names
    assert [model.name for model in installed_models()][:: len(installed_models()) - 1] == [
        "gallery",
        "inky",
    ]
    assert names[:2] == ("original", find_model(None, []).style_names[1])
    assert names[-3:] == ("sepia", "wash", "my_art")
    assert find_models("sepia", []).name == "inky" and find_models("gallery", []).name == "gallery"


def test_rows_go_where_they_fit(both: Models, tiny_model: ModelFile):
    gallery, row = find_model("gallery", []), gallery_row("red")
    models = Models((tiny_model, gallery)).with_rows([row])
    assert [file.rows for file in models.files] == [(), (row,)] and models.rows == (row,)
    assert models.of_pictures.path == gallery.path
    assert [models.takes(file) for file in models.files] == [False, True]
    models.check_row(row)
    with pytest.raises(ModelError, match="takes no styles from outside"):
        both.check_row(row)
