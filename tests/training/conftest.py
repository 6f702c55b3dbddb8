"""What makes tests on small pictures quick: VGG16 sees them at 64 px instead of 384, with one
thread.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from training.evaluate import likeness


@pytest.fixture
def small_and_quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """On pictures this small threads mostly wait for each other."""
    monkeypatch.setattr(likeness, "SHORT_SIDE_PX", 64)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
