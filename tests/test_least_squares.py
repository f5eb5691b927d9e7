import math

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import nn

from lecture_utils import _least_squares
from lecture_utils.training import fit, fit_least_squares

F64 = torch.float64


@pytest.fixture(autouse=True)
def one_thread():
    """Small matrices: on a busy machine several threads are ten times slower."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


class Values(nn.Module):
    """Nothing but parameters: what a one-line model is made of."""

    def __init__(self, *start, dtype=F64):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(start, dtype=dtype))

    def forward(self):
        return self.value


class Misra(Values):
    def forward(self, x):
        return self.value[0] * (1 - torch.exp(-self.value[1] * x))


# NIST StRD, Misra1a: volume against pressure, with certified parameters
PRESSURE = torch.tensor(
    [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8]
    + [378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0],
    dtype=F64,
)
VOLUME = torch.tensor(
    [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02]
    + [44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78],
    dtype=F64,
)
CERTIFIED = torch.tensor([2.3894212918e2, 5.5015643181e-4], dtype=F64)


def misfit(net, x, y):
    return net(x) - y


def network(*sizes, seed=0, dtype=F64):
    torch.manual_seed(seed)
    layers = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(n_in, n_out), nn.Tanh()]
    return nn.Sequential(*layers[:-1]).to(dtype)


def rotation(n_samples=300, time=0.5):
    """Pairs of states of x'' = -x, a time apart."""
    generator = torch.Generator().manual_seed(0)
    x = 4 * torch.rand(n_samples, 2, generator=generator, dtype=F64) - 2
    cos, sin = math.cos(time), math.sin(time)
    return x, x @ torch.tensor([[cos, -sin], [sin, cos]], dtype=F64)


@pytest.mark.parametrize("start", [(500.0, 1e-4), (250.0, 5e-4)])
def test_least_squares_finds_the_certified_minimum(start):
    model = Misra(*start)
    history = fit_least_squares(misfit, model, (PRESSURE, VOLUME), n_steps=60)
    p, v = PRESSURE.numpy(), VOLUME.numpy()

    def slopes(b):
        return np.stack([1 - np.exp(-b[1] * p), b[0] * p * np.exp(-b[1] * p)], axis=1)

    oracle = scipy.optimize.least_squares(
        lambda b: b[0] * (1 - np.exp(-b[1] * p)) - v,
        start,
        jac=slopes,
        method="lm",
        x_scale="jac",
        xtol=1e-14,
        ftol=1e-14,
    )
    torch.testing.assert_close(model.value, CERTIFIED, rtol=1e-8, atol=0)
    torch.testing.assert_close(model.value, torch.tensor(oracle.x), rtol=1e-8, atol=0)
    assert 14 * history[-1].item() == pytest.approx(2 * oracle.cost, rel=1e-10)
    assert len(history) < 61, "it must stop by itself"


def test_convergence_is_quadratic_where_the_residual_vanishes():
    """Each of the last steps doubles the number of right digits."""
    x = torch.linspace(100, 700, 20, dtype=F64)
    model = Misra(250.0, 5e-4)
    y = Misra(240.0, 6e-4)(x).detach()
    rms = fit_least_squares(misfit, model, (x, y), n_steps=40).sqrt()
    digits = -rms[rms > 1e-12].log10()  # below, rounding
    assert digits[-1] > 6
    assert 1.7 < digits[-1] / digits[-2] < 2.3
    torch.testing.assert_close(
        model.value, torch.tensor([240.0, 6e-4], dtype=F64), rtol=1e-10, atol=0
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_least_squares_learns_a_flow_map_far_better_than_adam(seed):
    x, x_next = rotation()
    model = network(2, 16, 16, 2, seed=seed)
    history = fit_least_squares(misfit, model, (x, x_next), n_steps=30)
    assert history[-1] <= 1e-8
    assert (history.diff() < 0).all() and len(history) <= 31
    torch.testing.assert_close((model(x) - x_next).square().mean(), history[-1])

    model = network(2, 16, 16, 2, seed=seed)
    loss = lambda: (model(x) - x_next).square().mean()  # noqa: E731
    assert fit(loss, model.parameters(), n_steps=300, learning_rate=1e-2)[-1] >= 1e-6


def decay_misfit(net, t):
    """x' + x for x(t) = 1 + t net(t), with the derivative in reverse mode."""
    x, pull = torch.func.vjp(lambda t: 1 + t * net(t), t)
    return pull(torch.ones_like(t))[0] + x


def test_least_squares_solves_an_equation_with_time_derivatives(device):
    t = torch.linspace(0, 1, 30, dtype=F64, device=device).unsqueeze(-1)
    model = network(1, 10, 1).to(device)
    history = fit_least_squares(decay_misfit, model, (t,), n_steps=40)
    assert history[-1] < 1e-8
    error = (1 + t * model(t) - torch.exp(-t)).abs().max()
    assert 0 < error < 1e-4


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_forward_mode_derivatives_give_the_same_fit():
    def forward_misfit(net, t):
        solution = lambda t: 1 + t * net(t)  # noqa: E731
        x, slope = torch.func.jvp(solution, (t,), (torch.ones_like(t),))
        return slope + x

    t = torch.linspace(0, 1, 9, dtype=F64).unsqueeze(-1)
    torch.testing.assert_close(
        fit_least_squares(forward_misfit, network(1, 4, 1), (t,), n_steps=3),
        fit_least_squares(decay_misfit, network(1, 4, 1), (t,), n_steps=3),
    )


