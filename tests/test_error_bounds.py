"""The bounds are bounds: for balls, for residuals, for errors."""

import pytest
import torch
from torch.nn.functional import pad

from lecture_utils.balls import Ball, matrix_of, mlp_jet
from lecture_utils.data import reference_trajectories
from lecture_utils.error_bounds import (
    enclose,
    log_norm,
    log_norm_of_ball,
    propagate,
)
from lecture_utils.nets import MLP
from lecture_utils.pinn import TrialFlow, WithVelocity, residual
from lecture_utils.systems import HarmonicOscillator
from lecture_utils.systems_more import ExponentialDecay, ParametricVanDerPol

GENERATOR = torch.Generator().manual_seed(3)


def random_ball(*shape):
    centre = torch.randn(shape, dtype=torch.float64, generator=GENERATOR)
    return Ball(centre, torch.rand(shape, dtype=torch.float64, generator=GENERATOR))


def members(ball, n=200):
    unit = torch.rand(n, *ball.centre.shape, dtype=torch.float64, generator=GENERATOR)
    unit[0], unit[1] = 0, 1  # the ends
    return ball.centre + (2 * unit - 1) * ball.radius


@pytest.mark.parametrize(
    "operation",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a * b,
        lambda a, b: 2.0 - 3.0 * a,
        lambda a, b: a.tanh(),
        lambda a, b: a.square() if isinstance(a, Ball) else a**2,
    ],
)
def test_a_ball_covers_all_results_and_not_much_more(operation):
    a, b = random_ball(50), random_ball(50)
    ball, results = operation(a, b), operation(members(a), members(b))
    gaps = (results - ball.centre).abs() - ball.radius
    assert gaps.max() < 1e-14
    assert (results - ball.centre).abs().amax(0).div(ball.radius).median() > 0.4


def test_a_linear_map_of_a_ball_is_exact():
    ball, matrix = random_ball(3), torch.tensor([[1.0, -2.0, 0.5]]).double()
    image = ball.apply(matrix)
    corner = ball.centre + matrix[0].sign() * ball.radius
    torch.testing.assert_close(image.centre + image.radius, matrix @ corner)


@pytest.mark.parametrize("depth", [1, 2])
def test_the_jet_covers_a_network_and_its_derivatives(depth):
    torch.manual_seed(0)
    net = MLP(3, 2, width=6, depth=depth).double()
    x = torch.tensor([[0.3, -1.0]]).double()
    t = torch.tensor([0.4]).double()
    half = 0.05
    found = mlp_jet(net, t, x, half)
    inside = t + half * torch.linspace(-1, 1, 41).double()

    def component(t, i):
        return net(torch.cat([t.reshape(1), x[0]]))[i]

    slope = torch.func.grad(component)
    bend = torch.func.grad(slope)
    for i in range(2):
        for ball, function in zip(found, (component, slope, bend), strict=True):
            values = torch.stack([function(s, i) for s in inside])
            assert (values - ball.centre[0, i]).abs().max() <= ball.radius[0, i]
    exact = mlp_jet(net, t, x, 0.0)
    for ball, function in zip(exact, (component, slope, bend), strict=True):
        assert ball.radius.max() < 1e-15
        torch.testing.assert_close(ball.centre[0, 1], function(t[0], 1))


def test_the_logarithmic_norm_is_the_growth_rate_of_the_worst_direction():
    decay = torch.tensor([[-1.0, 0.0], [0.0, -5.0]]).double()
    assert log_norm(decay).item() == pytest.approx(-1)
    shear = torch.tensor([[-1.0, 4.0], [0.0, -1.0]]).double()
    assert log_norm(shear).item() == pytest.approx(1)  # though the eigenvalue is -1
    norm = torch.linalg.matrix_norm
    quotient = (norm(torch.eye(2).double() + 1e-7 * shear, 2) - 1) / 1e-7
    assert log_norm(shear).item() == pytest.approx(quotient.item(), abs=1e-5)


def test_the_logarithmic_norm_of_a_ball_covers_its_members():
    ball = random_ball(4, 3, 3)
    bound = log_norm_of_ball(ball)
    found = log_norm(members(ball)).amax(0)
    assert (found <= bound).all() and (bound - found).max() < 6


