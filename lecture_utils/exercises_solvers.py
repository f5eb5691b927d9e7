"""Checks for the exercises on solvers; see `lecture_utils.exercises`."""

from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils._answers import answer, call, number


def check_boundary_trial(boundary_trial: Callable[..., Tensor]) -> None:
    """Check a trial solution with given values at both ends of ``[0, 1]``.

    ``boundary_trial(net, t, a, b)`` should return states ``(n, d)`` for times ``(n,)``
    and a network ``(n, 1) -> (n, d)``, equal to ``a`` at 0 and to ``b`` at 1.

    Raises:
        AssertionError: With a hint, if an end is missed or the network cannot act.
    """
    t = torch.linspace(0, 1, 5, dtype=torch.float64)
    a, b = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
    like = torch.zeros(5, 2, dtype=torch.float64)

    def wave(s: Tensor) -> Tensor:
        return torch.cat([2 + (3 * s).sin(), (5 * s).cos() - 3], dim=-1)

    found = answer(boundary_trial, (wave, t, a, b), like)
    still = answer(boundary_trial, (lambda s: 0 * wave(s), t, a, b), like)
    swapped = torch.allclose(found[0], b) and torch.allclose(found[-1], a)
    assert not swapped, "The ends are swapped: a belongs to t = 0, b to t = 1."
    assert torch.allclose(found[0], a), (
        f"At t = 0 it must be a = {a.tolist()}, whatever the network; it is "
        f"{found[0].tolist()}. What multiplies the network there?"
    )
    assert torch.allclose(found[-1], b), (
        f"At t = 1 it must be b = {b.tolist()}, whatever the network; it is "
        f"{found[-1].tolist()}. The factor of the network must vanish at both ends."
    )
    assert ((found - still)[1:-1] != 0).all(), (
        "Between the ends the network must be able to change every component: add it, "
        "times a factor that is zero at the ends only."
    )
    _check_network_enters(boundary_trial, a, b)
    shifted = answer(boundary_trial, (wave, t, a + 1, b + 1), like)
    assert torch.allclose(shifted[[0, -1]], torch.stack([a, b]) + 1), (
        "With other end values it must meet those: use the arguments a and b."
    )
    print("Passed: both ends are met for every network, and the inside is free.")


def _check_network_enters(
    boundary_trial: Callable[..., Tensor], a: Tensor, b: Tensor
) -> None:
    """The network's value at a time acts at that time, as it is, on its component."""
    t = torch.tensor([0.0, 0.13, 0.37, 0.71, 1.0], dtype=torch.float64)
    like = torch.zeros(5, 2, dtype=torch.float64)

    def change(size: float, when: float, component: int) -> Tensor:
        def spike(s: Tensor) -> Tensor:
            value = torch.zeros(len(s), 2, dtype=torch.float64)
            value[:, component] = size * ((s[:, 0] - when).abs() < 1e-9)
            return value

        with_it = answer(boundary_trial, (spike, t, a, b), like)
        return with_it - answer(
            boundary_trial, (lambda s: like[: len(s)], t, a, b), like
        )

    for k in (1, 2, 3):
        for component in (0, 1):
            moved = change(1.0, t[k].item(), component)
            here = moved[k, component].item()
            assert here != 0, f"The factor of the network is zero at t = {t[k]:g}, too."
            moved[k, component] = 0
            assert torch.allclose(moved, like), (
                "The network's value at one time, in one component, should act there "
                "only: do not average it, and evaluate it at t."
            )
            again = change(-20.0, t[k].item(), component)[k, component].item()
            assert abs(again + 20 * here) < 1e-9 * abs(again), (
                "The network should enter as it is: no abs, no tanh, which would limit "
                "what it can reach."
            )


