"""Every system against what is known about it, each by a measure of its own."""

import math

import pytest
import torch

from lecture_utils.data import sample_box
from lecture_utils.integrators import dop853_step, integrate
from lecture_utils.systems import (
    ClassificationFlow,
    CubicOscillator,
    DampedOscillator,
    HarmonicOscillator,
    HenonHeiles,
    HopfNormalForm,
    HyperbolicFixedPoint,
    LinearSystem,
    Lorenz63,
    Pendulum,
    VanDerPol,
)

SYSTEMS = [
    HarmonicOscillator(omega=1.3),
    DampedOscillator(omega=1.2, damping=0.3),
    DampedOscillator(omega=0.5, damping=3.0),
    Pendulum(omega0=0.8),
    HyperbolicFixedPoint(),
    HyperbolicFixedPoint(mu=0.1, lam=-2.0),
    CubicOscillator(),
    VanDerPol(),
    HopfNormalForm(),
    Lorenz63(),
    HenonHeiles(lam=0.9),
    ClassificationFlow(),
    LinearSystem(torch.tensor([[0.0, 2.0], [-1.0, -0.5]], dtype=torch.float64)),
]
EXACT = [system for system in SYSTEMS if hasattr(system, "flow")]
CONSERVATIVE = [HarmonicOscillator(1.3), Pendulum(0.8), HenonHeiles(lam=0.9)]
DISSIPATIVE = [DampedOscillator(1.2, 0.3), CubicOscillator()]


def states(system, n=20):
    region = getattr(system, "region", ((-1.0, 1.0),) * 2)
    return sample_box(region, n, generator=torch.Generator().manual_seed(1))


REGIONS = {
    HarmonicOscillator: ((-1, 1), (-1, 1)),
    DampedOscillator: ((-1, 1), (-1, 1)),
    Pendulum: ((-math.pi / 2, math.pi / 2), (-1, 1)),
    HyperbolicFixedPoint: ((-1, 1), (-1, 1)),
    CubicOscillator: ((-1, 1), (-1, 1)),
    VanDerPol: ((-2, 2), (-4, 4)),
    HopfNormalForm: ((-0.2, 0.6), (-1, 2), (-1, 1)),
    Lorenz63: ((-0.1, 0.1),) * 3,
    HenonHeiles: ((-0.6, 0.6),) * 4,
    ClassificationFlow: ((-1.5, 1.5), (-1.5, 1.5)),
}


def test_states_are_sampled_where_the_sources_sample_them():
    named = {type(system) for system in SYSTEMS if hasattr(system, "region")}
    assert named == set(REGIONS)
    for system, region in REGIONS.items():
        assert system.region == region and len(region) == system.dim
    assert VanDerPol.test_region == ((-2, 2), (-2, 2))


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_field_keeps_shape_dtype_and_device(system, dtype, device):
    x = states(system).to(dtype).to(device).expand(3, 20, -1)
    if isinstance(system, LinearSystem):
        system = LinearSystem(system.matrix.to(x))
    velocity = system(0.3, x)
    assert velocity.shape == x.shape and velocity.dtype == dtype
    assert velocity.device == x.device
    torch.testing.assert_close(velocity[1, 4], system(0.3, x[1, 4]))


@pytest.mark.parametrize("system", EXACT, ids=lambda s: type(s).__name__)
def test_the_exact_flow_solves_the_equation(system):
    x0, times = states(system), torch.linspace(0, 1.5, 61, dtype=torch.float64)
    end = integrate(system, x0, times, step=dop853_step)[:, -1]
    torch.testing.assert_close(system.flow(1.5, x0), end, atol=1e-11, rtol=0)


