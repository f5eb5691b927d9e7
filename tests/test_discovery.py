"""Learning a Hamiltonian: derivatives, the loss, and the bias of the method in it."""

import math

import pytest
import torch
from torch.func import jacrev, vmap

from lecture_utils.data import sample_box
from lecture_utils.discovery import (
    LearnedHamiltonian,
    LearnedMechanics,
    TanhSum,
    inverse_mass_bias,
    step_misses,
)
from lecture_utils.hamiltonian import (
    SympFlow,
    hamiltonian_field,
    symplecticity_defect,
)
from lecture_utils.integrators import (
    dop853_step,
    euler_step,
    integrate,
    rk4_step,
    verlet_step,
    yoshida_step,
)
from lecture_utils.systems_more import CoupledQuartics
from lecture_utils.training import fit_least_squares


def states(n=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return sample_box(CoupledQuartics.region, n, generator=generator)


@pytest.fixture
def law():
    torch.manual_seed(1)
    return LearnedMechanics(2, width=6).double()


def test_slope_and_curvature_are_the_derivatives_of_the_value():
    torch.manual_seed(0)
    potential = TanhSum(3, width=5).double()
    x = torch.randn(4, 7, 3).double()
    flat = x.reshape(-1, 3)
    slope = vmap(jacrev(potential))(flat).reshape(x.shape)
    torch.testing.assert_close(potential.slope(x), slope)
    bend = vmap(jacrev(jacrev(potential)))(flat).reshape(4, 7, 3, 3)
    torch.testing.assert_close(potential.curvature(x), bend)
    assert bend.abs().max() > 0.1 and potential(x).shape == (4, 7)


@pytest.mark.parametrize("kind", [LearnedMechanics, LearnedHamiltonian])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_learned_field_is_hamiltons_for_its_energy(kind, dtype):
    torch.manual_seed(1)
    model, x = kind(2, width=6).to(dtype), states().to(dtype)
    expected = hamiltonian_field(lambda t, x: model.energy(x))(0.0, x)
    found = model(0.0, x)
    assert found.dtype == dtype and found.abs().max() > 0.1
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(model(0.0, x[3]), found[3])


def test_the_inverse_mass_is_symmetric_and_never_negative(law):
    for seed in range(5):
        torch.manual_seed(seed)
        law.root.data.copy_(torch.randn(2, 2))
        law.root.data[0] *= seed  # singular for the first one
        m = law.inverse_mass
        assert torch.equal(m, m.mT) and torch.linalg.eigvalsh(m).min() > -1e-15


def test_a_misses_of_a_window_are_a_rollout_less_the_data(law):
    segments = torch.stack([states(5, seed) for seed in range(4)], dim=1)
    times = 0.1 * torch.arange(4).double()
    rolled = integrate(law, segments[:, 0], times, step=verlet_step)
    found = step_misses(verlet_step, 0.1)(law, segments)
    torch.testing.assert_close(found, (rolled - segments)[:, 1:])
    # the variant is kick, drift, kick
    q, p = segments[:, 0].chunk(2, dim=-1)
    p = p - 0.05 * law.potential.slope(q)
    q = q + 0.1 * p @ law.inverse_mass
    p = p - 0.05 * law.potential.slope(q)
    expected = torch.cat([q, p], dim=-1) - segments[:, 1]
    torch.testing.assert_close(found[:, 0], expected)


def test_eulers_misses_are_those_of_forward_differences(law):
    pair = torch.stack([states(5, 0), states(5, 1)], dim=1)
    rate = (pair[:, 1] - pair[:, 0]) / 0.1
    expected = 0.1 * (law(0.0, pair[:, 0]) - rate)
    torch.testing.assert_close(step_misses(euler_step, 0.1)(law, pair)[:, 0], expected)


# ---- the bias


@pytest.mark.parametrize("h", [0.1, 0.05])
def test_the_bias_of_an_oscillator_has_its_closed_form(h):
    # a p^2 / 2 + k q^2 / 2 makes kick, drift, kick a rotation for these a and k
    a, k = math.sin(h) / h, 2 * math.tan(h / 2) / h

    def wrong_law(t, x):
        q, p = x.chunk(2, dim=-1)
        return torch.cat([a * p, -k * q], dim=-1)

    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)).double()
    c, s = math.cos(h), math.sin(h)
    turn = torch.tensor([[c, s], [-s, c]]).double()
    torch.testing.assert_close(verlet_step(wrong_law, 0.0, x, h), x @ turn.mT)

    one = torch.ones(1, 1).double()
    bias = inverse_mass_bias(one, one.expand(50, 1, 1), x[:, 1:], h).item()
    assert bias == pytest.approx(-(h**2) / 6)
    assert 0 < bias / (a - 1) - 1 < h**2 / 15  # the next term is +h^4 / 120


