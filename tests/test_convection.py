"""The simulator of convection solves the equations it says it solves."""

import math

import pytest
import torch

from lecture_utils.integrators import integrate, rk4_step
from lecture_utils.systems import Lorenz63
from reproductions.convection.data import initial_states
from reproductions.convection.diagnostics import (
    energies,
    from_lorenz,
    growth_rates,
    heat_flux,
    nusselt_numbers,
    streamfunction,
    temperature,
    to_lorenz,
)
from reproductions.convection.equations import CRITICAL_RAYLEIGH, NU, Convection
from reproductions.convection.stepping import ExponentialStep


def noise(field, n=3, seed=0, size=1.0):
    generator = torch.Generator().manual_seed(seed)
    return size * torch.randn(n, field.dim, generator=generator, dtype=torch.float64)


def one_wave(field, n, m, size):
    psi, theta = field.split(torch.zeros(field.dim, dtype=torch.float64))
    psi[m - 1, field.waves[0] == n] = size
    theta[m - 1, field.waves[1] == n] = size
    return field.join(psi, theta)


def run(field, x, time, dt=0.005):
    step = ExponentialStep(field, dt)
    for _ in range(round(time / dt)):
        x = step(x)
    return x


@pytest.fixture(scope="module")
def roll():
    """The steady roll at r = 4, where ten modes suffice."""
    field = Convection(4.0, 10, 10)
    return field, run(field, one_wave(field, 1, 1, 0.1), 30.0, dt=0.03)


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("modes", [(4, 3), (3, 6), (7, 8)])
def test_advection_makes_no_energy_enstrophy_or_variance(modes, mirror):
    field = Convection(28.0, *modes, mirror=mirror)
    psi, theta = field.split(noise(field))
    spin, heat = field.advection(psi, theta)
    vorticity = field.laplacian[0] * psi

    def total(a, b, waves):
        products = a * b * torch.where(waves == 0, 2.0, 1.0)
        return products.sum((-2, -1)).abs(), products.abs().sum((-2, -1))

    for a, b, waves in [
        (psi, spin, field.waves[0]),
        (vorticity, spin, field.waves[0]),
        (theta, heat, field.waves[1]),
    ]:
        change, size = total(a, b, waves)
        assert (change < 1e-13 * size).all() and size.min() > 1


def test_advection_is_that_of_a_finer_truncation():
    coarse, fine = Convection(28.0, 5, 6), Convection(28.0, 11, 13)
    x = noise(coarse)
    psi, theta = coarse.split(x)
    wide_psi, wide_theta = fine.split(torch.zeros(3, fine.dim, dtype=torch.float64))
    wide_psi[:, :6, :5], wide_theta[:, :6, :6] = psi, theta
    found = fine.advection(wide_psi, wide_theta)
    for own, wide in zip(coarse.advection(psi, theta), found, strict=True):
        torch.testing.assert_close(own, wide[:, :6, : own.shape[-1]])


def test_the_field_satisfies_the_equations_at_points():
    """The streamfunction of a single wave and a mean temperature, by hand."""
    field = Convection(3.0, 2, 3, prandtl=0.7)
    psi, theta = field.split(torch.zeros(field.dim, dtype=torch.float64))
    a, b = 0.8, -0.3
    psi[0, 0], theta[1, 0] = a, b  # a sin(kx) sin(pi z), b sin(2 pi z)
    velocity = field.split(field(0.0, field.join(psi, theta)))
    k, q2 = math.pi / math.sqrt(2), 1.5 * math.pi**2
    # theta_t = psi_x (1 - b 2 pi cos 2 pi z) + nu laplace theta
    expected = torch.zeros_like(theta)
    expected[0, 1] = k * a * (1 + math.pi * b)  # 2 cos 2 pi z sin pi z = sin 3 - sin 1
    expected[2, 1] = -k * a * math.pi * b
    expected[1, 0] = -NU * 4 * math.pi**2 * b
    torch.testing.assert_close(velocity[1], expected)
    expected = torch.zeros_like(psi)
    expected[0, 0] = -0.7 * NU * q2 * a
    torch.testing.assert_close(velocity[0], expected)


@pytest.mark.parametrize("n,m,r", [(1, 1, 28.0), (2, 1, 28.0), (1, 2, 28.0), (3, 2, 9)])
@pytest.mark.parametrize("mirror", [True, False])
def test_small_waves_grow_as_linear_theory_says(n, m, r, mirror):
    field = Convection(float(r), 4, 4, mirror=mirror)
    rates = growth_rates(n, m, r)
    span = 8.0 / (rates[0] - rates[1])  # the other one falls behind by e^-8
    early = run(field, one_wave(field, n, m, 1e-9), span, span / 200)
    late = run(field, early, span, span / 200)
    measured = (late.norm() / early.norm()).log().item() / span
    assert measured == pytest.approx(rates[0], rel=0.01)


