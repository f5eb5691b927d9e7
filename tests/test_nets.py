import pytest
import torch
from torch import nn

from lecture_utils.flows import rollout
from lecture_utils.integrators import euler_step, heun_step, integrate, verlet_step
from lecture_utils.nets import (
    MLP,
    FastStep,
    ResidualNetwork,
    ResidualStep,
    ScaledStep,
    stacked,
)


def test_an_mlp_is_its_formula(generator):
    net = MLP(3, 2, width=5, depth=2, activation=torch.sin)
    first, second, last = net.layers
    x = torch.randn(4, 3, generator=generator)
    by_hand = last(torch.sin(second(torch.sin(first(x)))))
    torch.testing.assert_close(net(x), by_hand)
    assert net(x.expand(6, 4, 3)).shape == (6, 4, 2)


def test_a_residual_step_is_an_euler_step(generator):
    field = MLP(2, 2, width=8, depth=1)
    x = torch.randn(5, 2, generator=generator)
    euler = euler_step(lambda t, x: field(x), 0.0, x, 0.3)
    torch.testing.assert_close(ResidualStep(field, 0.3)(x), euler)
    assert torch.equal(ResidualStep(field, 0.0)(x), x)


@pytest.mark.parametrize("step", [euler_step, heun_step, verlet_step])
def test_a_residual_network_of_one_field_is_the_integrated_trajectory(step, generator):
    field = MLP(2, 2, width=8, depth=1).double()
    x = torch.randn(5, 2, generator=generator).double()
    network = ResidualNetwork([field] * 10, dt=0.2, step=step)
    times = 0.2 * torch.arange(11, dtype=torch.float64)
    states = integrate(lambda t, x: field(x), x, times, step=step)
    torch.testing.assert_close(network.trajectory(x), states)
    torch.testing.assert_close(network(x), states[:, -1])


def test_each_layer_of_a_residual_network_has_its_own_field():
    fields = [nn.Linear(1, 1, bias=False) for _ in range(3)]
    for i, field in enumerate(fields):
        nn.init.constant_(field.weight, float(i))
    # x -> x (1 + 0.5 * 0) (1 + 0.5 * 1) (1 + 0.5 * 2)
    network = ResidualNetwork(fields, dt=0.5)
    assert network(torch.ones(1, 1)).item() == pytest.approx(3.0)
    assert network.trajectory(torch.ones(1)).flatten().tolist() == [1, 1, 1.5, 3]


GRID = torch.linspace(0, 1, 10).view(5, 2)


def build():
    layers = [MLP(2, 2, width=4, depth=1) for _ in range(3)]
    return nn.Sequential(ResidualNetwork(layers, dt=0.5), nn.Linear(2, 1))


def test_stacked_networks_compute_and_learn_as_they_would_alone(generator):
    members = [build() for _ in range(3)]
    x = torch.randn(3, 7, 2, generator=generator)
    together = stacked(members)
    torch.testing.assert_close(
        together(x), torch.stack([m(x[i]) for i, m in enumerate(members)])
    )
    optimizer = torch.optim.Adam(together.parameters(), lr=0.01)
    alone = [torch.optim.Adam(m.parameters(), lr=0.01) for m in members]
    for _ in range(5):
        optimizer.zero_grad()
        together(x).square().mean(dim=(1, 2)).sum().backward()
        optimizer.step()
        for i, single in enumerate(alone):
            single.zero_grad()
            members[i](x[i]).square().mean().backward()
            single.step()
    torch.testing.assert_close(
        together(x),
        torch.stack([m(x[i]) for i, m in enumerate(members)]),
        atol=1e-5,
        rtol=1e-4,
    )


def test_stacking_leaves_the_members_alone(generator):
    members = [build() for _ in range(2)]
    before = members[0](torch.ones(1, 2)).item()
    model = stacked(members)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert members[0](torch.ones(1, 2)).item() == before


@pytest.mark.parametrize(
    "members",
    [
        [MLP(2, 2, width=4, depth=1), MLP(2, 2, width=5, depth=1)],
        [nn.Sequential(nn.LayerNorm(2), nn.Linear(2, 2))] * 2,
        [nn.Sequential(nn.Linear(2, 2, bias=False))] * 2,
        [],
        [MLP(2, 2, width=4, depth=1), MLP(2, 2, width=4, depth=1, activation=abs)],
        [ResidualStep(nn.Linear(2, 2), dt) for dt in (0.1, 0.5)],
        [ResidualNetwork([nn.Linear(2, 2)], dt) for dt in (0.1, 0.5)],
        [ResidualNetwork([nn.Linear(2, 2)], 1.0, s) for s in (euler_step, heun_step)],
        [nn.Sequential(nn.Linear(2, 2), end) for end in (nn.Tanh(), nn.ReLU())],
        [ScaledStep(nn.Linear(2, 2), s * GRID, s * GRID**2) for s in (1, 3)],
    ],
)
def test_networks_that_cannot_be_stacked_are_named(members):
    with pytest.raises(ValueError, match="one architecture"):
        stacked(members)


