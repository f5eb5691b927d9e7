"""Constructions keep their promises without training."""

import math

import pytest
import torch

from lecture_utils.approximation import (
    ReluFlow,
    carry_plan,
    flow_interpolant,
    relu_interpolant,
)
from lecture_utils.integrators import integrate


def increasing(n, generator):
    steps = 0.1 + torch.rand(n, dtype=torch.float64, generator=generator)
    return steps.cumsum(0) - 2


def test_the_network_passes_through_the_points_and_is_straight_between():
    generator = torch.Generator().manual_seed(0)
    knots = increasing(9, generator)
    values = torch.randn(9, dtype=torch.float64, generator=generator)
    net = relu_interpolant(knots, values)
    middles, means = (knots[1:] + knots[:-1]) / 2, (values[1:] + values[:-1]) / 2
    for x, y in ((knots, values), (middles, means)):
        torch.testing.assert_close(net(x[:, None])[:, 0], y)
    assert net.layers[0].out_features == 8


def test_the_network_keeps_dtype_and_shape():
    net = relu_interpolant(torch.linspace(0, 1, 4), torch.ones(4))
    assert net(torch.zeros(2, 3, 1)).shape == (2, 3, 1)
    assert net(torch.zeros(1)).dtype == torch.float32


def test_the_error_of_the_network_falls_with_the_square_of_the_width():
    x = torch.linspace(0, 1, 5001, dtype=torch.float64)

    def error(n):
        knots = torch.linspace(0, 1, n + 1, dtype=torch.float64)
        net = relu_interpolant(knots, torch.sin(5 * knots))
        return (net(x[:, None])[:, 0] - torch.sin(5 * x)).abs().max().item()

    assert math.log2(error(32) / error(64)) == pytest.approx(2, abs=0.1)


def test_a_flow_takes_increasing_points_to_increasing_points():
    generator = torch.Generator().manual_seed(1)
    x, y = increasing(9, generator), increasing(9, generator)
    flow = flow_interpolant(x, y)
    torch.testing.assert_close(flow(x), y)
    middles, means = (x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2
    torch.testing.assert_close(flow(middles), means)


def test_a_stage_solves_its_differential_equation():
    x = torch.linspace(-1, 2, 13, dtype=torch.float64)[:, None]
    times = torch.linspace(0, 0.7, 101, dtype=torch.float64)
    flow = ReluFlow(torch.tensor([0.3]).double(), torch.tensor([-0.7]).double())
    end = integrate(lambda t, x: -torch.relu(x - 0.3), x, times)[:, -1]
    torch.testing.assert_close(flow(x), end)


def test_a_flow_increases_whatever_its_parameters():
    generator = torch.Generator().manual_seed(2)
    centres, times = torch.randn(2, 20, dtype=torch.float64, generator=generator)
    flow = ReluFlow(centres, times, shift=-0.3)
    assert (flow(torch.linspace(-3, 3, 500, dtype=torch.float64)).diff() > 0).all()


def test_a_flow_shifts_everything_in_its_last_stage():
    x = torch.tensor([-1.0, 4.0])
    flow = ReluFlow(torch.zeros(1), torch.tensor([math.log(2)]), shift=0.5)
    torch.testing.assert_close(flow(x), torch.tensor([-0.5, 8.5]))


def carried(starts, moves, radius):
    """Follow the moves: closed tweezers take along whoever is within reach."""
    points, position = starts.clone(), torch.zeros(2, dtype=starts.dtype)
    for closed, move in moves:
        for _ in range(n := 200):
            if closed:
                held = (points - position).norm(dim=-1) < radius
                points[held] += move / n
            position = position + move / n
    return points


def test_a_plan_brings_every_point_home():
    generator = torch.Generator().manual_seed(3)
    starts, targets = 2 * torch.rand(2, 12, 2, generator=generator).double() - 1
    moves = carry_plan(starts, targets, radius=0.02, generator=generator)
    torch.testing.assert_close(carried(starts, moves, 0.02), targets)
    assert sum(not closed for closed, _ in moves) == 12


def test_a_plan_goes_round_what_is_in_the_way():
    starts = torch.tensor([[0.1, 0.0], [0.5, 0.0]]).double()
    targets = torch.tensor([[1.0, 0.0], [0.5, 0.0]]).double()
    generator = torch.Generator().manual_seed(0)
    moves = carry_plan(starts, targets, radius=0.05, generator=generator)
    assert sum(closed for closed, _ in moves) == 3  # two with a corner, one in place
    torch.testing.assert_close(carried(starts, moves, 0.05), targets)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: relu_interpolant(torch.zeros(3), torch.ones(3)),
            "knots must increase",
        ),
        (lambda: relu_interpolant(torch.arange(3.0), torch.ones(2)), "one shape"),
        (lambda: flow_interpolant(torch.arange(3.0), -torch.arange(3.0)), "y must"),
        (lambda: ReluFlow(torch.zeros(2), torch.zeros(3)), "one centre and one time"),
        (
            lambda: carry_plan(
                torch.zeros(2, 2),
                torch.ones(2, 2),
                radius=0.1,
                generator=torch.Generator(),
            ),
            "smaller tweezers",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