def test_convection_sets_in_at_the_critical_rayleigh_number():
    def growth(r):
        field = Convection(r, 3, 3)
        early = run(field, one_wave(field, 1, 1, 1e-6), 2.0, 0.02)
        late = run(field, early, 2.0, 0.02)
        return (late.norm() / early.norm()).log().item() / 2

    low, high = growth(0.99), growth(1.01)
    assert low < 0 < high
    zero = 0.99 + 0.02 * low / (low - high)
    # r is in units of the theory's value; in other units it is the measured one.
    assert zero * CRITICAL_RAYLEIGH == pytest.approx(27 * math.pi**4 / 4, rel=1e-3)
    assert pytest.approx(657.511, abs=1e-3) == CRITICAL_RAYLEIGH


def test_no_other_wave_is_unstable_earlier():
    waves = [(n, m) for n in (1, 2, 3) for m in (1, 2)]
    assert [w for w in waves if growth_rates(*w, 1.01)[0] > 0] == [(1, 1)]
    assert growth_rates(2, 1, 1.99)[0] < 0 < growth_rates(2, 1, 2.01)[0]


def test_energy_changes_by_buoyancy_and_friction_alone():
    field = Convection(28.0, 6, 5)
    x = noise(field)
    x.requires_grad_()
    rates = [
        (torch.autograd.grad(energy.sum(), x)[0] * field(0.0, x)).sum(-1)
        for energy in energies(field, x)
    ]
    numbers = nusselt_numbers(field, x)
    flux = heat_flux(field, x)
    work = 3 * field.r * field.prandtl * (flux - NU * (numbers["friction"] - 1))
    torch.testing.assert_close(rates[0], work)
    torch.testing.assert_close(rates[1], flux - NU * (numbers["heat"] - 1))
    assert min(energy.min() for energy in energies(field, x)) > 0.1


def test_four_nusselt_numbers_agree_in_a_steady_roll(roll):
    field, x = roll
    assert field(0.0, x).norm() < 1e-10 * (field.damping * x).norm()
    numbers = {key: value.item() for key, value in nusselt_numbers(field, x).items()}
    assert numbers["volume"] == pytest.approx(numbers["heat"], rel=1e-9)
    assert numbers["volume"] == pytest.approx(numbers["friction"], rel=1e-9)
    assert numbers["volume"] == pytest.approx(numbers["wall"], rel=2e-3)


def test_the_nusselt_number_converges(roll):
    def number(n):
        field = Convection(4.0, n, n)
        x = run(field, one_wave(field, 1, 1, 0.1), 20.0, dt=0.04)
        return nusselt_numbers(field, x)["volume"].item()

    fine = nusselt_numbers(*roll)["volume"].item()
    errors = [abs(number(n) - fine) / fine for n in (4, 6, 8)]
    assert 1e-3 < errors[0] < 1e-1 and errors[1] < errors[0] / 4
    assert errors[2] < 1e-4


@pytest.mark.parametrize("prandtl", [10.0, 3.0])
def test_three_waves_are_lorenz_63(prandtl):
    field = Convection(28.0, 1, 2, prandtl=prandtl)
    lorenz = Lorenz63(sigma=prandtl, rho=28.0, beta=8 / 3)
    xyz = 10 * noise(Convection(1.0, 1, 1), 5)[:, :3]
    velocity = field(0.0, from_lorenz(field, xyz))
    torch.testing.assert_close(velocity, from_lorenz(field, lorenz(0.0, xyz)))
    torch.testing.assert_close(to_lorenz(field, velocity), lorenz(0.0, xyz))


def test_one_more_wave_and_it_is_lorenz_no_longer():
    field = Convection(28.0, 1, 3)
    xyz = torch.tensor([[8.0, 8.0, 27.0]], dtype=torch.float64)
    velocity = field(0.0, from_lorenz(field, xyz))
    torch.testing.assert_close(
        to_lorenz(field, velocity), Lorenz63(10.0, 28.0, 8 / 3)(0.0, xyz)
    )
    extra = velocity - from_lorenz(field, to_lorenz(field, velocity))
    assert extra.norm() > 0.1 * velocity.norm()


@pytest.mark.parametrize("mirror", [True, False])
def test_the_field_has_the_symmetries_of_the_fluid(mirror):
    field = Convection(28.0, 4, 5, mirror=mirror)
    x = noise(field)
    psi, theta = field.split(torch.ones(field.dim, dtype=torch.float64))
    m, n, k = torch.arange(1, 6)[:, None], *field.waves
    shift = field.join(psi * (-1.0) ** n, theta * (-1.0) ** k)  # half a period
    upside_down = field.join(psi * (-1.0) ** m, theta * (-1.0) ** m)
    for sign in (shift, upside_down):
        torch.testing.assert_close(field(0.0, sign * x), sign * field(0.0, x))
    skewed = torch.where(torch.arange(field.dim) % 3 == 0, -1.0, 1.0).double()
    wrong = field(0.0, skewed * x) - skewed * field(0.0, x)
    assert wrong.norm() > 0.1 * x.norm()


