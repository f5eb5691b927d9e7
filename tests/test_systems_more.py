"""Systems of single chapters, against what is known about them."""

import torch
from torch.func import grad, jacrev, vmap

from lecture_utils.data import reference_trajectories, sample_box
from lecture_utils.systems import VanDerPol
from lecture_utils.systems_more import (
    SIR,
    CoupledQuartics,
    ExponentialDecay,
    FrictionPendulum,
    ParametricVanDerPol,
)

TIMES = torch.tensor([0.0, 1.5], dtype=torch.float64)


REGIONS = {
    ExponentialDecay: ((-1, 1),),
    ParametricVanDerPol: ((-2.5, 2.5), (-4.2, 4.2), (0.5, 1.5)),
    SIR: ((0, 1), (0, 0.6), (1.5, 3.5)),
    CoupledQuartics: ((-1, 1),) * 4,
    FrictionPendulum: ((-1, 1), (-1, 1)),
}


def start(system, n=40):
    return sample_box(system.region, n, generator=torch.Generator().manual_seed(0))


def test_states_are_sampled_where_the_chapters_say():
    for system, region in REGIONS.items():
        assert system.region == region and len(region) == system.dim
    assert ParametricVanDerPol.test_region == ((-2, 2), (-2, 2), (0.5, 1.5))


def test_decay_has_its_closed_form():
    system = ExponentialDecay(rate=0.7)
    x = start(system)
    found = reference_trajectories(system, x, TIMES).states[:, 1]
    torch.testing.assert_close(found, system.flow(1.5, x))


def test_the_parameter_of_van_der_pol_is_a_state_that_stays():
    x = start(ParametricVanDerPol())
    velocity = ParametricVanDerPol()(0.0, x)
    assert (velocity[:, 2] == 0).all()
    for one, its_velocity in zip(x, velocity, strict=True):
        expected = VanDerPol(mu=one[2].item())(0.0, one[:2])
        torch.testing.assert_close(its_velocity[:2], expected)


def test_the_region_of_van_der_pol_holds_its_orbits_for_two_units():
    system = ParametricVanDerPol()
    x = sample_box(system.test_region, 500, generator=torch.Generator().manual_seed(0))
    times = torch.linspace(0, 2, 21).double()
    states = reference_trajectories(system, x, times).states
    low, high = torch.tensor(system.region).double().unbind(-1)
    assert ((states >= low) & (states <= high)).all()


def test_an_epidemic_keeps_its_invariant_and_turns_at_its_threshold():
    system = SIR()
    x = start(system)
    x = x[x[:, 0] > 0.05]
    later = reference_trajectories(system, x, TIMES).states[:, 1]
    torch.testing.assert_close(system.invariant(later), system.invariant(x))
    at_threshold = torch.tensor([[0.4, 0.2, 2.5]], dtype=torch.float64)
    s_rate, i_rate, r0_rate = system(0.0, at_threshold)[0]
    assert abs(i_rate) < 1e-15 and s_rate < 0 and r0_rate == 0


def test_coupled_quartics_move_by_their_energy():
    system = CoupledQuartics()
    x = start(system)
    q_slope, p_slope = vmap(jacrev(system.energy))(x).chunk(2, dim=-1)
    torch.testing.assert_close(system(0.0, x), torch.cat([p_slope, -q_slope], dim=-1))
    q = x[:, :2]
    torch.testing.assert_close(system.slope(q), vmap(jacrev(system.potential))(q))
    torch.testing.assert_close(system.curvature(q), vmap(jacrev(system.slope))(q))
    later = reference_trajectories(system, x, TIMES / 3).states[:, 1]
    torch.testing.assert_close(system.energy(later), system.energy(x))


def test_coupled_quartics_have_two_wells_and_a_saddle():
    system = CoupledQuartics()
    wells = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    assert (system.slope(wells) == 0).all() and (system.potential(wells) == -0.5).all()
    assert torch.linalg.eigvalsh(system.curvature(wells)).min() > 0
    low, high = torch.linalg.eigvalsh(system.curvature(torch.zeros(2).double()))
    assert low < 0 < high
    everywhere = 10 * torch.randn(5000, 2, generator=torch.Generator().manual_seed(0))
    assert system.potential(everywhere.double()).min() >= -0.5


def test_damping_takes_the_energy_at_the_rate_of_its_work():
    system = CoupledQuartics(damping=0.3)
    x = start(system)
    slope = vmap(jacrev(system.energy))(x)
    rate = (slope * system(0.0, x)).sum(-1)
    p = x[:, 2:]
    expected = -0.3 * ((p @ system.inverse_mass) * p).sum(-1)
    torch.testing.assert_close(rate, expected)


def test_the_pendulum_loses_the_energy_its_friction_takes():
    system, x = FrictionPendulum(), start(FrictionPendulum())
    slope = vmap(grad(system.energy))(x)
    rate = (slope * system(0.0, x)).sum(-1)
    torch.testing.assert_close(rate, -3 * x.square().sum(-1) * x[:, 1] ** 2)
    assert slope[:, 0].abs().max() > 1 and system.energy(torch.zeros(2)) == 0
    # a quarter turn from rest, c x = pi / 2, the force is at its largest
    torch.testing.assert_close(
        system(0.0, torch.tensor([1.0, 0.0]).double())[1].item(), -8 / torch.pi
    )
