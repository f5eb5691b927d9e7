import pytest
import torch
from torch import nn

from lecture_utils.exercises_hybrid import (
    check_exact_landmarks,
    check_hybrid_speedup,
    check_own_hybrid,
)
from lecture_utils.flows import flow_map, repeat, rollout
from lecture_utils.hits import HierarchicalStepper
from lecture_utils.integrators import euler_step
from lecture_utils.parareal import parareal


def gain(a, b, c, n, n_steps, m):
    gaps = n_steps / m
    return n_steps * (a + b * n) / (gaps * c + (m - 1) * (a + b * n * gaps))


def gain_from_times(a, b, c, n, n_steps, m):
    alone = sum(a + b * n for _ in range(n_steps))
    hybrid = c * (n_steps // m)
    for _ in range(m - 1):
        hybrid += a + b * n * (n_steps // m)
    return torch.tensor(alone / hybrid, dtype=torch.float64)


@pytest.mark.parametrize("right", [gain, gain_from_times])
def test_right_gains_pass(right):
    check_hybrid_speedup(right)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (
            lambda a, b, c, n, N, m: (
                N * (a + b * n) / (N / m * c + m * (a + b * n * N / m))
            ),
            "m - 1 calls",
        ),
        (
            lambda a, b, c, n, N, m: N * (a + b * n) / ((m - 1) * (a + b * n * N / m)),
            "landmarks cost time",
        ),
        (lambda *args: 1 / gain(*args), "inverse"),
        (
            lambda a, b, c, n, N, m: (
                N * (a + b * n) / (N / m * c + (m - 1) * (a + b * n))
            ),
            "all gaps",
        ),
        (lambda *args: 5.0, "both times"),
        (lambda *args: None, "return"),
        (lambda *args: float("nan"), "finite"),
    ],
)
def test_wrong_gains_get_their_hint(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_hybrid_speedup(wrong)


def by_package(fine, coarse, x0, n_steps, n_iterations):
    return parareal(fine, coarse, x0, n_steps, n_iterations)[-1]


def by_loops(fine, coarse, x0, n_steps, n_iterations, *, stale=False, sign=1):
    old = list(rollout(coarse, x0, n_steps).unbind(1))
    for _ in range(n_iterations):
        new = [x0]
        for n in range(n_steps):
            base = old[n] if stale else new[n]
            new.append(coarse(base) + sign * (fine(old[n]) - coarse(old[n])))
        old = new
    return torch.stack(old, dim=1)


@pytest.mark.parametrize("right", [by_package, by_loops])
def test_right_landmarks_pass(right):
    check_exact_landmarks(right)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda *a: by_loops(*a, stale=True), "new landmark"),
        (lambda *a: by_loops(*a, sign=-1), "fine minus coarse"),
        (lambda f, c, x, n, k: by_loops(f, c, x, n, k + 1), "too many"),
        (lambda f, c, x, n, k: by_loops(f, c, x, n, max(k - 1, 0)), "too few"),
        (lambda f, c, x, n, k: rollout(f, x, n), "fine map alone"),
        (lambda f, c, x, n, k: by_package(f, c, x, n, k)[:, 1:], "shape"),
        (lambda f, c, x, n, k: x, "shape"),
        (lambda *a: None, "return"),
    ],
)
def test_wrong_landmarks_get_their_hint(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_exact_landmarks(wrong)


def pendulum(t, x):
    angle, velocity = x.unbind(-1)
    return torch.stack([velocity, -angle.sin()], dim=-1)


class Jump(nn.Module):
    """Stands for a network: as good as the field and the step it is given."""

    def __init__(self, time=1.0, field=pendulum):
        super().__init__()
        self.flow = repeat(flow_map(field, time / 20), 20)

    def forward(self, x):
        return self.flow(x)


def hybrid(network=None, step=None, length=10, dt=0.1):
    step = step or flow_map(pendulum, 0.1)
    return HierarchicalStepper({length: network or Jump(), 1: step}, dt)


@pytest.mark.parametrize("right", [hybrid(), hybrid(Jump(2.0), length=20)])
def test_right_hybrids_pass(right):
    check_own_hybrid(right)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (hybrid(Jump(1.0, lambda t, x: -x)), "look at the network"),
        (hybrid(step=flow_map(pendulum, 0.1, step=euler_step)), "classical step"),
        (hybrid(length=20), "look at the network"),
        (hybrid(repeat(flow_map(pendulum, 0.1), 10)), "must be a network"),
        (hybrid(step=Jump(0.1)), "classical method"),
        (hybrid(Jump(10.0), length=100), "calls in a row"),
        (hybrid(dt=0.05), "dt = 0.1"),
        (HierarchicalStepper({10: Jump()}, 0.1), "levels"),
        (..., "levels"),
        (lambda x, n: x, "levels"),
    ],
)
def test_wrong_hybrids_get_their_hint(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_own_hybrid(wrong)
