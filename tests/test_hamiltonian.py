"""SympFlow: symplectic, the identity at t = 0, and the flow of what it says it is."""

import pytest
import torch
from torch.func import jacrev, vmap

from lecture_utils.hamiltonian import (
    Potential,
    SympFlow,
    hamiltonian_field,
    symplecticity_defect,
)
from lecture_utils.integrators import euler_step, integrate, verlet_step
from lecture_utils.nets import MLP
from lecture_utils.systems import HarmonicOscillator, HenonHeiles
from lecture_utils.training import fit_least_squares


@pytest.fixture(params=[(2, 3), (4, 6)])
def network(request):
    """A random flow with potentials that matter."""
    dim, n_layers = request.param
    torch.manual_seed(0)
    flow = SympFlow(dim, n_layers=n_layers, width=7).double()
    for potential in flow.potentials:
        potential.weight.data *= 10
    return flow


def states(network, n=40, seed=1):
    generator = torch.Generator().manual_seed(seed)
    dim = 2 * network.potentials[0].inner.in_features
    x = 2 * torch.rand(n, dim, generator=generator, dtype=torch.float64) - 1
    return torch.rand(n, generator=generator, dtype=torch.float64), x


def test_derivatives_of_the_potential_are_right():
    torch.manual_seed(0)
    v = Potential(2, width=5).double()
    t, q = torch.rand(9).double(), torch.randn(9, 2).double()
    q_rate = torch.randn(9, 2).double()
    slope = vmap(jacrev(v, argnums=1))
    torch.testing.assert_close(v.push(t, q), slope(t, q) - slope(0 * t, q))
    torch.testing.assert_close(v.rate(t, q), vmap(jacrev(v, argnums=0))(t, q))
    push, rate = v.moving_push(t, q, q_rate)
    torch.testing.assert_close(push, v.push(t, q))

    def later(s, t, q, q_rate):
        return v.push(t + s, q + s * q_rate)

    expected = vmap(jacrev(later))(torch.zeros_like(t), t, q, q_rate)
    torch.testing.assert_close(rate, expected)


def test_the_velocity_is_the_derivative_in_time(network):
    t, x = states(network)
    expected = network(t, x), vmap(jacrev(network))(t, x)
    torch.testing.assert_close(network.with_velocity(t, x), expected)


def test_at_time_zero_it_is_the_identity_to_the_last_bit(network):
    t, x = states(network)
    assert torch.equal(network(0.0, x), x)
    assert torch.equal(network(0 * t, x), x)
    assert not torch.allclose(network(1.0, x), x, atol=0.1)


@pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float64, 1e-12), (torch.float32, 1e-5)]
)
def test_it_is_symplectic_to_rounding(network, dtype, bound):
    _, x = states(network)
    network.to(dtype)
    defect = symplecticity_defect(lambda x: network(0.7, x), x.to(dtype))
    assert defect.shape == (40,) and defect.dtype == dtype
    assert torch.finfo(dtype).eps / 10 < defect.max() < bound


def test_the_inverse_undoes_it(network):
    t, x = states(network)
    torch.testing.assert_close(network.inverse(t, network(t, x)), x)
    torch.testing.assert_close(network(t, network.inverse(t, x)), x)


def test_it_is_the_exact_flow_of_its_hamiltonian(network):
    t, x = states(network)
    later, velocity = network.with_velocity(t, x)
    field = hamiltonian_field(network.hamiltonian)
    assert velocity.abs().max() > 0.5
    torch.testing.assert_close(velocity, field(t, later), rtol=0, atol=1e-10)
    along = network.hamiltonian_from(t, x)
    torch.testing.assert_close(network.hamiltonian(t, later), along)
    times = torch.linspace(0, 1, 101, dtype=torch.float64)
    solved = integrate(field, x, times)[:, -1]
    torch.testing.assert_close(network(1.0, x), solved, rtol=0, atol=1e-6)


