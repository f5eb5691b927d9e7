"""A check is right only if it also rejects the mistakes learners make."""

import pytest
import torch

from lecture_utils.exercises import (
    check_antisymmetric_field,
    check_injective_step,
    check_inverse,
    check_order,
)
from lecture_utils.exercises_time_steppers import (
    check_hermite_gap,
    check_own_stepper,
    check_serial_calls,
)
from lecture_utils.flows import flow_map, repeat
from lecture_utils.hits import HierarchicalStepper
from lecture_utils.integrators import euler_step, heun_step, rk4_step, verlet_step


def heun_that_forgets_to_move(field, t, x, dt):
    slope = field(t, x)
    return x + dt / 2 * (slope + field(t + dt, x))


def heun_at_the_wrong_time(field, t, x, dt):
    slope = field(t, x)
    return x + dt / 2 * (slope + field(t, x + dt * slope))


def heun_without_dt(field, t, x, dt):
    return x + field(t, x)


def midpoint_step(field, t, x, dt):
    return x + dt * field(t + dt / 2, x + dt / 2 * field(t, x))


@pytest.mark.parametrize("right", [heun_step, midpoint_step])
def test_a_method_of_the_right_order_passes(right, capsys):
    check_order(right, order=2)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (heun_that_forgets_to_move, "at which state"),
        (heun_at_the_wrong_time, "at which state and time"),
        (euler_step, "at which state"),
        (heun_without_dt, "add dt"),
        (lambda field, t, x, dt: x, "add dt"),
        (lambda field, t, x, dt: x * float("nan"), "add dt"),
        (rk4_step, "more accurate than asked"),
        (lambda field, t, x, dt: None, "return"),
        (lambda field, t, x, dt: 1.0, "not float"),
        (lambda field, t, x, dt: x.expand(2), "same shape"),
    ],
)
def test_a_wrong_order_is_named(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_order(wrong, order=2)


def spectral(m):
    return torch.linalg.matrix_norm(m, 2)


@pytest.mark.parametrize(
    "right",
    [
        lambda a, b: 1 / (spectral(a) * spectral(b)),
        lambda a, b: (
            1 / (torch.linalg.svdvals(a)[0] * torch.linalg.svdvals(b)[0]).item()
        ),
    ],
)
def test_the_injective_step_passes(right, capsys):
    check_injective_step(right)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda a, b: 1 / (a.norm() * b.norm()), "Frobenius"),
        (lambda a, b: 1 / spectral(a), "depends on B"),
        (lambda a, b: 1 / spectral(b), "depends on A"),
        (lambda a, b: spectral(a) * spectral(b), "inverse"),
        (lambda a, b: 2 / (spectral(a) * spectral(b)), "not to expand"),
        (lambda a, b: 1 / spectral(b @ a), "between them"),
        (lambda a, b: 1.0, "Bound"),
        (lambda a, b: None, "return"),
        (lambda a, b: torch.linalg.svdvals(a), "one number"),
        (lambda a, b: float("nan"), "finite"),
        (lambda a, b: a @ b @ a @ a, "(?s)RuntimeError.*singular values"),
    ],
)
def test_a_wrong_injective_step_is_named(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_injective_step(wrong)


def antisymmetric_field(w, b, gamma):
    matrix = w - w.T - gamma * torch.eye(len(w), dtype=w.dtype)
    return lambda x: torch.tanh(x @ matrix.T + b)


def antisymmetric_field_by_parts(w, b, gamma):
    return lambda x: torch.tanh(x @ w.T - x @ w - gamma * x + b)


@pytest.mark.parametrize("right", [antisymmetric_field, antisymmetric_field_by_parts])
def test_the_antisymmetric_field_passes(right, capsys):
    check_antisymmetric_field(right)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda w, b, g: lambda x: torch.tanh(x @ (w - w.T).T + b), "leaves out gamma"),
        (lambda w, b, g: antisymmetric_field(w, b, -g), "wrong sign"),
        (
            lambda w, b, g: lambda x: torch.tanh(x @ (w + w.T).T - g * x + b),
            "W - W",
        ),
        (lambda w, b, g: lambda x: torch.tanh(x @ (w + w.T).T + b - 1), "by hand"),
        (lambda w, b, g: antisymmetric_field(w.T, b, g), "transposed"),
        (lambda w, b, g: torch.zeros(4), "return a function"),
        (lambda w, b, g: lambda x: torch.tanh(x @ (w - w.T - g).T + b), "diagonal"),
        (lambda w, b, g: lambda x: torch.tanh(x @ w.T - x @ w - g * x), "missing"),
        (lambda w, b, g: lambda x: torch.tanh(x @ w.T - x @ w - g * x) + b, "inside"),
        (lambda w, b, g: lambda x: torch.tanh((w - w.T) @ x + b), "rows"),
        (lambda w, b, g: lambda x: None, "return"),
        (lambda w, b, g: None, "return"),
    ],
)
def test_a_wrong_antisymmetric_field_is_named(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_antisymmetric_field(wrong)


def undo_verlet(field, t, x, dt):
    return verlet_step(field, t + dt, x, -dt)


def undo_verlet_by_hand(field, t, x, dt):
    def force(time, q):
        return field(time, torch.cat([q, q], -1)).chunk(2, -1)[1]

    q, p = x.chunk(2, -1)
    p = p - dt / 2 * force(t + dt, q)
    q = q - dt * field(t, torch.cat([p, p], -1)).chunk(2, -1)[0]
    return torch.cat([q, p - dt / 2 * force(t, q)], -1)


@pytest.mark.parametrize("right", [undo_verlet, undo_verlet_by_hand])
def test_the_inverse_passes(right, capsys):
    check_inverse(right, verlet_step)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda field, t, x, dt: verlet_step(field, t, x, -dt), "starts at time t"),
        (lambda field, t, x, dt: verlet_step(field, t + dt, x, dt), "another step"),
        (lambda field, t, x, dt: verlet_step(field, t - dt, x, -dt), "not at t - dt"),
        (lambda field, t, x, dt: verlet_step(field, t, x, dt), "another step forward"),
        (lambda field, t, x, dt: x, "nothing was undone"),
        (lambda field, t, x: x, "TypeError"),
        (lambda field, t, x, dt: heun_step(field, t + dt, x, -dt), "reverse order"),
        (lambda field, t, x, dt: x[..., :1], "same shape"),
    ],
)
def test_a_wrong_inverse_is_named(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_inverse(wrong, verlet_step)


def serial_calls(levels, n_steps):
    down = sorted(levels)[::-1]
    return n_steps // down[0] + sum(
        a // b - 1 for a, b in zip(down, down[1:], strict=False)
    )