def test_the_inverse_modified_law_fits_one_step_to_fourth_order():
    """The proposition of the chapter, for a law that is not quadratic."""
    system, x = CoupledQuartics(), states(20)
    m = system.inverse_mass

    def wrong(h):
        def field(t, x):  # of H minus h^2 (p M U'' M p / 12 - |grad U|_M^2 / 24)
            def energy(t, x):
                q, p = x.chunk(2, dim=-1)
                v, g = p @ m, system.slope(q)
                bend = (v[..., None, :] @ system.curvature(q) @ v[..., None])[..., 0, 0]
                pull = ((g @ m) * g).sum(-1)
                return system.energy(x) - h**2 * (bend / 12 - pull / 24)

            return hamiltonian_field(energy)(t, x)

        return field

    def split_step(field, x, h):
        """Kick, drift, kick with the parts that each variant of the law moves."""
        q, p = x.chunk(2, dim=-1)
        p = p - h / 2 * -field(0.0, torch.cat([q, p], -1)).chunk(2, -1)[1]
        q = q + h * field(0.0, torch.cat([q, p], -1)).chunk(2, -1)[0]
        p = p - h / 2 * -field(0.0, torch.cat([q, p], -1)).chunk(2, -1)[1]
        return torch.cat([q, p], dim=-1)

    def gap(h, law):
        times = torch.tensor([0.0, h]).double()
        exact = integrate(system, x, times, step=dop853_step, n_substeps=4)[:, 1]
        return (split_step(law, x, h) - exact).abs().max().item()

    fixed = math.log2(gap(0.02, wrong(0.02)) / gap(0.01, wrong(0.01)))
    plain = math.log2(gap(0.02, system) / gap(0.01, system))
    assert plain == pytest.approx(3, abs=0.2)
    assert fixed == pytest.approx(4, abs=0.4)


def test_the_bias_is_the_average_where_momenta_are_independent():
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(9, 2, generator=generator, dtype=torch.float64)
    curvature = torch.randn(5, 2, 2, generator=generator, dtype=torch.float64)
    curvature = curvature + curvature.mT
    m = torch.tensor([[2.0, -0.5], [-0.5, 1.0]]).double()
    expected = -(0.1**2) / 6 * m @ curvature.mean(0) @ m
    every_p, every_bend = p.repeat(5, 1), curvature.repeat_interleave(9, 0)
    whole = inverse_mass_bias(m, every_bend, every_p, 0.1)
    # the least squares matrix of symmetric averages is that average, if C = I
    axes = torch.linalg.cholesky(torch.linalg.inv(p.mT @ p / 9))
    white = (p @ axes).repeat(5, 1)
    found = inverse_mass_bias(m, every_bend, white, 0.1)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(whole, whole.mT)


def test_the_bias_is_the_best_symmetric_matrix():
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(30, 2, generator=generator, dtype=torch.float64)
    bend = CoupledQuartics().curvature(p + 0.5)
    m = CoupledQuartics().inverse_mass
    best = inverse_mass_bias(m, bend, p, 0.1)

    def cost(s):
        pull = -(0.1**2) / 6 * (m @ bend @ m @ p[..., None])[..., 0]
        return (p @ s - pull).square().sum().item()

    for move in (
        [[1.0, 0.0], [0.0, 0.0]],
        [[0.0, 1.0], [1.0, 0.0]],
        [[0, 0], [0, 1.0]],
    ):
        for sign in (1e-3, -1e-3):
            assert cost(best + sign * torch.tensor(move).double()) > cost(best)


def test_a_bias_needs_as_many_momenta_as_curvatures():
    m = torch.eye(2).double()
    with pytest.raises(ValueError, match="same states"):
        inverse_mass_bias(
            m, torch.zeros(3, 2, 2).double(), torch.ones(4, 2).double(), 1
        )


def trained_bias(step, h, n_steps=30):
    """M after training on exact pairs from 150 states, less the true one."""
    system, x = CoupledQuartics(), states(150, seed=3)
    times = torch.tensor([0.0, h]).double()
    pairs = integrate(system, x, times, step=dop853_step, n_substeps=4)
    torch.manual_seed(0)
    law = LearnedMechanics(2, width=8).double()
    misses = step_misses(step, h)
    fit_least_squares(misses, law, (pairs,), n_steps=n_steps, progress=False)
    q, p = pairs.flatten(0, 1).chunk(2, dim=-1)
    expected = inverse_mass_bias(system.inverse_mass, system.curvature(q), p, h)
    return law.inverse_mass.detach() - system.inverse_mass, expected


def test_training_through_verlet_ends_at_the_predicted_bias():
    fine, expected = trained_bias(verlet_step, 0.05)
    coarse, _ = trained_bias(verlet_step, 0.1)
    assert expected[0, 0] < -0.005
    torch.testing.assert_close(fine, expected, rtol=0, atol=0.12 * abs(expected[0, 0]))
    slope = math.log2(coarse.abs().max() / fine.abs().max())
    assert slope == pytest.approx(2, abs=0.3)
    better, _ = trained_bias(rk4_step, 0.1)
    assert better.abs().max() < coarse.abs().max() / 10


# ---- the method of order 4, and the third way


def test_yoshida_is_three_verlet_steps_and_runs_backward():
    system, x = CoupledQuartics(), states()
    later = yoshida_step(system, 0.0, x, 0.1)
    torch.testing.assert_close(yoshida_step(system, 0.1, later, -0.1), x)
    assert (later - verlet_step(system, 0.0, x, 0.1)).abs().max() > 1e-3


def test_a_learned_map_is_symplectic_and_learns():
    system, x = CoupledQuartics(), states(150, seed=3)
    times = torch.tensor([0.0, 0.1]).double()
    x_next = integrate(system, x, times, step=dop853_step)[:, 1]
    torch.manual_seed(0)
    net = SympFlow(4, n_layers=4, width=6).double()

    def misses(net, x, x_next):
        return net(1.0, x) - x_next

    history = fit_least_squares(misses, net, (x, x_next), n_steps=12, progress=False)
    assert history[-1] < 0.01 * history[0]
    defect = symplecticity_defect(lambda x: net(1.0, x), x[:20])
    assert defect.max() < 1e-12


def test_one_sample_alone_has_no_misses():
    with pytest.raises(ValueError, match=r"\(n, T, d\) with T >= 2.*\(3, 1, 2\)"):
        step_misses(verlet_step, 0.1)(lambda t, x: x, torch.ones(3, 1, 2))
