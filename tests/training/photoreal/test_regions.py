"""Masks in flat colours: what they are read as, and what is said of those that do not agree."""

from __future__ import annotations

import numpy as np
import pytest

from engines.errors import UsageError
from training.photoreal.regions import COLOURS, find_regions


def stripes(*colours: tuple[int, int, int], width: int = 10) -> np.ndarray:
    row = np.repeat(np.array(colours, np.uint8), width, 0)
    return np.repeat(row[None], 20, 0)


def test_all_nine_colours_and_their_shades():
    mask = stripes(*COLOURS.values())
    shades = np.clip(
        mask.astype(int) + np.random.default_rng(0).integers(-40, 40, mask.shape), 0, 255
    )
    said: list[str] = []
    regions = find_regions(shades.astype(np.uint8), mask[:, ::-1], said.append)
    assert [region.name for region in regions] == list(COLOURS)
    assert said == []
    for number, region in enumerate(regions):
        assert region.photo[:, 10 * number : 10 * number + 10].all() and region.photo.sum() == 200
        assert region.reference[:, 80 - 10 * number : 90 - 10 * number].all()


def test_soft_edges_are_no_region_of_their_own():
    mask = stripes((0, 0, 0), (255, 255, 255), width=200)
    mask[:, 199] = 128
    regions = find_regions(mask, mask, pytest.fail)
    assert [region.name for region in regions] == ["black", "white"]
    assert sum(region.photo.sum() for region in regions) == mask.shape[0] * mask.shape[1]


def test_a_colour_that_one_mask_lacks_is_said():
    said: list[str] = []
    regions = find_regions(
        stripes(COLOURS["red"], COLOURS["blue"]),
        stripes(COLOURS["red"], COLOURS["green"]),
        said.append,
    )
    by_name = {region.name: region for region in regions}
    assert set(by_name) == {"red", "blue"}
    assert by_name["blue"].reference.all() and not by_name["red"].reference.all()
    assert "no green: that part of the reference is left out" in said[0]
    assert "no blue: all of the reference is taken there" in said[1]


def test_masks_without_a_colour_in_common_are_refused():
    with pytest.raises(UsageError, match="has red, --style-mask has blue: no colour is in both"):
        find_regions(stripes(COLOURS["red"]), stripes(COLOURS["blue"]), pytest.fail)