def test_chunks_change_nothing(monkeypatch):
    data = rotation(37)
    whole = fit_least_squares(misfit, network(2, 5, 2), data, n_steps=5)
    monkeypatch.setattr(_least_squares, "CHUNK_BYTES", 1500)
    problem = _least_squares.LeastSquares(misfit, network(2, 5, 2), data, 1.0)
    assert len(problem.chunks) > 5
    pieces = fit_least_squares(misfit, network(2, 5, 2), data, n_steps=5)
    torch.testing.assert_close(pieces, whole)


@pytest.mark.parametrize("strip", [1, 7, 27, 1000])
def test_the_linearisation_is_the_gradient_and_gauss_newton(strip, monkeypatch):
    monkeypatch.setattr(_least_squares, "STRIP", strip)
    data = rotation(11)
    model = network(2, 5, 2)
    problem = _least_squares.LeastSquares(misfit, model, data, 1.0)
    loss = problem.loss(problem.start)
    normal, slope = problem.linearise(problem.start, loss)
    rows = torch.func.jacrev(problem)(problem.start, *data).flatten(0, 1)
    torch.testing.assert_close(normal, rows.mT @ rows / 22)
    misfit(model, *data).square().mean().backward()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
    torch.testing.assert_close(2 * slope, gradient)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_dead_units_and_few_samples_do_no_harm(dtype):
    model = network(2, 8, 2, dtype=dtype)
    with torch.no_grad():
        model[2].weight[:, :4] = 0  # no gradient reaches the first four units
        model[0].weight[4:] = 100  # and the others are saturated
    data = tuple(x.to(dtype) for x in rotation(3))
    history = fit_least_squares(misfit, model, data, n_steps=30)
    assert history.dtype == dtype
    assert history[-1] < 1e-9 and history.isfinite().all()


def test_frozen_layers_and_buffers_stay():
    model = network(2, 8, 2)
    model[0].requires_grad_(False)
    before = model[0].weight.clone()
    history = fit_least_squares(misfit, model, rotation(), n_steps=3)
    assert torch.equal(model[0].weight, before)
    assert history[-1] < 0.5 * history[0]


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_a_solved_problem_can_be_given_again(dtype):
    """Its residuals are rounding errors, which differ one by one and together."""
    x = rotation()[0].to(dtype)
    model = network(2, 16, 16, 2, dtype=dtype)
    data = (x, model(x).detach())
    history = fit_least_squares(misfit, model, data, n_steps=5)
    assert history[0] <= torch.finfo(dtype).eps ** 2


def test_a_number_of_steps_is_at_least_one():
    with pytest.raises(ValueError, match="n_steps must be a whole number"):
        fit_least_squares(misfit, network(2, 2), rotation(5), n_steps=0)


def with_bad(value):
    x, x_next = rotation(5)
    x[3, 1] = value
    return x, x_next


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (with_bad(math.nan), r"data\[0\] has 1 values that are nan"),
        (with_bad(math.inf), r"data\[0\] has 1 values"),
        (rotation(0), r"at least one; found \[0, 0\]"),
        ((rotation(5)[0], rotation(4)[0]), r"found \[5, 4\]"),
        (rotation(5)[0], r"write \(x,\)"),
        ((), "tuple of tensors"),
        (tuple(x.float() for x in rotation(5)), r"data\[0\] is torch.float32"),
    ],
)
def test_data_that_cannot_be_fitted_is_refused(data, problem):
    with pytest.raises(ValueError, match=problem):
        fit_least_squares(misfit, network(2, 3, 2), data, n_steps=1)


MODEL = network(2, 3, 2)


@pytest.mark.parametrize(
    ("residual", "problem"),
    [
        (lambda net, x, y: misfit(net, x, y).square().mean(), "nor averaged"),
        (lambda net, x, y: misfit(net, x, y).T[:1], r"returned \(1, 2\)"),
        (lambda net, x, y: misfit(net, x, y).float(), "of torch.float32"),
        (lambda net, x, y: misfit(MODEL, x, y), "call its first argument"),
        (lambda net, x, y: misfit(net, x, y) / y.norm(), "independently"),
        (lambda net, x, y: (misfit(net, x, y) - 9).log(), "must be finite at the init"),
    ],
)
def test_a_residual_that_cannot_be_linearised_is_refused(residual, problem):
    before = MODEL[0].weight.clone()
    with pytest.raises(ValueError, match=problem):
        fit_least_squares(residual, MODEL, rotation(5), n_steps=3)
    assert torch.equal(MODEL[0].weight, before)


def test_a_jacobian_that_is_not_finite_is_named():
    with pytest.raises(FloatingPointError, match="Jacobian is not finite"):
        fit_least_squares(
            lambda net, x: net().sqrt().expand(1, -1),
            Values(0.0),
            (torch.ones(1, dtype=F64),),
            n_steps=1,
        )


def test_a_frozen_model_is_refused():
    with pytest.raises(ValueError, match=r"found none.*requires_grad_"):
        fit_least_squares(
            misfit, network(2, 2).requires_grad_(False), rotation(5), n_steps=1
        )


def test_a_network_too_large_for_the_memory_is_refused():
    model = network(2, 130, 130, 2)
    with pytest.raises(ValueError, match=r"17682 parameters.*9\.\d GiB.*`fit`"):
        fit_least_squares(misfit, model, rotation(5), n_steps=1)