def test_a_scaled_step_is_trained_on_variables_of_order_one(generator):
    x = 1000 + 50 * torch.randn(400, 2, dtype=torch.float64, generator=generator)
    x_next = x + 1e-4 * torch.randn(400, 2, dtype=torch.float64, generator=generator)
    seen = []

    class Probe(nn.Module):
        def forward(self, x):
            seen.append(x)
            return torch.zeros_like(x)

    step = ScaledStep(Probe(), x, x_next)
    moved = step(x)
    assert seen[0].mean(0).abs().max() < 1e-10
    torch.testing.assert_close(seen[0].std(0), torch.ones(2).double())
    # With a network of zeros the step is the mean increment.
    torch.testing.assert_close(moved - x, (x_next - x).mean(0).expand(400, 2))
    assert ((x_next - x) / step.scale).std() == pytest.approx(1, abs=1e-2)


def test_a_constant_component_is_scaled_by_one(generator):
    x = torch.randn(50, 2, dtype=torch.float64, generator=generator)
    x_next = x + torch.tensor([0.0, 1.0]) * x.square()
    step = ScaledStep(MLP(2, 2, width=3, depth=1).double(), x, x_next)
    assert step.scale[0] == 1 and step.shift[0] == 0
    assert step(x).isfinite().all() and step(x).dtype == torch.float64


def test_a_scaled_step_rolls_out_and_travels_to_other_devices(device, generator):
    x = torch.randn(50, 2, generator=generator)
    step = ScaledStep(MLP(2, 2, width=3, depth=1), x, x + 0.1).to(device)
    states = rollout(step, x.to(device), 4)
    assert states.shape == (50, 5, 2) and states.device == x.to(device).device


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_fast_step_is_the_same_map(depth, dtype, device, generator):
    x = 5 + 3 * torch.randn(40, 3, dtype=dtype, generator=generator)
    net = MLP(3, 3, width=7, depth=depth).to(dtype)
    step = ScaledStep(net, x, 1.3 * x - x.square()).to(device)
    fast, states = FastStep(step), x.view(8, 5, 3).to(device)
    tolerance = 1e3 * torch.finfo(dtype).eps
    torch.testing.assert_close(fast(states), step(states), rtol=tolerance, atol=0)
    assert not any(p.requires_grad for p in fast.parameters())
    assert all(p.requires_grad for p in net.parameters())


def test_a_fast_step_needs_tanh(generator):
    x = torch.randn(9, 2, generator=generator)
    net = MLP(2, 2, width=3, depth=1, activation=torch.sin)
    with pytest.raises(ValueError, match="activation=torch.tanh"):
        FastStep(ScaledStep(net, x, 2 * x))


def test_scaled_steps_of_the_same_data_can_be_stacked():
    members = [ScaledStep(nn.Linear(2, 2), GRID, 2 * GRID**2) for _ in range(2)]
    expected = torch.stack([member(GRID) for member in members])
    torch.testing.assert_close(stacked(members)(GRID.expand(2, 5, 2)), expected)


def test_a_small_component_is_no_constant(generator):
    x = torch.randn(50, 2, dtype=torch.float64, generator=generator)
    x[:, 1] *= 1e-3
    step = ScaledStep(MLP(2, 2, width=3, depth=1).double(), x, 2 * x)
    assert step.spread[1].item() == pytest.approx(1e-3, rel=0.5)


@pytest.mark.parametrize(
    ("x", "x_next"),
    [
        (GRID[:1], GRID[:1]),
        (GRID, GRID[:1]),
        (GRID, GRID[:, :1]),
        (GRID[0], GRID[0]),
        (GRID.long(), GRID.long()),
    ],
)
def test_a_scaled_step_needs_pairs_of_states(x, x_next):
    with pytest.raises(ValueError, match=r"shape \(n, d\).*n >= 2"):
        ScaledStep(nn.Linear(2, 2), x, x_next)