def test_leading_axes_are_a_batch(network):
    t, x = states(network)
    whole = network(t, x)
    torch.testing.assert_close(network(t[3], x[3]), whole[3])
    shaped = network(t.view(5, 8), x.view(5, 8, -1))
    torch.testing.assert_close(shaped, whole.view(5, 8, -1))
    assert network(0.5, x[0]).shape == x[0].shape


def test_the_field_of_an_energy_is_hamiltons():
    system = HenonHeiles()
    x = torch.randn(6, 4).double()
    field = hamiltonian_field(lambda t, x: system.energy(x))
    torch.testing.assert_close(field(0.0, x), system(0.0, x))


def test_the_defect_knows_which_maps_are_symplectic():
    system = HarmonicOscillator()
    x = torch.randn(2, 3, 2).double()
    good = symplecticity_defect(lambda x: verlet_step(system, 0.0, x, 0.5), x)
    bad = symplecticity_defect(lambda x: euler_step(system, 0.0, x, 0.5), x)
    assert good.shape == (2, 3) and good.max() < 1e-14
    torch.testing.assert_close(bad, torch.full_like(bad, 0.25))  # det = 1 + dt^2
    # Volume alone is not enough in four dimensions: scale one plane up, one down.
    scale = torch.tensor([2.0, 0.5, 1.0, 1.0]).double()
    assert symplecticity_defect(lambda x: x * scale, torch.ones(4).double()) == 1


def test_a_plain_network_is_not_symplectic():
    torch.manual_seed(0)
    net = MLP(2, 2, width=8, depth=1).double()
    assert symplecticity_defect(lambda x: x + net(x), torch.zeros(2).double()) > 0.01


def test_a_small_one_learns_the_oscillator():
    system = HarmonicOscillator()
    generator = torch.Generator().manual_seed(0)
    t = torch.rand(200, generator=generator, dtype=torch.float64)
    x = 3 * torch.rand(200, 2, generator=generator, dtype=torch.float64) - 1.5
    torch.manual_seed(0)
    flow = SympFlow(2, n_layers=3, width=8).double()

    class Moving(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.flow = flow

        def forward(self, t, x):
            later, velocity = self.flow.with_velocity(t, x)
            return velocity - system(t, later)

    fit_least_squares(lambda net, t, x: net(t, x), Moving(), (t, x), n_steps=60)
    error = (flow(1.0, x) - system.flow(1.0, x)).norm(dim=-1)
    assert 1e-8 < error.median() < 3e-3


@pytest.mark.parametrize("wrong", [dict(dim=3), dict(n_layers=0), dict(width=0)])
def test_impossible_networks_are_refused(wrong):
    with pytest.raises(ValueError, match="must be 1 or more|momenta as positions"):
        SympFlow(**({"dim": 2, "n_layers": 3, "width": 4} | wrong))
    with pytest.raises(ValueError, match="momenta as positions"):
        symplecticity_defect(lambda x: x, torch.zeros(3))


def test_a_plain_number_is_a_time_in_the_precision_of_the_state():
    torch.manual_seed(0)
    flow = SympFlow(2, n_layers=2, width=4).double()
    x = torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    exact = torch.tensor(0.4, dtype=torch.float64)  # float32 would be off by 6e-9
    torch.testing.assert_close(flow(0.4, x), flow(exact, x), rtol=1e-14, atol=0)


def test_a_field_of_an_energy_needs_momenta_and_one_number_per_state():
    quadratic = hamiltonian_field(lambda t, x: x.square().sum(-1) / 2)
    assert quadratic(0.0, torch.tensor([1.0, 2.0])).tolist() == [2, -1]
    with pytest.raises(ValueError, match="momenta as positions, but has 3"):
        quadratic(0.0, torch.ones(5, 3))
    for wrong in (lambda t, x: x**2, lambda t, x: x.sum()):
        with pytest.raises(ValueError, match=r"one number per state.*\(5,\)"):
            hamiltonian_field(wrong)(0.0, torch.ones(5, 2))
