"""What the tests of properties share: how many examples they try, and what they try them with."""

from __future__ import annotations

from hypothesis import Phase, settings
from hypothesis import strategies as st

# The same examples every time, and no deadline: machines that run tests may be busy.
few_examples = settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)

# A name of digits alone would be a time in a timeline.
NAMES = st.from_regex(r"[0-9]{0,2}[a-z][a-z0-9_+-]{0,7}", fullmatch=True)
WEIGHTS = st.floats(1e-3, 1e3)
MIXES = st.dictionaries(NAMES, WEIGHTS, min_size=1, max_size=4).map(lambda mix: tuple(mix.items()))
SIZES = st.tuples(st.integers(1, 16_384), st.integers(1, 16_384))
