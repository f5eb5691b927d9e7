"""OnsagerNet: the second law, the reciprocity and the slopes, for any parameters."""

import pytest
import torch
from torch import nn
from torch.func import jacrev, vmap

from lecture_utils.integrators import integrate
from lecture_utils.onsager import (
    Energy,
    OnsagerField,
    PlainField,
    Trunk,
    requr,
    smooth_tanh,
)
from lecture_utils.onsager_rivals import SymmetricField, SymplecticField
from lecture_utils.training import fit_least_squares

NAN = float("nan")
ACTIVATIONS = [requr, smooth_tanh]
FIELDS = {
    "onsager": lambda **more: OnsagerField(4, width=7, **more),
    "driven": lambda **more: OnsagerField(4, width=7, drive=nn.Linear(4, 4), **more),
    "plain": lambda **more: PlainField(4, width=7, **more),
    "symmetric": lambda **more: SymmetricField(4, width=7, **more),
    "symplectic": lambda **more: SymplecticField(4, width=7, **more),
}


def wild(field, seed=0):
    """The field in float64 with random parameters that matter, not its small start."""
    generator = torch.Generator().manual_seed(seed)
    field = field.double()
    for parameter in field.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data.copy_(noise)
    return field


@pytest.fixture(params=[(requr, 1), (requr, 3), (smooth_tanh, 2)])
def onsager(request):
    activation, depth = request.param
    return wild(OnsagerField(4, width=7, depth=depth, activation=activation))


