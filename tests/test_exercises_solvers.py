"""A check is right only if it also rejects the mistakes learners make."""

import pytest
import torch

from lecture_utils.error_bounds import log_norm
from lecture_utils.exercises_solvers import (
    check_boundary_trial,
    check_error_bound,
    check_log_norm,
    check_residual,
)
from lecture_utils.pinn import value_and_velocity

NAN = float("nan")


def boundary_by_products(net, t, a, b):
    t = t[:, None]
    return a * (1 - t) + b * t + t * (1 - t) * net(t)


def boundary_by_differences(net, t, a, b):
    t = t[:, None]
    line = net(0 * t) * (1 - t) + net(0 * t + 1) * t
    return a * (1 - t) + b * t + net(t) - line


def residual_by_package(flow, field, t, x):
    value, velocity = value_and_velocity(flow, t, x)
    return velocity - field(t, value)


def slopes(flow, t, x):
    t = t.clone().requires_grad_()
    value = flow(t, x)
    return value, torch.stack(
        [torch.autograd.grad(v.sum(), t, create_graph=True)[0] for v in value.mT], -1
    )


def residual_by_hand(flow, field, t, x):
    value, velocity = slopes(flow, t, x)
    return velocity - field(t, value)


def residual_of_summed_components(flow, field, t, x):
    value, velocity = slopes(flow, t, x)
    return velocity.sum(-1, keepdim=True) - field(t, value)


def log_norm_by_svd(matrix):
    # All eigenvalues become positive, hence singular values, after a shift.
    shift = 1 + matrix.abs().sum()
    part = (matrix + matrix.mT) / 2 + shift * torch.eye(len(matrix), dtype=matrix.dtype)
    return torch.linalg.svdvals(part)[0] - shift


def trial_through(change):
    return lambda n, t, a, b: boundary_by_products(lambda s: change(n, s), t, a, b)


def detached(flow, field, t, x):
    return residual_by_package(flow, field, t, x).detach()


def bound_without_carry(residuals, rates, dt):
    gain = torch.where(rates == 0, dt, torch.expm1(rates * dt) / rates)
    return torch.cat([torch.zeros(1).double(), (gain * residuals).cumsum(0)])


def bound_by_loop(residuals, rates, dt):
    bound = [torch.tensor(0.0, dtype=torch.float64)]
    for size, rate in zip(residuals, rates, strict=True):
        z = rate * dt
        gain = dt * (torch.expm1(z) / z if z != 0 else 1)
        bound.append(z.exp() * bound[-1] + gain * size)
    return torch.stack(bound)


def bound_by_sum(residuals, rates, dt):
    z = rates * dt
    gain = torch.where(z == 0, torch.ones_like(z), torch.expm1(z) / z)
    total = torch.cat([torch.zeros(1, dtype=z.dtype), z.cumsum(0)])
    pieces = (gain * dt * residuals * (-total[1:]).exp()).cumsum(0)
    return torch.cat([torch.zeros(1, dtype=z.dtype), total[1:].exp() * pieces])


def bound_dividing_by_zero(residuals, rates, dt):
    bound = [torch.zeros_like(dt * residuals[0])]
    for size, rate in zip(residuals, rates, strict=True):
        z = rate * dt
        bound.append(z.exp() * bound[-1] + (z.exp() - 1) / rate * size)
    return torch.stack(bound)


def bound_by_euler(residuals, rates, dt):
    bound = [torch.zeros_like(residuals[0])]
    for size, rate in zip(residuals, rates, strict=True):
        bound.append(bound[-1] + dt * (rate * bound[-1] + size))
    return torch.stack(bound)


RIGHT = [
    (check_boundary_trial, boundary_by_products),
    (check_boundary_trial, boundary_by_differences),
    (check_residual, residual_by_package),
    (check_residual, residual_by_hand),
    (check_log_norm, lambda a: log_norm(a).item()),
    (check_log_norm, log_norm_by_svd),
    (check_error_bound, bound_by_loop),
    (check_error_bound, bound_by_sum),
]

