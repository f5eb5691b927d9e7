"""Right solutions pass, and the mistakes learners make get the hint they need."""

import math

import pytest
import torch

from lecture_utils.data import cut_into_windows
from lecture_utils.exercises_flow_maps import (
    check_chord_gap,
    check_learned_flow,
    check_recurrent_loss,
    check_windows,
)
from lecture_utils.flows import flow_map, repeat, rollout
from lecture_utils.integrators import dop853_step, euler_step
from lecture_utils.systems import Pendulum


def windows(trajectories, p, stride):
    return trajectories[:, : p * stride + 1 : stride]


def windows_one_by_one(trajectories, p, stride):
    return torch.stack([trajectories[:, k * stride] for k in range(p + 1)], dim=1)


@pytest.mark.parametrize("right", [windows, windows_one_by_one])
def test_the_windows_pass(right, capsys):
    check_windows(right)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda x, p, stride: x[:, : p * stride : stride], "as well as p later"),
        (lambda x, p, stride: x[:, : p + 1], "stride samples apart"),
        (lambda x, p, stride: x[:, stride:][:, ::stride][:, : p + 1], "initial state"),
        (
            lambda x, p, stride: torch.stack([x[:, k * stride] for k in range(p + 1)]),
            "dim=1",
        ),
        (lambda x, p, stride: x[:, -p * stride - 1 :: stride], "last states"),
        (lambda x, p, stride: x[:, :21:4], r"For p = 1"),  # ignores its arguments
        (lambda x, p, stride: x[:, : p * stride + 1 : stride].flip(1), "Their times"),
        (cut_into_windows, "One window per trajectory"),
        (lambda x, p, stride: windows(x, p, stride) * math.nan, "other ones"),
        (lambda x, p, stride: None, "return"),
        (lambda x, p, stride: [1.0], "not list"),
        (lambda x, p: x, "TypeError"),
        (None, "Hand over"),
    ],
)
def test_wrong_windows_are_named(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_windows(wrong)


def loss(phi, windows):
    wrong = rollout(phi, windows[:, 0], windows.shape[1] - 1) - windows
    return wrong[:, 1:].square().sum(-1).mean()


def loss_by_hand(phi, windows):
    x, total = windows[:, 0], 0.0
    for target in windows[:, 1:].unbind(1):
        x = phi(x)
        total += ((x - target) ** 2).sum().item()
    return total / (len(windows) * (windows.shape[1] - 1))


def errors(phi, windows):
    return rollout(phi, windows[:, 0], windows.shape[1] - 1) - windows


@pytest.mark.parametrize("right", [loss, loss_by_hand])
def test_the_recurrent_loss_passes(right, capsys):
    check_recurrent_loss(right)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (
            lambda phi, w: (phi(w[:, :-1]) - w[:, 1:]).square().sum(-1).mean(),
            "starts from the data",
        ),
        (lambda phi, w: errors(phi, w)[:, -1].square().sum(-1).mean(), "last step"),
        (lambda phi, w: errors(phi, w).square().sum(-1).mean(), "not by p"),
        (lambda phi, w: errors(phi, w)[:, 1:].square().mean(), "components"),
        (lambda phi, w: errors(phi, w).square().mean(), "counts the given"),
        (lambda phi, w: errors(phi, w).square().sum(), "not a sum"),
        (lambda phi, w: errors(phi, w).square().sum((1, 2)).mean(), "of steps, p"),
        (lambda phi, w: errors(phi, w).square().sum((0, 2))[1:].mean(), "by the .*, n"),
        (lambda phi, w: loss(phi, w).sqrt(), "root"),
        (lambda phi, w: 0.5, "by hand"),
        (lambda phi, w: errors(phi, w).square(), "one number"),
        (lambda phi, w: math.nan, "finite"),
        (lambda phi, w: None, "return"),
    ],
)
def test_a_wrong_recurrent_loss_is_named(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_recurrent_loss(wrong)


@pytest.mark.parametrize(
    "right",
    [
        lambda r, h: r * (1 - math.cos(h / 2)),
        lambda r, h: 2 * r * math.sin(h / 4) ** 2,
    ],
)
def test_the_chord_gap_passes(right, capsys):
    check_chord_gap(right)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda r, h: r * (1 - math.cos(h)), "half a step"),
        (lambda r, h: r * h**2 / 8, "leading term"),
        (lambda r, h: 1 - math.cos(h / 2), "radius"),
        (lambda r, h: r * math.cos(h / 2), "from the centre"),
        (lambda r, h: r * math.sin(h / 2), "half of the chord"),
        (lambda r, h: (r * (1 - math.cos(h / 2))) ** 2, "squared"),
        (lambda r, h: 0.1, "Draw"),
        (lambda r, h: math.inf, "finite"),
        (lambda r, h: None, "return"),
    ],
)
def test_a_wrong_chord_gap_is_named(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_chord_gap(wrong)


def pendulum_flow(h, n=8, step=dop853_step):
    return repeat(flow_map(Pendulum(), h / n, step=step), n)


def wrong_far_out(x):
    far = (x[:, 1].abs() > 1.05)[:, None]
    return pendulum_flow(0.5)(x) + 0.01 * far


@pytest.mark.parametrize(
    "right",
    [pendulum_flow(0.5), lambda x: pendulum_flow(0.25, n=20)(pendulum_flow(0.25)(x))],
)
def test_a_flow_map_of_the_pendulum_passes(right, capsys):
    check_learned_flow(right)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda x: pendulum_flow(0.5)(x) - x, "increment"),
        (lambda x: x, "nothing moves"),
        (lambda x: Pendulum()(0.0, x), "field, not the flow"),
        (pendulum_flow(0.5, n=1, step=euler_step), "Euler"),
        (pendulum_flow(1.0), "a time 1:"),
        (pendulum_flow(0.25), "0.25"),
        (pendulum_flow(-0.5), "back in time"),
        (lambda x: 0 * x, "Train longer"),
        (wrong_far_out, "where the orbits go"),
        (lambda x: pendulum_flow(0.5)(x) + 2e-4, "add up"),
        (lambda x: x[:, :1], "same shape"),
        (lambda x: x * math.nan, "jump 1 "),
        (lambda x: None, "return"),
        (..., "Hand over"),
    ],
)
def test_a_wrong_flow_map_is_named(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_learned_flow(wrong)
