import cv2
import numpy as np
import pytest

from training.faces import FaceFinder, same_face


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    from skimage.data import astronaut

    return cv2.resize(astronaut(), (240, 240), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


def test_a_face_is_found_whatever_its_colours(photo: np.ndarray, finder: FaceFinder):
    (face,) = finder.find(photo)
    assert not finder.find(np.random.default_rng(0).integers(0, 256, photo.shape, np.uint8))
    colours = cv2.applyColorMap(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLORMAP_OCEAN)[
        ..., ::-1
    ]
    assert any(same_face(face, found) for found in finder.find(np.ascontiguousarray(colours)))
    assert not same_face(face, (0, 0, 40, 40))


def test_the_score_falls_as_a_face_is_hidden(photo: np.ndarray, finder: FaceFinder):
    (face,) = finder.find(photo)
    assert finder.score(photo, face) > 0.5
    assert -1.5 < finder.score(cv2.GaussianBlur(photo, (0, 0), 4), face) < 0
    assert finder.score(photo, (0, 0, 40, 40)) < -1
    assert finder.score(np.full_like(photo, 255), face) == -1.5