def serial_calls_of_the_package(levels, n_steps):
    flows = {level: torch.clone for level in levels}
    return HierarchicalStepper(flows, 0.1).calls(n_steps)


@pytest.mark.parametrize("right", [serial_calls, serial_calls_of_the_package])
def test_the_chain_length_passes(right, capsys):
    check_serial_calls(right)
    assert "Passed" in capsys.readouterr().out


def chain_with_the_landmarks_twice(levels, n_steps):
    down = sorted(levels)[::-1]
    return n_steps // down[0] + sum(
        a // b for a, b in zip(down, down[1:], strict=False)
    )


def unsorted_chain(levels, n_steps):
    return n_steps // levels[0] + sum(
        a // b - 1 for a, b in zip(levels, levels[1:], strict=False)
    )


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (chain_with_the_landmarks_twice, "leave it out"),
        (lambda levels, n_steps: n_steps // min(levels), "landmarks|all evaluations"),
        (unsorted_chain, "sort them"),
        (lambda levels, n_steps: n_steps // max(levels), "by hand"),
        (lambda levels, n_steps: None, "return"),
    ],
)
def test_a_wrong_chain_length_is_named(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_serial_calls(wrong)


def hermite_gap(x0, x1, v0, v1, h, s):
    along = (1 + 2 * s) * (1 - s) ** 2 * x0 + s**2 * (3 - 2 * s) * x1
    return along + h * s * (1 - s) * ((1 - s) * v0 - s * v1)


def hermite_gap_by_coefficients(x0, x1, v0, v1, h, s):
    rise = x1 - x0
    square, cube = 3 * rise - h * (2 * v0 + v1), h * (v0 + v1) - 2 * rise
    return x0 + s * (h * v0 + s * (square + s * cube))


@pytest.mark.parametrize("right", [hermite_gap, hermite_gap_by_coefficients])
def test_the_hermite_gap_passes(right, capsys):
    check_hermite_gap(right)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda x0, x1, v0, v1, h, s: x0 + s * (x1 - x0), "straight line"),
        (
            lambda x0, x1, v0, v1, h, s: hermite_gap(x0, x1, v0, v1, 1, s),
            "times? h|by h",
        ),
        (lambda x0, x1, v0, v1, h, s: hermite_gap(x0, x1, v0, -v1, h, s), "minus"),
        (lambda x0, x1, v0, v1, h, s: hermite_gap(x0, x1, v1, v0, h, s), "own end"),
        (lambda x0, x1, v0, v1, h, s: hermite_gap(x1, x0, v0, v1, h, s), "end states"),
        (lambda x0, x1, v0, v1, h, s: (x0 + x1)[0], "same shape"),
    ],
)
def test_a_wrong_hermite_gap_is_named(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_hermite_gap(wrong)


def duffing(t, x):
    q, p = x.unbind(-1)
    return torch.stack([p, q - q**3], dim=-1)


def duffing_flow(substeps, dt=0.05, field=duffing):
    return repeat(flow_map(field, dt / 4), 4 * substeps)


def duffing_stepper(levels, **options):
    flows = {level: duffing_flow(level, **options) for level in levels}
    return HierarchicalStepper(flows, 0.05)


@pytest.mark.parametrize("levels", [(1, 16), (1, 4, 16, 32)])
def test_a_stepper_of_ones_own_passes(levels, capsys):
    check_own_stepper(duffing_stepper(levels))
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (duffing_stepper((1,)), "levels 1 and 16"),
        (
            HierarchicalStepper({k: duffing_flow(k) for k in (1, 16)}, 0.01),
            "dt = 0.05",
        ),
        (duffing_stepper((1, 16), dt=0.1), "level 1: its time step"),
        (
            duffing_stepper((1, 16), field=lambda t, x: -duffing(t, x)),
            "step 1 .*its sign",
        ),
        (
            HierarchicalStepper({1: duffing_flow(1), 16: duffing_flow(15)}, 0.05),
            "step 16 .*flow map of level 16",
        ),
        (lambda x0, n_steps: x0, "shape"),
        (None, "Hand over"),
    ],
)
def test_a_wrong_stepper_is_named(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check_own_stepper(wrong)