def test_without_the_mirror_the_fluid_may_be_shifted_by_any_length():
    field = Convection(28.0, 4, 4, mirror=False)
    x, angle = noise(field), 0.7

    def shifted(x):
        parts = []
        for c, n, sign in zip(field.split(x), field.waves, (-1, 1), strict=True):
            phase = sign * angle * n.double()
            parts.append(c * phase.cos() + c.flip(-1) * phase.sin())
        return field.join(*parts)

    torch.testing.assert_close(field(0.0, shifted(x)), shifted(field(0.0, x)))
    assert (shifted(x) - x).norm() > 0.5 * x.norm()


def test_a_flow_with_a_mirror_keeps_it():
    half, full = Convection(28.0, 4, 3), Convection(28.0, 4, 3, mirror=False)
    x = noise(half)
    embedded = embed(half, full, x)
    torch.testing.assert_close(
        full(0.0, embedded), embed(half, full, half(0.0, x)), atol=1e-11, rtol=1e-12
    )


def embed(half, full, x):
    psi, theta = (c.clone() for c in full.split(x.new_zeros(*x.shape[:-1], full.dim)))
    psi[..., full.waves[0] > 0], theta[..., full.waves[1] >= 0] = half.split(x)
    return full.join(psi, theta)


def test_the_step_has_order_four():
    field = Convection(28.0, 5, 5)
    generator = torch.Generator().manual_seed(0)
    x0 = initial_states(field, 2, generator)
    times = torch.linspace(0, 0.5, 801, dtype=torch.float64)
    exact = integrate(field, x0, times, step=rk4_step)[:, -1]

    def error(dt):
        return (run(field, x0, 0.5, dt) - exact).norm().item()

    assert math.log2(error(0.01) / error(0.005)) == pytest.approx(4, abs=0.3)


def test_the_step_keeps_steady_states(roll):
    field, x = roll
    for dt in (0.001, 0.1):
        torch.testing.assert_close(
            ExponentialStep(field, dt)(x), x, rtol=1e-9, atol=1e-10
        )


def test_diffusion_alone_is_exact_for_any_step():
    field = Convection(0.0, 2, 2)
    psi, theta = field.split(torch.zeros(field.dim, dtype=torch.float64))
    theta[:, 0] = 1.0
    x = field.join(psi, theta)
    expected = (0.7 * field.damping).exp() * x
    torch.testing.assert_close(ExponentialStep(field, 0.7)(x), expected)


def test_pictures_have_the_walls_at_their_temperatures():
    field = Convection(28.0, 3, 3)
    x = noise(field, 2)
    warm, psi = temperature(field, x, 21), streamfunction(field, x, 21)
    assert warm.shape == psi.shape == (2, 21, 21)
    torch.testing.assert_close(warm[:, 0], torch.ones(2, 21).double())
    torch.testing.assert_close(warm[:, -1], torch.zeros(2, 21).double())
    torch.testing.assert_close(warm[..., 0], warm[..., -1])
    torch.testing.assert_close(warm, warm.flip(-1))
    torch.testing.assert_close(psi, -psi.flip(-1))
    only = one_wave(field, 1, 1, 1.0)
    assert streamfunction(field, only, 41)[20, 10].item() == pytest.approx(1.0)


def test_a_batch_is_a_loop():
    field = Convection(28.0, 3, 4)
    x = noise(field, 6)
    rows = torch.stack([field(0.0, row) for row in x])
    torch.testing.assert_close(field(0.0, x.view(2, 3, -1)), rows.view(2, 3, -1))
    single = Convection(28.0, 3, 4, dtype=torch.float32)
    assert single(0.0, x.float()).dtype == torch.float32


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"r": -1.0}, "0 or more, got -1"),
        ({"r": math.nan}, "got nan"),
        ({"r": 1.0, "nx": 0}, "nx must be a whole number"),
        ({"r": 1.0, "nz": 2.5}, "nz must be a whole number"),
        ({"r": 1.0, "prandtl": 0.0}, "prandtl must be positive"),
    ],
)
def test_impossible_fluids_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Convection(**wrong)


def test_wrong_resolution_is_refused():
    field = Convection(28.0, 3, 3)
    with pytest.raises(ValueError, match="have 21 components"):
        field(0.0, torch.zeros(20))
    with pytest.raises(ValueError, match="need 3 x 2 modes"):
        initial_states(Convection(28.0, 2, 2), 1, torch.Generator())
    with pytest.raises(ValueError, match="nz of 2 or more"):
        from_lorenz(Convection(28.0, 1, 1), torch.zeros(3))
    with pytest.raises(ValueError, match="dt must be positive"):
        ExponentialStep(field, 0.0)
