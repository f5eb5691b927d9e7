"""Trial flows meet their start exactly, and their derivatives are right."""

import math

import pytest
import torch

from lecture_utils.nets import MLP
from lecture_utils.pinn import TrialFlow, WithVelocity, residual, value_and_velocity
from lecture_utils.systems import HarmonicOscillator
from lecture_utils.systems_more import ParametricVanDerPol


def trial(d_in, d_out, depth=2):
    torch.manual_seed(0)
    return TrialFlow(MLP(d_in, d_out, width=7, depth=depth).double())


def states(n, d):
    generator = torch.Generator().manual_seed(1)
    return 3 * torch.randn(n, d, dtype=torch.float64, generator=generator)


def test_the_initial_state_is_met_to_the_last_bit():
    x = states(300, 2)
    assert torch.equal(trial(3, 2)(0.0, x), x)
    some_at_zero = torch.linspace(0, 1, 300).double() * (torch.arange(300) % 2)
    found = trial(3, 2)(some_at_zero, x)
    assert torch.equal(found[::2], x[::2]) and not torch.equal(found, x)


def test_without_the_bracket_it_is_off_by_rounding():
    flow, x = trial(3, 2), states(300, 2)
    there = flow.net(torch.cat([torch.zeros(300, 1).double(), x], dim=-1))
    assert not torch.equal((x + there) - there, x)


def test_parameters_of_the_system_stay_as_they_are():
    flow, x = trial(4, 2), states(20, 3)
    later = flow(0.7, x)
    assert torch.equal(later[:, 2], x[:, 2]) and not torch.equal(later, x)
    _, velocity = WithVelocity(flow)(0.7, x)
    assert (velocity[:, 2] == 0).all() and (velocity[:, :2] != 0).all()
    assert (
        residual(ParametricVanDerPol(), WithVelocity(flow), 0.7, x)[:, 2] == 0
    ).all()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_velocity_is_the_slope_of_the_value(depth):
    flow, x = trial(3, 2, depth), states(30, 2)
    t = torch.linspace(0, 1, 30).double()
    value, velocity = WithVelocity(flow)(t, x)
    torch.testing.assert_close(value, flow(t, x))
    slope = (flow(t + 1e-5, x) - flow(t - 1e-5, x)) / 2e-5
    torch.testing.assert_close(velocity, slope, atol=1e-8, rtol=0)
    for found, expected in zip(
        value_and_velocity(flow, t, x), (value, velocity), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_times_and_states_broadcast_like_a_loop():
    flow, x = WithVelocity(trial(3, 2)), states(4, 2)
    t = torch.linspace(0, 1, 5).double()
    grid = x.unsqueeze(1).expand(-1, 5, -1)
    value, velocity = flow(t, grid)
    assert value.shape == velocity.shape == (4, 5, 2)
    for i in range(5):
        torch.testing.assert_close(value[:, i], flow(t[i], x)[0])
        torch.testing.assert_close(velocity[:, i], flow(t[i].item(), x)[1])


def test_an_exact_flow_has_no_residual_and_a_wrong_one_a_known_one():
    class Rotation(torch.nn.Module):
        def forward(self, t, x):
            q, p = x.unbind(-1)
            c, s = t.cos(), t.sin()
            return torch.stack([c * q + s * p, c * p - s * q], dim=-1)

    def pair(t, x):
        return value_and_velocity(Rotation(), t, x)

    x, t = states(9, 2), torch.linspace(0, math.pi, 9).double()
    assert residual(HarmonicOscillator(), pair, t, x).abs().max() < 1e-14
    faster = residual(HarmonicOscillator(omega=2.0), pair, t, x)
    torch.testing.assert_close(faster[:, 1], 3 * Rotation()(t, x)[:, 0])


def test_another_network_is_refused_with_a_way_out():
    flow = TrialFlow(MLP(3, 2, width=4, depth=1, activation=torch.sin))
    with pytest.raises(ValueError, match="value_and_velocity"):
        WithVelocity(flow)
    flow.double()
    x = states(3, 2)
    _, velocity = value_and_velocity(flow, 0.3, x)
    slope = (flow(0.3 + 1e-5, x) - flow(0.3 - 1e-5, x)) / 2e-5
    torch.testing.assert_close(velocity, slope, atol=1e-8, rtol=0)


def test_the_residual_is_that_of_the_field_at_its_time():
    flow, x, t = WithVelocity(trial(3, 2)), states(9, 2), torch.linspace(0, 1, 9)
    t = t.double()
    value, velocity = flow(t, x)
    found = residual(lambda t, x: t[..., None] * x, flow, t, x)
    torch.testing.assert_close(found, velocity - t[:, None] * value)


BAD_FIELDS = [
    (lambda t, x: -x[..., :1], r"field.* \(2, 1\)"),
    (lambda t, x: -x[..., 0], r"field.* \(2,\)"),  # n equals d, so it broadcasts
    (lambda t, x: -x.float(), "float64.*field.* .*float32"),
    (lambda t, x: None, "field.* NoneType"),
]


@pytest.mark.parametrize(("field", "message"), BAD_FIELDS)
def test_a_field_returns_one_velocity_per_state(field, message):
    with pytest.raises(ValueError, match=message):
        residual(field, WithVelocity(trial(3, 2)), 0.1, states(2, 2))


def test_a_flow_returns_a_velocity_like_its_value():
    with pytest.raises(ValueError, match=r"flow.*\(2, 1\)"):
        residual(HarmonicOscillator(), lambda t, x: (x, x[:, :1]), 0.1, states(2, 2))


def test_a_network_with_more_outputs_than_components_is_refused():
    flow, x = trial(3, 5), states(4, 2)
    for evaluate in (flow, WithVelocity(flow)):
        with pytest.raises(ValueError, match="5 outputs .* 2 components"):
            evaluate(0.1, x)