WRONG = [
    (check_boundary_trial, lambda n, t, a, b: a + t[:, None] * n(t[:, None]), "both"),
    (check_boundary_trial, lambda n, t, a, b: a + t[:, None] * (b - a), "network must"),
    (check_boundary_trial, lambda n, t, a, b: n(t[:, None]), "whatever the network"),
    (
        check_boundary_trial,
        lambda n, t, a, b: boundary_by_products(n, t, b, a),
        "swapped",
    ),
    (check_boundary_trial, lambda n, t, a, b: a, "same shape"),
    (check_boundary_trial, lambda n, t, a, b: None, "return"),
    (check_boundary_trial, trial_through(lambda n, s: n(s).mean()), "act there"),
    (check_boundary_trial, trial_through(lambda n, s: n(s)[:, :1]), "act there"),
    (check_boundary_trial, trial_through(lambda n, s: n(0 * s + 0.5)), "factor of"),
    (check_boundary_trial, trial_through(lambda n, s: n(s).abs()), "as it is"),
    (check_boundary_trial, trial_through(lambda n, s: n(s).tanh()), "as it is"),
    (
        check_boundary_trial,
        trial_through(lambda n, s: (1 - s / 0.37) * n(s)),
        "zero at t = 0.37",
    ),
    (check_residual, detached, "create_graph"),
    (
        check_log_norm,
        lambda m: torch.linalg.eigvalsh((m + m.mT) / 2)[min(1, len(m) - 1)],
        "the last one",
    ),
    (
        check_log_norm,
        lambda m: torch.linalg.eigvalsh((m + m.mT) / 2)[-1].clamp(min=0),
        "no clamp",
    ),
    (check_log_norm, lambda m: torch.linalg.eigvalsh(m)[-1], "symmetrise"),
    (
        check_error_bound,
        lambda r, a, d: bound_by_loop(r, a.clamp(min=0), d),
        "to zero",
    ),
    (check_error_bound, bound_without_carry, "so far grows"),
    (check_residual, lambda f, g, t, x: -residual_by_hand(f, g, t, x), "sign"),
    (
        check_residual,
        lambda f, g, t, x: residual_by_hand(f, lambda t, x: g(0 * t, x), t, x),
        "time t of each",
    ),
    (
        check_residual,
        lambda f, g, t, x: slopes(f, t, x)[1] - g(t, x),
        "not at the start",
    ),
    (check_residual, residual_of_summed_components, "own derivative"),
    (check_residual, lambda f, g, t, x: slopes(f, t, x)[1], "field is missing"),
    (check_residual, lambda f, g, t, x: 0 * x, "difference quotient"),
    (check_residual, lambda f, g, t, x: NAN * x, "difference quotient"),
    (check_residual, lambda f, g, t, x: None, "return"),
    (check_log_norm, lambda a: torch.linalg.matrix_norm(a, 2), "never negative"),
    (check_log_norm, lambda a: torch.linalg.eigvals(a).real.max(), "symmetric part"),
    (check_log_norm, lambda a: torch.linalg.eigvalsh(a + a.mT)[-1], "Halve"),
    (check_log_norm, lambda a: torch.linalg.eigvalsh((a + a.mT) / 2)[0], "largest"),
    (check_log_norm, lambda a: 1.0, "Which rate"),
    (check_log_norm, lambda a: NAN, "finite"),
    (check_log_norm, lambda a: None, "return"),
    (
        check_error_bound,
        lambda r, rates, dt: bound_by_loop(r, 0 * rates, dt),
        "rates must enter",
    ),
    (
        check_error_bound,
        lambda r, rates, dt: bound_by_loop(r, rates.abs(), dt),
        "absolute",
    ),
    (check_error_bound, bound_by_euler, "Euler"),
    (check_error_bound, bound_dividing_by_zero, "exactly 0"),
    (check_error_bound, lambda r, rates, dt: bound_by_loop(r, rates, 1.0), "first"),
    (check_error_bound, lambda r, rates, dt: r, r"\(31,\)"),
    (check_error_bound, lambda r, rates, dt: None, "return"),
]


@pytest.mark.parametrize(("check", "right"), RIGHT)
def test_a_right_solution_passes(check, right, capsys):
    check(right)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize(("check", "wrong", "hint"), WRONG)
def test_a_mistake_is_named(check, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check(wrong)