def states(n=50, dim=4, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(n, dim, generator=generator, dtype=torch.float64)


def gradient(f, h):
    """By automatic differentiation, one state at a time."""
    return vmap(jacrev(f))(h)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_activation_returns_its_own_slope(activation):
    x = torch.linspace(-1, 1, 41, dtype=torch.float64) + 0.013
    value, slope = activation(x)
    torch.testing.assert_close(slope, vmap(jacrev(lambda x: activation(x)[0]))(x))
    assert slope.max() > 0.9 and value.min() < 0.01


def test_the_quadratic_unit_is_the_papers():
    x = torch.linspace(-1, 2, 61, dtype=torch.float64)
    expected = x.relu() ** 2 - (x - 0.5).relu() ** 2
    torch.testing.assert_close(requr(x)[0], expected)


def test_dissipation_is_symmetric_and_semidefinite_and_rotation_does_no_work(onsager):
    m, w = onsager.matrices(states())
    assert m.abs().max() > 1 and w.abs().max() > 1
    assert (m - m.mT).abs().max() <= 1e-12 * m.abs().max()
    smallest = torch.linalg.eigvalsh(m)[:, 0]
    largest = torch.linalg.eigvalsh(m)[:, -1]
    assert (smallest >= -1e-12 * largest).all()
    u = states(seed=2)
    work = torch.einsum("ni,nij,nj->n", u, w, u)
    assert work.abs().max() <= 1e-12 * (w.abs().amax((1, 2)) * u.square().sum(1)).max()
    assert torch.equal(w, -w.mT)


def test_the_field_is_what_its_parts_say(onsager):
    h = states()
    m, w = onsager.matrices(h)
    a = m + w + 0.1 * torch.eye(4, dtype=torch.float64)
    expected = -(a @ onsager.slope(h)[..., None])[..., 0]
    torch.testing.assert_close(onsager(0.0, h), expected)
    onsager.drive = nn.Linear(4, 4).double()
    torch.testing.assert_close(onsager(0.0, h), expected + onsager.drive(h))


def test_gradients_are_those_of_automatic_differentiation(onsager):
    h = states()
    torch.testing.assert_close(onsager.slope(h), gradient(onsager.potential, h))


@pytest.mark.parametrize("depth", [1, 2])
def test_the_symplectic_rival_differentiates_its_energy(depth):
    field, x = wild(SymplecticField(4, width=7, depth=depth)), states()
    slope = gradient(field.hamiltonian, x)
    torch.testing.assert_close(field._parts(x)[2], slope)
    rate = (slope * field(0.0, x)).sum(-1)
    assert (rate <= 1e-10 * slope.square().sum(-1)).all() and rate.min() < -1
    nn.init.zeros_(field.friction.weight)
    nn.init.zeros_(field.friction.bias)
    torch.testing.assert_close(
        field(0.0, x), torch.cat([slope[:, 2:], -slope[:, :2]], dim=-1)
    )


def test_the_potential_never_grows_without_a_drive(onsager):
    h = states()
    rate = (onsager.slope(h) * onsager(0.0, h)).sum(-1)
    assert (rate <= -0.1 * onsager.slope(h).square().sum(-1) * (1 - 1e-12)).all()


def test_the_potential_falls_along_trajectories():
    field = wild(OnsagerField(4, width=7, activation=smooth_tanh))
    h0 = states(20) / 4
    times = torch.linspace(0, 0.1, 201, dtype=torch.float64)
    with torch.no_grad():
        value = field.potential(integrate(field, h0, times))
    assert (value.diff(dim=-1) <= 1e-10).all()
    assert (value[:, -1] < 0.9 * value[:, 0]).all()


def test_a_drive_can_feed_the_potential():
    torch.manual_seed(0)
    field = OnsagerField(4, width=7, drive=nn.Linear(4, 4)).double()
    field.drive.weight.data.copy_(10 * torch.eye(4))
    h = states()
    assert ((field.slope(h) * field(0.0, h)).sum(-1) > 0).any()


def test_the_symmetric_rival_obeys_the_law_but_cannot_turn():
    field, h = wild(SymmetricField(4, width=7)), states()
    slope = gradient(field.potential, h)
    rate = (slope * field(0.0, h)).sum(-1)
    assert (rate <= -0.1 * slope.square().sum(-1) * (1 - 1e-12)).all()
    # Where V is least, its linearisation has real eigenvalues; OnsagerNet's has not.
    for make, turns in [(SymmetricField, False), (OnsagerField, True)]:
        net = wild(make(4, width=7, beta=5.0, activation=smooth_tanh))

        def slope_of_v(h, net=net):
            return jacrev(net.potential)(h)

        rest = torch.zeros(4).double()
        for _ in range(30):
            step = torch.linalg.solve(jacrev(slope_of_v)(rest), slope_of_v(rest))
            rest = (rest - step).detach()
        assert net(0.0, rest).norm() < 1e-9
        rates = torch.linalg.eigvals(jacrev(lambda h, net=net: net(0.0, h))(rest))
        assert (rates.imag.abs().max() > 1e-3) == turns and rates.real.max() < 0


def test_the_potential_is_coercive(onsager):
    far = 1e4 * torch.nn.functional.normalize(states(), dim=-1)
    assert (onsager.potential(far) >= 0.1 * 1e8 * (1 - 1e-12)).all()
    assert (onsager.potential(states()) >= 0).all()


@pytest.mark.parametrize("make", FIELDS.values(), ids=FIELDS)
def test_leading_axes_are_a_batch_and_the_dtype_is_kept(make):
    field = wild(make(depth=2))
    h = states(6)
    whole = field(0.0, h)
    assert whole.dtype == torch.float64 and whole.shape == h.shape
    torch.testing.assert_close(torch.stack([field(0.0, row) for row in h]), whole)
    shaped = field(0.0, h.view(2, 3, 4))
    torch.testing.assert_close(shaped, whole.view(2, 3, 4))
    assert field.float()(0.0, h.float()).dtype == torch.float32


@pytest.mark.parametrize("make", FIELDS.values(), ids=FIELDS)
def test_every_parameter_matters(make):
    field = wild(make(depth=2))
    h = states()
    (field(0.0, h) * states(seed=3)).sum().backward()
    for name, parameter in field.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("make", FIELDS.values(), ids=FIELDS)
def test_levenberg_marquardt_can_train_it(make):
    torch.manual_seed(0)
    field = make().double()
    h = states(60) / 2
    rotation = torch.tensor([[0, 1], [-1, 0]], dtype=torch.float64)
    target = h @ torch.block_diag(rotation, rotation) - 0.1 * h
    history = fit_least_squares(
        lambda net, h, v: net(0.0, h) - v, field, (h, target), n_steps=4, progress=False
    )
    assert history[-1] < 0.8 * history[0]  # the symmetric one cannot turn


def test_it_starts_without_preferring_a_direction_of_turning():
    torch.manual_seed(0)
    field = OnsagerField(3, width=20)
    m, w = field.matrices(torch.randn(50, 3))
    assert w.abs().max() < 0.2 and (m - torch.eye(3)).abs().max() < 0.4
    torch.manual_seed(1)
    assert not torch.equal(OnsagerField(3, width=20).matrix.weight, field.matrix.weight)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: OnsagerField(0, width=3), "must be 1 or more"),
        (lambda: OnsagerField(2, width=0), "must be 1 or more"),
        (lambda: OnsagerField(2, width=3, depth=0), "must be 1 or more"),
        (lambda: OnsagerField(2, width=3, alpha=-0.1), "alpha must be 0 or more"),
        (lambda: OnsagerField(2, width=3, alpha=NAN), "alpha must be 0 or more"),
        (lambda: OnsagerField(2, width=3, beta=NAN), "beta must be 0 or more"),
        (lambda: SymmetricField(2, width=3, alpha=-0.1), "alpha must be 0 or more"),
        (lambda: OnsagerField(2, width=3, beta=-0.1), "beta must be 0 or more"),
        (lambda: SymplecticField(3, width=3), "momenta as positions"),
        (lambda: PlainField(2, width=3)(0.0, torch.zeros(3)), "2 components"),
        (lambda: OnsagerField(2, width=3)(0.0, torch.zeros(2, 3)), "2 components"),
        (lambda: OnsagerField(2, width=3).potential(torch.zeros(())), "2 components"),
        (lambda: SymplecticField(2, width=3)(0.0, torch.zeros(3)), "2 components"),
    ],
)
def test_impossible_fields_and_states_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_trunk_and_energy_stand_alone():
    trunk = wild(Trunk(3, width=5, depth=2, activation=smooth_tanh))
    features, slopes = trunk(states(7, 3))
    assert features.shape == (7, 5) and [s.shape for s in slopes] == [(7, 5)] * 2
    with pytest.raises(ValueError, match="beta"):
        Energy(3, width=5, depth=1, beta=-1.0, activation=requr)
