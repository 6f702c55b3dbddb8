"""The variants are comparable with the network that ships, and their table replaces itself."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="networks are torch modules: pip install '.[train]'")

from bench.rows.variant_network import Variant, build_variant  # noqa: E402
from bench.targets.variants import replace_section  # noqa: E402
from engines.networks import build_network  # noqa: E402


def test_the_variant_that_changes_nothing_is_the_network_that_ships() -> None:
    variant = build_variant(3, Variant())
    ours = build_network("fast", 3).eval()
    ours.load_state_dict(variant.state_dict())
    image, mix = torch.rand(1, 3, 37, 50), torch.tensor([[0.2, 0.5, 0.3]])
    with torch.no_grad():
        assert torch.allclose(ours(image, mix), variant(image, mix), atol=1e-5)


@pytest.mark.parametrize(
    "variant",
    [
        Variant(styled="first"),
        Variant(styled="none"),
        Variant(step="add"),
        Variant(step="instance norm"),
        Variant(step="batch norm"),
        Variant(step="filter response norm"),
        Variant(sizes={"width": 32, "deep": 48}),
    ],
)
def test_every_other_variant_is_another_function_of_the_same_shape(variant: Variant) -> None:
    image, mix = torch.rand(1, 3, 37, 50), torch.eye(1, 3)
    with torch.no_grad():
        torch.manual_seed(0)
        ours = build_variant(3, Variant())(image, mix)
        torch.manual_seed(0)
        assert build_variant(3, variant)(image, mix).shape == ours.shape
        torch.manual_seed(0)
        assert not torch.equal(build_variant(3, variant)(image, mix), ours)


def test_statistics_that_run_over_time_remember_the_frame_before() -> None:
    torch.manual_seed(0)
    network = build_variant(1, Variant(step="instance norm", memory=0.9))
    first, second = torch.rand(2, 1, 3, 32, 32)
    with torch.no_grad():
        network(first, torch.ones(1, 1))
        remembered = network(second, torch.ones(1, 1))
        torch.manual_seed(0)
        fresh = build_variant(1, Variant(step="instance norm", memory=0.9))(
            second, torch.ones(1, 1)
        )
    assert not torch.allclose(remembered, fresh)


def test_only_the_marked_section_of_the_page_is_replaced() -> None:
    page = "before\n<!-- variants: begin -->\nold\n<!-- variants: end -->\nafter\n"
    assert replace_section(page, "new") == page.replace("old", "new")
    with pytest.raises(ValueError, match="variants: begin"):
        replace_section("no marks", "new")
