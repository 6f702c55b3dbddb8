from __future__ import annotations

import torch
from torch import nn

from training.muon import MuonAdam, orthogonalise


def test_orthogonalise_keeps_directions_and_evens_their_lengths():
    for shape in ((6, 20), (20, 6)):
        matrix = torch.randn(shape)
        u, s, vh = torch.linalg.svd(orthogonalise(matrix), full_matrices=False)
        assert s.min() > 0.6 and s.max() < 1.3
        ours, _, theirs = torch.linalg.svd(matrix, full_matrices=False)
        cosine = torch.trace((ours @ theirs).T @ (u @ vh)) / min(shape)
        assert cosine > 0.95


def test_the_rest_moves_as_torch_adam_moves_it():
    ours, theirs = nn.Linear(4, 3), nn.Linear(4, 3)
    theirs.load_state_dict(ours.state_dict())
    first, second = MuonAdam(ours, 0.1, 0.01, 0.02), torch.optim.Adam(theirs.parameters(), lr=0.01)
    for _ in range(5):
        x = torch.randn(8, 4)
        for network, optimizer in ((ours, first), (theirs, second)):
            optimizer.zero_grad()
            network(x).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight)


def test_convolutions_learn_and_the_state_comes_back():
    torch.manual_seed(0)
    network, target = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
    optimizer = MuonAdam(network, 0.02, 0.01, 0.02)
    x = torch.randn(2, 3, 8, 8)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (network(x) - target(x).detach()).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    again = MuonAdam(network, 0.02, 0.01, 0.02)
    again.load_state_dict(optimizer.state_dict())
    weight = next(iter(network.parameters()))
    torch.testing.assert_close(again.state[weight]["momentum"], optimizer.state[weight]["momentum"])


def test_rows_have_a_rate_of_their_own_in_one_network_and_in_several():
    network = nn.Conv2d(3, 4, 3)
    network.rows = nn.Parameter(torch.zeros(1, 5))
    for whole in (network, nn.ModuleDict({"one": network})):
        rates = {g["kind"]: g["lr"] for g in MuonAdam(whole, 0.1, 0.2, 0.3).param_groups}
        assert rates == {"muon": 0.1, "adam": 0.2, "rows": 0.3}