def check_residual(my_residual: Callable[..., Tensor]) -> None:
    """Check a residual for a field that depends on time.

    ``my_residual(flow, field, t, x)`` should return ``(n, d)`` for times ``(n,)``.

    Raises:
        AssertionError: With a hint, if the residual is not the one that is known.
    """
    t = torch.linspace(0.1, 1.3, 6, dtype=torch.float64)
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(6, 2, dtype=torch.float64, generator=generator)

    def flow(t: Tensor, x: Tensor) -> Tensor:
        x1, x2 = x.unbind(-1)
        return torch.stack([x1 * t.exp() + x2 * t**2, x2 + x1 * t.sin()], dim=-1)

    def field(t: Tensor, x: Tensor) -> Tensor:
        return x * torch.as_tensor(t).to(x).unsqueeze(-1).cos() + x.flip(-1) ** 2

    found = answer(my_residual, (flow, field, t, x), x).detach()
    x1, x2 = x.unbind(-1)
    slope = torch.stack([x1 * t.exp() + 2 * x2 * t, x1 * t.cos()], dim=-1)
    value = flow(t, x)
    right = slope - field(t, value)
    total = slope.sum(-1, keepdim=True)
    named = {
        "The sign: velocity of the network minus field.": -right,
        "The field is needed at the time t of each sample.": slope
        - field(torch.zeros_like(t), value),
        "The field is needed where the network is, not at the start x.": slope
        - field(t, x),
        "Each component needs its own derivative; torch.autograd.grad of a sum over "
        "components adds them up.": total - field(t, value),
        "The field is missing: that is the velocity alone.": slope,
    }
    hint = next(
        (text for text, wrong in named.items() if torch.allclose(found, wrong)),
        "Compare the velocity with a difference quotient in t first.",
    )
    assert torch.allclose(found, right), f"That is not the residual. {hint}"
    _check_trainable(my_residual)
    print("Passed: velocity minus field, component by component.")


def _check_trainable(my_residual: Callable[..., Tensor]) -> None:
    """The loss must know how it depends on the network's weights."""
    weight = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    t = torch.linspace(0, 1, 4, dtype=torch.float64)
    x = torch.ones(4, 2, dtype=torch.float64)

    def flow(t: Tensor, x: Tensor) -> Tensor:
        return x * (1 + weight * t.unsqueeze(-1) ** 2)

    loss = my_residual(flow, lambda t, x: -x, t, x).square().sum()
    slope = torch.zeros(())
    if loss.requires_grad:
        (slope,) = torch.autograd.grad(loss, weight)
    # residual: 2 w t + 1 + w t^2, in both components
    right = 2 * (2 * (2 * 0.7 * t + 1 + 0.7 * t**2) * (2 * t + t**2)).sum()
    assert torch.isclose(slope.double(), right), (
        "The numbers are right, but a loss made of them has no gradient, or a wrong "
        "one, with respect to the weights: pass create_graph=True, and do not detach."
    )


def check_log_norm(my_log_norm: Callable[[Tensor], float]) -> None:
    """Check the logarithmic norm of a square matrix for the Euclidean norm.

    Raises:
        AssertionError: With a hint, if it is not the largest eigenvalue of the
            symmetric part.
    """
    cases = [[[-1.0, 4.0], [0.0, -2.0]], [[0.0, 1.0], [-1.0, 0.0]]]
    cases += [[[-3.0, 0.5], [0.5, -4.0]], [[0.5, -2.0], [1.0, 1.5]]]
    cases += [[[-0.7]], [[1.0, 3.0, 0.0], [0.0, -2.0, 1.0], [-4.0, 0.0, 0.3]]]
    matrices = [torch.tensor(rows, dtype=torch.float64) for rows in cases]
    found = [number(my_log_norm, (matrix,)) for matrix in matrices]
    named = {
        "That is the norm, which is never negative: a logarithmic norm can be.": [
            torch.linalg.matrix_norm(m, 2) for m in matrices
        ],
        "The eigenvalues of the matrix itself tell about late times. For the first "
        "instant take those of its symmetric part.": [
            torch.linalg.eigvals(m).real.max() for m in matrices
        ],
        "Halve the sum of the matrix and its transpose.": [
            torch.linalg.eigvalsh(m + m.mT)[-1] for m in matrices
        ],
        "Take the largest eigenvalue, the worst direction.": [
            torch.linalg.eigvalsh((m + m.mT) / 2)[0] for m in matrices
        ],
        "The largest is the last one, eigvalsh(...)[-1].": [
            torch.linalg.eigvalsh((m + m.mT) / 2)[min(1, len(m) - 1)] for m in matrices
        ],
        "It may be negative: no absolute value, no clamp.": [
            torch.linalg.eigvalsh((m + m.mT) / 2).abs().max() for m in matrices
        ],
        "It may be negative: no clamp.": [
            torch.linalg.eigvalsh((m + m.mT) / 2)[-1].clamp(min=0) for m in matrices
        ],
        "eigvalsh looks at one half of the matrix only: symmetrise first.": [
            torch.linalg.eigvalsh(m)[-1] for m in matrices
        ],
    }
    for matrix, value in zip(matrices, found, strict=True):
        right = torch.linalg.eigvalsh((matrix + matrix.mT) / 2)[-1].item()
        hint = next(
            (
                text
                for text, wrong in named.items()
                if torch.allclose(torch.tensor(found).double(), torch.stack(wrong))
            ),
            "Which rate does |x| have at most, if x' = A x?",
        )
        assert abs(value - right) < 1e-9, (
            f"For {matrix.tolist()} it is {right:.6f}, you gave {value:.9g}. {hint}"
        )
    print("Passed: the largest eigenvalue of the symmetric part.")


