"""The choice of states, the weights, and least squares on reduced convection."""

import pytest
import torch

from reproductions.convection.least_squares import spread_rows, train, weights
from reproductions.convection.scoring import read_records, score

KINDS = ("onsager", "product", "plain")


def test_states_are_spread_in_time_or_along_the_path():
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    h = torch.stack([t**2, 0 * t], dim=-1)[None]
    assert spread_rows(h, 5, "time").tolist() == [[0, 25, 50, 75, 100]]
    rows = spread_rows(h, 5, "length")
    assert (rows[0, 0], rows[0, -1]) == (0, 100)
    gaps = h[0, rows[0], 0].diff()
    assert (gaps - 0.25).abs().max() < 0.02
    with pytest.raises(ValueError, match="spread must be"):
        spread_rows(h, 5, "speed")


def test_weights_see_the_slow_motion_and_leave_the_loss_one():
    velocity = torch.tensor([[3.0, 0.0], [0.0, 0.03]], dtype=torch.float64)
    for slow in (False, True):
        weight = weights(velocity, slow)
        assert weight.shape == (2, 1)
        assert (weight * velocity).square().mean().item() == pytest.approx(1)
        assert (weight[1] / weight[0] > 5).item() == slow


@pytest.mark.parametrize("kind", KINDS)
def test_least_squares_learns_a_spiral(kind):
    generator = torch.Generator().manual_seed(0)
    h = torch.rand(300, 3, generator=generator, dtype=torch.float64) * 2 - 1
    turn = torch.tensor([[-1.0, 2.0, 0.0], [-2.0, -1.0, 0.0], [0.0, 0.0, -3.0]])
    data = [h, h @ turn.double().mT]
    _, record = train(kind, data, slow=False, seed=0, n_steps=15)
    assert record["misfit"] < 0.02 and record["states"] == 300


@pytest.mark.parametrize("kind", KINDS)
def test_the_recorded_scores_of_least_squares_are_those_of_the_fields(kind):
    name = f"{kind}-ls"
    mine = [r for r in read_records("score") if r["competitor"] == name]
    assert [r["seed"] for r in mine] == [0, 1, 2]
    assert all(10 < r["failed"] < 120 and r["steps"] == 80 for r in mine)
    for recorded in mine:
        found = score(name, 7, recorded["seed"])
        assert abs(found["failed"] - recorded["failed"]) <= 3
