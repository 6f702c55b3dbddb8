import pytest

from training.balance import AIM, LEAST_FACE, MOST_CONTENT, Balance, in_words
from training.filmed import Distances


def after(looks: int, style: float, content: float, face: float | None = None) -> Balance:
    balance = Balance()
    for _ in range(looks):
        balance.see(Distances(style, content, face))
    return balance


def test_a_painting_that_is_far_off_pulls_harder_and_harder():
    first = after(1, 3 * AIM, 1.0).style_weight
    assert 1 < first <= 1.3
    assert first < after(20, 3 * AIM, 1.0).style_weight <= 8


def test_one_that_is_near_leaves_the_picture_alone():
    assert 0.3 <= after(20, AIM / 2, 1.0).style_weight < 1


def test_what_would_hide_the_picture_is_not_pulled_at_further():
    assert after(20, 3 * AIM, MOST_CONTENT + 0.2).style_weight < 1


def test_the_nearer_the_picture_is_to_being_hidden_the_smaller_the_pull():
    assert (
        1 < after(1, 3 * AIM, MOST_CONTENT - 0.1).style_weight < after(1, 3 * AIM, 1.0).style_weight
    )


def test_faces_that_get_lost_are_held_harder_and_harder():
    assert (
        after(1, AIM, 1.0, LEAST_FACE).face_weight
        < after(1, AIM, 1.0, 0.2).face_weight
        < after(9, AIM, 1.0, 0.2).face_weight
    )
    assert after(1, AIM, 1.0, 0.2).style_weight == 1


def test_faces_that_are_clear_count_as_in_the_gallery_and_so_do_none():
    assert after(9, AIM, 1.0, 1.0).face_weight == after(9, AIM, 1.0).face_weight == 32


def test_what_is_right_stays():
    assert after(20, AIM, MOST_CONTENT - 0.5).style_weight == pytest.approx(1)
    assert after(20, 3 * AIM, MOST_CONTENT).style_weight == pytest.approx(1)


def test_what_pulls_harder_is_held_steadier():
    assert after(20, AIM / 2, 1.0).smoothing_weight == 1
    assert 1.5 < after(20, 3 * AIM, 1.0).smoothing_weight < after(20, 3 * AIM, 1.0).style_weight


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (Distances(0.3, 1.0, 0.9), "near the painting"),
        (Distances(0.5, 1.0, None), "getting nearer"),
        (Distances(0.7, 3.0, 0.2), "still far from the painting, the picture gets lost, "
         "faces change much"),
    ],
)  # fmt: skip
def test_how_far_it_is_in_words(now: Distances, words: str):
    assert in_words(now) == words
