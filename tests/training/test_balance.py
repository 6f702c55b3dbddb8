import pytest

from training.balance import AIM, MOST_CONTENT, Balance


def after(balance: Balance, looks: int, style: float, content: float) -> float:
    return [balance.see(style, content) for _ in range(looks)][-1]


def test_a_painting_that_is_far_off_pulls_harder_and_harder():
    balance = Balance()
    first = after(balance, 1, 3 * AIM, 1.0)
    assert 1 < first <= 1.3
    assert first < after(balance, 20, 3 * AIM, 1.0) <= 6


def test_one_that_is_near_leaves_the_picture_alone():
    assert 0.3 <= after(Balance(), 20, AIM / 2, 1.0) < 1


def test_what_would_hide_the_picture_is_not_pulled_at_further():
    assert after(Balance(), 20, 3 * AIM, MOST_CONTENT + 0.2) < 1


def test_the_nearer_the_picture_is_to_being_hidden_the_smaller_the_pull():
    assert 1 < after(Balance(), 1, 3 * AIM, MOST_CONTENT - 0.1) < after(Balance(), 1, 3 * AIM, 1.0)


def test_what_is_right_stays():
    assert after(Balance(), 20, AIM, MOST_CONTENT - 0.5) == pytest.approx(1)
    assert after(Balance(), 20, 3 * AIM, MOST_CONTENT) == pytest.approx(1)