def check_error_bound(error_bound: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """Check a bound made of residuals and logarithmic norms, interval by interval.

    ``error_bound(residuals, rates, dt)`` should return the bounds ``(K + 1,)`` at the
    ends of ``K`` intervals, the first being 0.

    Raises:
        AssertionError: With a hint, if the bounds are not those of the linear equation.
    """
    generator = torch.Generator().manual_seed(4)
    residuals = torch.rand(30, dtype=torch.float64, generator=generator)
    rates = 6 * torch.rand(30, dtype=torch.float64, generator=generator) - 3
    rates[7], dt = 0.0, 0.1
    found = call(error_bound, (residuals.clone(), rates.clone(), dt))
    assert isinstance(found, Tensor) and found.shape == (31,), (
        "Return a tensor with the bound at the start and at the end of each of the 30 "
        f"intervals, shape (31,); got {tuple(getattr(found, 'shape', ()))}."
    )
    assert found.isfinite().all(), (
        "A bound is not finite: one rate is exactly 0. What does (exp(z) - 1) / z tend "
        "to? torch.expm1 and torch.where help."
    )
    right = _bounds(residuals, rates, dt)
    euler = [torch.zeros_like(residuals[0])]
    for size, rate in zip(residuals, rates, strict=True):
        euler.append(euler[-1] + dt * (rate * euler[-1] + size))
    named = {
        "Errors grow while they wait: the rates must enter.": _bounds(
            residuals, 0 * rates, dt
        ),
        "Negative rates are good news: do not take absolute values.": _bounds(
            residuals, rates.abs(), dt
        ),
        "An Euler step is no bound: solve E' = L E + R exactly.": torch.stack(euler),
        "The residual of an interval grows with its own rate, too.": _frozen(
            residuals, rates, dt
        ),
        "Negative rates are good news: do not set them to zero.": _bounds(
            residuals, rates.clamp(min=0), dt
        ),
        "The error so far grows, too: it is multiplied by exp(L dt).": _carried(
            residuals, rates, dt
        ),
    }
    off = ~torch.isclose(found.to(right), right)
    first = int(off.nonzero()[0]) if off.any() else 0
    hint = next(
        (text for text, w in named.items() if torch.allclose(found.to(w), w)),
        f"The first wrong one is number {first}: E -> exp(L dt) E + R (exp(L dt) - 1) "
        "/ L, with R and L of that interval.",
    )
    assert not off.any(), f"Those are not the bounds. {hint}"
    print("Passed: the linear equation is solved exactly on every interval.")


def _bounds(residuals: Tensor, rates: Tensor, dt: float) -> Tensor:
    bounds = [torch.zeros_like(residuals[0])]
    for size, rate in zip(residuals, rates, strict=True):
        gain = dt if rate == 0 else torch.expm1(rate * dt) / rate
        bounds.append((rate * dt).exp() * bounds[-1] + gain * size)
    return torch.stack(bounds)


def _carried(residuals: Tensor, rates: Tensor, dt: float) -> Tensor:
    single = [
        _bounds(r[None], a[None], dt)[-1] for r, a in zip(residuals, rates, strict=True)
    ]
    return torch.cat([torch.zeros_like(residuals[:1]), torch.stack(single).cumsum(0)])


def _frozen(residuals: Tensor, rates: Tensor, dt: float) -> Tensor:
    bounds = [torch.zeros_like(residuals[0])]
    for size, rate in zip(residuals, rates, strict=True):
        bounds.append((rate * dt).exp() * bounds[-1] + dt * size)
    return torch.stack(bounds)
