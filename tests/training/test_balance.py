import pytest

from training.balance import AIM, MOST_CONTENT, Balance


def after(balance: Balance, steps: int, style: float, content: float) -> float:
    return [balance.see(style, content) for _ in range(steps)][-1]


def test_a_painting_that_is_far_off_pulls_harder_and_harder():
    balance = Balance(untouched=0.8)
    assert after(balance, 19, 0.6, 1.0) == 1.0  # a few crops tell little
    first = after(balance, 1, 0.6, 1.0)
    assert 1 < first <= 1.1
    assert first < after(balance, 200, 0.6, 1.0) <= 6


def test_one_that_is_near_leaves_the_picture_alone():
    assert 0.3 <= after(Balance(untouched=0.8), 200, 0.8 * AIM / 2, 1.0) < 1


def test_what_would_hide_the_picture_is_not_pulled_at_further():
    assert after(Balance(untouched=0.8), 200, 0.6, MOST_CONTENT + 0.2) < 1


def test_what_is_right_stays():
    assert after(Balance(untouched=0.8), 200, 0.8 * AIM, MOST_CONTENT) == pytest.approx(1)
