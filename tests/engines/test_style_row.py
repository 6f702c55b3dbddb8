"""Styles as files: what a row is good for, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines import ModelFile, Style, find_model
from engines.errors import ModelError
from engines.networks.layers import settle_bytes
from engines.networks.weights import load_weights, network_hash
from engines.style_row import StyleRow, read_row, write_row
from tests.small_network import small_network


@pytest.fixture
def row(small_model: ModelFile) -> StyleRow:
    style = Style("poppies", "Poppies", "nobody", licence="CC0", source="https://example.org")
    return StyleRow(style, small_model.read_own_rows()[0], small_model.metadata["network"], "ab")


def test_a_row_comes_back_from_its_file(row: StyleRow, tmp_path: Path):
    write_row(tmp_path / "poppies.row", row)
    found = read_row(tmp_path / "poppies.row")
    np.testing.assert_array_equal(found.row, row.row)
    assert (found.style, found.network, found.digest) == (row.style, row.network, row.digest)


def test_its_file_is_its_name(row: StyleRow, tmp_path: Path):
    write_row(tmp_path / "field.row", row)
    assert read_row(tmp_path / "field.row").style == replace(row.style, name="field")


def test_a_model_has_it_beside_its_own(row: StyleRow, small_model: ModelFile):
    model = small_model.with_rows([row])
    assert model.style_names == ("original", "first", "second", "poppies")
    assert (model.own_styles, model.find_style("popp")) == (3, "poppies")
    assert model.canvas == small_model.canvas


def test_that_of_another_network_is_refused(row: StyleRow, small_model: ModelFile, tiny_model):
    for other in (replace(row, network="0" * 64), replace(row, row=row.row[:-1])):
        with pytest.raises(ModelError, match="another network"):
            small_model.with_rows([other])
    with pytest.raises(ModelError, match="takes no styles from outside"):
        tiny_model.with_rows([row])


@pytest.mark.parametrize("damage", ["cut", "other", "nan", "name", "large", "missing"])
def test_a_bad_file_is_refused_with_a_sentence(damage: str, row: StyleRow, tmp_path: Path):
    path = tmp_path / ("Ä b.row" if damage == "name" else "poppies.row")
    bad = {"nan": np.full_like(row.row, np.nan), "large": np.full_like(row.row, 1e6)}
    if damage != "missing":
        write_row(path, replace(row, row=bad.get(damage, row.row)))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    if damage == "other":
        path.write_bytes(b"a photo")
    with pytest.raises(ModelError, match="Make it anew from its picture"):
        read_row(path)


def test_the_hash_is_of_the_network_without_its_rows():
    network = small_network()
    before = network_hash(network)
    network.rows.data = network.rows.data[:1] + 1
    assert network_hash(network) == before
    network.head.conv.weight.data *= 1.0001  # settled, it is as it was, but for its step
    assert network_hash(settle_bytes(network)) == network_hash(network)
    network.head.conv.weight.data *= 2
    assert network_hash(network) != before


def test_the_bundled_model_says_for_which_rows_it_is():
    model = find_model("gallery", [])
    network, _ = load_weights(model.weights_path)
    assert model.metadata["network"] == network_hash(network)
    np.testing.assert_array_equal(model.read_own_rows(), network.rows.detach().half().float())
