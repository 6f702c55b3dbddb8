"""Masks of people: where one is, at rest and in motion. The astronaut is scikit-image's."""

from __future__ import annotations

import numpy as np
import pytest

from engines.people.network import PERSON_SIZE, PeopleNetwork, find_person
from realtime.picture.people import PeopleMasks
from realtime.picture.resample import Scaler
from tests.small_frame import small_frame

data = pytest.importorskip("skimage.data")


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    """She stands left of the middle, a flag and a model of the Shuttle behind her."""
    return np.ascontiguousarray(data.astronaut())


@pytest.fixture
def masks_of():
    """Makes ``PeopleMasks`` and ends their threads."""
    made: list[PeopleMasks] = []

    def make(fixed: np.ndarray | None = None) -> PeopleMasks:
        made.append(PeopleMasks(fixed))
        return made[-1]

    yield make
    for masks in made:
        masks.close()


def noisy(frame: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 4, frame.shape)
    return np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    both, any_ = (one > 127) & (other > 127), (one > 127) | (other > 127)
    return both.sum() / any_.sum()


def test_a_person_and_her_face_are_found(astronaut: np.ndarray, masks_of):
    masks = masks_of().begin(astronaut, True)()
    person, face = masks.person, masks.face
    assert person.shape == face.shape == (512, 512) and person.dtype == np.uint8
    assert (person[100:180, 190:250] == 255).all()  # her face
    assert (person[430:, 200:300] > 250).mean() > 0.9
    assert (person[:60, :60] == 0).all() and (person[:100, 440:] == 0).all()
    assert (face[110:170, 195:245] > 230).all()
    assert (face <= person).all() and (face[300:] == 0).all()


def test_edges_rest_where_the_picture_does(astronaut: np.ndarray, masks_of):
    """Its noise is that of a webcam; a room of their own is what people move in."""
    masks, network, scaler = masks_of(), PeopleNetwork("person"), Scaler()
    steady, raw = [], []
    for seed in range(12):
        frame = noisy(astronaut, seed)
        masks.begin(frame, False)()
        steady.append(masks.state()["person"])
        raw.append(find_person(network, scaler.resize(frame, PERSON_SIZE)))
    change = [np.abs(np.diff(np.stack(found[4:]), axis=0)).mean() for found in (steady, raw)]
    assert change[0] < 0.3 * change[1]


def test_who_moves_takes_the_mask_along_at_once(astronaut: np.ndarray, masks_of):
    masks = masks_of()
    for seed in range(4):
        masks.begin(noisy(astronaut, seed), False)()
    moved = np.roll(astronaut, 60, axis=1)
    followed, anew = masks.begin(moved, False)().person, masks_of().begin(moved, False)().person
    assert overlap(followed, anew) > 0.95


def test_it_goes_on_from_what_it_remembered(astronaut: np.ndarray, masks_of):
    frames = [noisy(np.roll(astronaut, 4 * n, axis=1), n) for n in range(4)]
    masks, other = masks_of(), masks_of()
    for frame in frames[:3]:
        masks.begin(frame, True)()
    whole, resumed = masks, other.begin(frames[3], True, masks.state())()
    last = whole.begin(frames[3], True)()
    np.testing.assert_array_equal(last.person, resumed.person)
    np.testing.assert_array_equal(last.face, resumed.face)
    anew = masks.begin(frames[0], True, {})()
    np.testing.assert_array_equal(anew.person, masks_of().begin(frames[0], True)().person)


def test_where_nobody_is_that_is_said(astronaut: np.ndarray, masks_of):
    masks = masks_of()
    empty = masks.begin(np.full((90, 120, 3), 90, np.uint8), True)()
    assert empty.person.max() == 0 and empty.face.max() == 0
    assert masks.note == "no person was found in any frame: they count as background"
    masks.begin(astronaut, False, {})()
    assert "in 1 of 2 frames" in masks.note


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (33, 47)])
def test_every_size_has_a_mask(size: tuple[int, int], masks_of):
    masks = masks_of().begin(small_frame(*size, 0), True)()
    assert masks.person.shape == masks.face.shape == size


def test_a_given_mask_is_brought_to_the_frame(masks_of):
    mask = np.zeros((10, 20), np.uint8)
    mask[:, :10] = 255
    found = masks_of(mask).begin(small_frame(50, 60, 0), False)().person
    assert (found[:, :25] == 255).all() and (found[:, 35:] == 0).all()