def van_der_pol_jacobian(states):
    x, y, mu = states.unbind()
    slope = -1.0 - 2.0 * (mu * x * y)
    return matrix_of([[0.0, 1.0], [slope, mu * (1.0 - x.square())]], x)


def untrained(d_in, d_out, size):
    torch.manual_seed(0)
    flow = TrialFlow(MLP(d_in, d_out, width=8, depth=2).double())
    with torch.no_grad():
        flow.net.layers[-1].weight.mul_(size)
    return flow.requires_grad_(False)


def test_the_residual_never_exceeds_its_bound():
    flow, field = untrained(4, 2, 1.0), ParametricVanDerPol()
    x = torch.rand(5, 3, dtype=torch.float64, generator=GENERATOR)
    path = enclose(
        flow, field, van_der_pol_jacobian, x, interval=0.5, n_intervals=1, n_nodes=10
    )
    fine = torch.arange(10 * 20 + 1).double() * 0.05 / 20
    grid = x.unsqueeze(1).expand(-1, len(fine), -1)
    found = residual(field, WithVelocity(flow), fine, grid).norm(dim=-1)
    windows = found.unfold(1, 21, 20).amax(-1)
    assert (windows <= path.residual).all()
    assert (path.residual / windows).median() < 1.2
    values = flow(fine, grid).unfold(1, 21, 20)
    distance = (values - path.states.centre.unsqueeze(-1)).abs().amax(-1)
    assert (distance <= path.states.radius).all()


def test_for_the_oscillator_the_bound_is_the_integral_of_the_residual():
    # Its logarithmic norm is zero, so errors add up and nothing else happens.
    flow = untrained(3, 2, 0.1)

    def jacobian(states):
        return matrix_of([[0.0, 1.0], [-1.0, 0.0]], states.unbind()[0])

    x = torch.rand(5, 2, dtype=torch.float64, generator=GENERATOR)
    path = enclose(
        flow, HarmonicOscillator(), jacobian, x, interval=1.0, n_intervals=2, n_nodes=50
    )
    bound = propagate(path, jacobian)
    torch.testing.assert_close(bound[:, 1:], path.dt * path.residual.cumsum(1))


def test_a_stable_system_forgets_its_errors():
    flow = untrained(2, 1, 0.1)

    def jacobian(states):
        return matrix_of([[-9.0]], states.unbind()[0])

    x = torch.ones(1, 1, dtype=torch.float64)
    system = ExponentialDecay(rate=9.0)
    path = enclose(flow, system, jacobian, x, interval=1.0, n_intervals=1, n_nodes=200)
    bound = propagate(path, jacobian)
    error = (flow(1.0, x) - system.flow(1.0, x)).abs().item()
    assert error <= bound[0, -1] < path.residual.max() / 9 * 1.01


def test_the_bound_holds_for_a_poor_flow_or_says_that_it_cannot_tell():
    flow, field = untrained(4, 2, 0.3), ParametricVanDerPol()
    x = torch.rand(20, 3, dtype=torch.float64, generator=GENERATOR) + 0.5
    path = enclose(
        flow, field, van_der_pol_jacobian, x, interval=0.5, n_intervals=4, n_nodes=40
    )
    bound = propagate(path, van_der_pol_jacobian)
    truth = reference_trajectories(field, x, torch.linspace(0, 2, 5).double()).states
    here = x
    for k in range(1, 5):
        here = flow(0.5, here)
        error = (here - truth[:, k]).norm(dim=-1)
        assert (error <= bound[:, 40 * k]).all()
    assert bound[:, 5].isfinite().any() and bound[:, -1].isinf().any()
    assert (bound.isinf().diff(dim=1).int() >= 0).all()  # lost is lost