@pytest.mark.parametrize("system", EXACT, ids=lambda s: type(s).__name__)
def test_the_exact_flow_has_the_group_property(system):
    x0 = states(system)
    twice = system.flow(0.4, system.flow(0.7, x0))
    torch.testing.assert_close(system.flow(1.1, x0), twice, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(system.flow(-1.1, twice), x0, atol=1e-10, rtol=0)


def test_the_hopf_flow_is_smooth_where_the_parameter_vanishes():
    x0 = torch.tensor([[0.0, 1.0, 0.5], [1e-9, 1.0, 0.5]], dtype=torch.float64)
    at_zero, nearby = HopfNormalForm().flow(3.0, x0)
    torch.testing.assert_close(at_zero, nearby, atol=1e-7, rtol=0)


def power(system, x):
    """Rate of change of the energy along the field, shape (..., d) -> (...)."""
    gradient = torch.func.grad(lambda x: system.energy(x).sum())(x)
    return (gradient * system(0.0, x)).sum(-1)


@pytest.mark.parametrize("system", CONSERVATIVE, ids=lambda s: type(s).__name__)
def test_a_conservative_system_keeps_its_energy_and_follows_its_gradient(system):
    x = states(system)
    assert power(system, x).abs().max() < 1e-14
    # The energy fixes the field: (dq/dt, dp/dt) = (dH/dp, -dH/dq).
    dq, dp = torch.func.grad(lambda x: system.energy(x).sum())(x).chunk(2, dim=-1)
    torch.testing.assert_close(system(0.0, x), torch.cat([dp, -dq], dim=-1))


@pytest.mark.parametrize("system", DISSIPATIVE, ids=lambda s: type(s).__name__)
def test_a_dissipative_system_loses_energy(system):
    x = states(system)
    loss = -power(system, x)
    assert (loss >= 0).all() and loss.max() > 1e-3


def test_damping_takes_energy_at_the_stated_rate():
    system, x = DampedOscillator(1.2, 0.3), states(DampedOscillator())
    torch.testing.assert_close(power(system, x), -0.3 * x[:, 1] ** 2)


def test_orbits_fall_onto_the_slow_curve_of_the_hyperbolic_fixed_point():
    x, y = HyperbolicFixedPoint().flow(20.0, states(HyperbolicFixedPoint())).T
    torch.testing.assert_close(y, x**2 / 0.9, atol=1e-8, rtol=0)


def test_the_cubic_oscillator_circles_with_its_published_coefficients():
    velocity = CubicOscillator()(0.0, torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(velocity, torch.tensor([-0.1 + 16, -2 - 0.8]))


def test_van_der_pol_settles_on_its_known_limit_cycle():
    # Amplitude and period at mu = 2, to the digits of Strogatz-type tables.
    times = torch.linspace(0, 60, 6001, dtype=torch.float64)
    x = integrate(VanDerPol(), torch.tensor([0.5, 0.0]).double(), times)[:, 0]
    late = x[3000:]
    assert late.max().item() == pytest.approx(2.0199, abs=2e-3)
    up = (late[:-1] < 0) & (late[1:] >= 0)
    period = 0.01 * up.nonzero()[:, 0].diff().double().mean().item()
    assert period == pytest.approx(7.6299, abs=5e-3)


def test_hopf_orbits_reach_the_circle_of_radius_root_mu():
    x = HopfNormalForm().flow(80.0, torch.tensor([[0.25, 1.0, -0.4]]).double())
    assert x[0, 1:].norm().item() == pytest.approx(0.5, abs=1e-12)
    inward = HopfNormalForm().flow(80.0, torch.tensor([[-0.2, 1.0, -0.4]]).double())
    assert inward[0, 1:].norm().item() < 1e-6


def test_lorenz_has_its_fixed_points_and_volume_contraction():
    lorenz = Lorenz63()
    a = math.sqrt(8 / 3 * 27)
    for wing in ([a, a, 27.0], [-a, -a, 27.0], [0.0, 0.0, 0.0]):
        assert lorenz(0.0, torch.tensor(wing, dtype=torch.float64)).abs().max() < 1e-13
    jacobian = torch.func.jacrev(lambda x: lorenz(0.0, x))(torch.randn(3).double())
    assert jacobian.trace().item() == pytest.approx(-10 - 1 - 8 / 3)


def test_henon_heiles_has_its_saddles_at_the_escape_energy():
    saddle = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    assert HenonHeiles()(0.0, saddle).abs().max() == 0
    assert HenonHeiles().energy(saddle).item() == pytest.approx(1 / 6)
    other = torch.tensor([math.sqrt(3) / 2, -0.5, 0.0, 0.0], dtype=torch.float64)
    assert HenonHeiles()(0.0, other).abs().max() < 1e-15
    assert HenonHeiles().energy(other).item() == pytest.approx(1 / 6)


def test_the_classification_flow_depends_on_time_as_published():
    x = torch.tensor([0.5, 2.0], dtype=torch.float64)
    expected = torch.tensor([0.0, -0.75 + 0.5], dtype=torch.float64)
    torch.testing.assert_close(ClassificationFlow()(0.0, x), expected)
    expected = torch.tensor([-2.0, -0.75], dtype=torch.float64)
    torch.testing.assert_close(ClassificationFlow()(math.pi / 2, x), expected)