def corrected_by(truth_flow, flow, x, *, n_intervals, n_nodes, interval):
    """The curve of true errors of a composed flow at the ends of all intervals."""
    fine = torch.linspace(0, interval, n_nodes + 1).double()[1:]
    curve, here = [torch.zeros(len(x), 1, 2, dtype=torch.float64)], x
    for i in range(n_intervals):
        for t in fine:
            exact = truth_flow(i * interval + t.item(), x)
            curve.append((flow(t, here) - exact)[:, None])
        here = flow(interval, here)
    return torch.cat(curve, dim=1)


def oscillator_jacobian(states):
    return matrix_of([[0.0, 1.0], [-1.0, 0.0]], states.unbind()[0])


def test_a_bound_around_a_corrected_path_covers_what_is_left():
    flow, field = untrained(3, 2, 0.3), HarmonicOscillator()
    x = torch.rand(5, 2, dtype=torch.float64, generator=GENERATOR)
    sizes = {"n_intervals": 2, "n_nodes": 100, "interval": 1.0}
    error = corrected_by(field.flow, flow, x, **sizes)

    def bound(correction):
        path = enclose(
            flow, field, oscillator_jacobian, x, **sizes, correction=correction
        )
        return propagate(path, oscillator_jacobian)

    half = bound(0.5 * error)
    left = (0.5 * error).norm(dim=-1)
    assert (left <= half + 1e-12).all() and (bound(error)[:, -1] < 0.02).all()
    assert (error[:, -1].norm(dim=-1) > 0.05).all()  # it had something to do
    wrong = bound(-error)  # makes things worse, and the bound knows it
    assert (2 * error.norm(dim=-1) <= wrong + 1e-12).all()


def test_the_residual_of_a_corrected_path_never_exceeds_its_bound():
    flow, field = untrained(4, 2, 1.0), ParametricVanDerPol()
    x = torch.rand(5, 3, dtype=torch.float64, generator=GENERATOR)
    pace = torch.tensor([0.3, -0.8]).double()
    nodes = torch.linspace(0, 0.5, 11).double()
    path = enclose(
        flow,
        field,
        van_der_pol_jacobian,
        x,
        interval=0.5,
        n_intervals=1,
        n_nodes=10,
        correction=(nodes[:, None] * pace).expand(5, 11, 2),
    )
    fine = torch.arange(10 * 20 + 1).double() * 0.05 / 20
    value, velocity = WithVelocity(flow)(fine, x.unsqueeze(1).expand(-1, 201, -1))
    shift = pad(fine[:, None] * pace, (0, 1))
    missed = velocity - pad(pace, (0, 1)) - field(0.0, value - shift)
    windows = missed.norm(dim=-1).unfold(1, 21, 20).amax(-1)
    assert (windows <= path.residual).all()
    assert (path.residual / windows).median() < 1.3
    values = (value - shift).unfold(1, 21, 20)
    distance = (values - path.states.centre.unsqueeze(-1)).abs().amax(-1)
    assert (distance <= path.states.radius).all()


@pytest.mark.parametrize(
    ("correction", "message"),
    [
        (torch.zeros(5, 10, 2), "shape"),
        (torch.ones(5, 11, 2), "start at zero"),
        (torch.zeros(5, 11, 2) / 0, "finite"),
    ],
)
def test_a_correction_that_cannot_be_used_is_refused(correction, message):
    flow, x = untrained(3, 2, 0.3), torch.zeros(5, 2, dtype=torch.float64)
    with pytest.raises(ValueError, match=message):
        enclose(
            flow,
            HarmonicOscillator(),
            oscillator_jacobian,
            x,
            interval=1.0,
            n_intervals=1,
            n_nodes=10,
            correction=correction.double(),
        )


@pytest.mark.parametrize(
    "wrong", [{"n_nodes": 0}, {"n_intervals": 0}, {"n_nodes": 2.0}]
)
def test_counts_of_intervals_are_positive_whole_numbers(wrong):
    flow, x = untrained(3, 2, 0.3), torch.zeros(5, 2, dtype=torch.float64)
    sizes = {"interval": 1.0, "n_intervals": 1, "n_nodes": 10} | wrong
    with pytest.raises(ValueError, match="n_.* must be a whole number >= 1"):
        enclose(flow, HarmonicOscillator(), oscillator_jacobian, x, **sizes)
