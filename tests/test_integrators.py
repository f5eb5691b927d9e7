import math

import pytest
import torch

from lecture_utils.integrators import (
    dop853_step,
    euler_step,
    heun_step,
    integrate,
    rk4_step,
    symplectic_euler_step,
    verlet_step,
    yoshida_step,
)
from lecture_utils.systems import HarmonicOscillator, HenonHeiles, Pendulum

# Each method with its order, and how many steps show it: enough for the asymptotic
# regime, not so many that rounding takes over.
ORDERS = {
    euler_step: (1, 40),
    heun_step: (2, 40),
    rk4_step: (4, 40),
    dop853_step: (8, 6),
}
SYMPLECTIC = {symplectic_euler_step: 1, verlet_step: 2, yoshida_step: 4}


def growth(t, x):
    """Explicit in time, so that a stage at the wrong time shows; x(t) = x0 e^sin(t)."""
    return x * math.cos(t)


def swing(t, x):
    """Separable, explicit in time; q = 1 + sin t - t^2 and p = cos t - 2 t."""
    q, p = x.chunk(2, dim=-1)
    return torch.cat([p, 0 * q - math.sin(t) - 2], dim=-1)


@pytest.mark.parametrize("step", ORDERS)
def test_error_shrinks_with_the_order_of_the_method(step):
    order, n = ORDERS[step]
    x0 = torch.ones(1, dtype=torch.float64)

    def error(n_steps):
        times = torch.linspace(0, 2, n_steps + 1, dtype=torch.float64)
        x_end = integrate(growth, x0, times, step=step)[..., -1, :]
        return abs(x_end.item() - math.exp(math.sin(2)))

    observed = math.log2(error(n) / error(2 * n))
    assert observed == pytest.approx(order, abs=0.2 if order < 8 else 0.6)


@pytest.mark.parametrize("step", SYMPLECTIC)
def test_a_symplectic_method_converges_with_its_order(step):
    # The pendulum tests the states of the stages, `swing` their times.
    pendulum = Pendulum()
    x0 = torch.tensor([1.0, 0.5], dtype=torch.float64)
    fine = torch.linspace(0, 2, 401, dtype=torch.float64)
    exact = integrate(pendulum, x0, fine, step=dop853_step)[-1]
    end = [1 + math.sin(2) - 4, math.cos(2) - 4]
    exact_swing = torch.tensor(end, dtype=torch.float64)

    def errors(n_steps):
        times = torch.linspace(0, 2, n_steps + 1, dtype=torch.float64)
        ends = (
            integrate(pendulum, x0, times, step=step)[-1] - exact,
            integrate(swing, torch.ones(2).double(), times, step=step)[-1]
            - exact_swing,
        )
        return torch.stack(ends).norm(dim=-1)

    observed = torch.log2(errors(40) / errors(80))
    assert observed.tolist() == pytest.approx([SYMPLECTIC[step]] * 2, abs=0.25)


@pytest.mark.parametrize("step", SYMPLECTIC)
def test_a_symplectic_method_preserves_the_symplectic_form(step):
    system = HenonHeiles()
    x = torch.tensor([0.1, -0.2, 0.3, 0.05], dtype=torch.float64)
    jacobian = torch.func.jacrev(lambda x: step(system, 0.0, x, 0.3))(x)
    zero, one = torch.zeros(2, 2).double(), torch.eye(2).double()
    form = torch.cat([torch.cat([zero, one], 1), torch.cat([-one, zero], 1)])
    torch.testing.assert_close(jacobian.T @ form @ jacobian, form, atol=1e-12, rtol=0)
    # and rk4 does not: the test can tell
    jacobian = torch.func.jacrev(lambda x: rk4_step(system, 0.0, x, 0.3))(x)
    assert (jacobian.T @ form @ jacobian - form).abs().max() > 1e-5


def test_verlet_runs_backward_to_where_it_started():
    x0 = torch.tensor([[1.0, 0.3]], dtype=torch.float64)
    times = torch.linspace(0, 50, 501, dtype=torch.float64)
    there = integrate(Pendulum(), x0, times, step=verlet_step)[:, -1]
    back = integrate(Pendulum(), there, times.flip(0), step=verlet_step)[:, -1]
    assert (back - x0).abs().max() < 1e-11
    there = integrate(Pendulum(), x0, times, step=heun_step)[:, -1]
    back = integrate(Pendulum(), there, times.flip(0), step=heun_step)[:, -1]
    assert (back - x0).abs().max() > 1e-6


@pytest.mark.parametrize("step", [*ORDERS, *SYMPLECTIC])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_device_and_axes_are_those_of_the_state(step, dtype, device):
    x0 = torch.ones(5, 3, 2, dtype=dtype, device=device)
    times = torch.linspace(0, 1, 11)
    trajectory = integrate(Pendulum(), x0, times, step=step)
    assert trajectory.shape == (5, 3, 11, 2)
    assert trajectory.dtype == dtype and trajectory.device == x0.device
    assert torch.equal(trajectory[..., 0, :], x0)


@pytest.mark.parametrize("step", [*ORDERS, *SYMPLECTIC])
def test_batched_states_move_independently(step, generator):
    x0 = torch.randn(4, 2, generator=generator)
    times = torch.linspace(0, 1, 6)
    together = integrate(Pendulum(), x0, times, step=step)
    apart = torch.stack([integrate(Pendulum(), x, times, step=step) for x in x0])
    torch.testing.assert_close(together, apart)


def test_substeps_are_the_finer_grid():
    x0 = torch.tensor([1.0, 0.0], dtype=torch.float64)
    times = torch.tensor([0.0, 0.5, 0.7, 1.5], dtype=torch.float64)
    fine = torch.cat(
        [torch.linspace(a, b, 5).double()[:-1] for a, b in times.unfold(0, 2, 1)]
        + [times[-1:]]
    )
    for field in (Pendulum(), swing):
        coarse = integrate(field, x0, times, n_substeps=4)
        expected = integrate(field, x0, fine)[::4]
        torch.testing.assert_close(coarse, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        integrate(growth, x0, times, n_substeps=64)[-1, 0].item(),
        math.exp(math.sin(1.5)),
        atol=1e-8,
        rtol=0,
    )


def test_float32_grids_do_not_blur_the_step():
    # 0.1 * 12345 in float32 is off by 1e-4; dt must not be.
    times = 1000 + 0.1 * torch.arange(101, dtype=torch.float64)
    x0 = torch.tensor([1.0, 0.0])
    exact = HarmonicOscillator().flow(10.0, x0.double())
    end = integrate(HarmonicOscillator(), x0, times)[-1]
    assert (end - exact).abs().max() < 2e-5


def test_gradients_flow_through_the_trajectory(generator):
    x0 = torch.randn(3, 2, dtype=torch.float64, generator=generator, requires_grad=True)
    times = torch.linspace(0, 1, 5)
    assert torch.autograd.gradcheck(lambda x: integrate(Pendulum(), x, times), x0)


def test_the_field_is_evaluated_once_per_stage():
    calls = 0

    def counting(t, x):
        nonlocal calls
        calls += 1
        return -x

    integrate(counting, torch.ones(1), torch.linspace(0, 1, 11))
    assert calls == 40


def test_one_time_returns_the_initial_state():
    x0 = torch.ones(3, 2)
    assert torch.equal(integrate(Pendulum(), x0, torch.zeros(1)), x0[:, None])


def stacks_on_the_first_axis(t, x):
    return torch.stack(x.unbind(-1))


BAD_INPUT = [
    (stacks_on_the_first_axis, torch.ones(5, 2), torch.arange(3), r"\(2, 5\).*dim=-1"),
    (lambda t, x: x.double(), torch.ones(2), torch.arange(3), "float32.*float64"),
    (lambda t, x: None, torch.ones(2), torch.arange(3), "NoneType"),
    (Pendulum(), torch.ones(2).long(), torch.arange(3), "floating-point"),
    (Pendulum(), torch.tensor(1.0), torch.arange(3), r"\(\.\.\., d\)"),
    (Pendulum(), torch.tensor([1.0, math.nan]), torch.arange(3), "1 of its 2 entries"),
    (Pendulum(), torch.ones(2), torch.tensor([0.0, 1.0, 0.5]), "strictly monotone"),
    (Pendulum(), torch.ones(2), torch.tensor([0.0, 0.0]), "strictly monotone"),
    (Pendulum(), torch.ones(2), torch.tensor([0.0, math.nan]), "finite"),
    (Pendulum(), torch.ones(2), torch.ones(2, 2), r"shape \(T,\)"),
    (Pendulum(), torch.ones(2), torch.ones(0), r"shape \(T,\)"),
    (Pendulum(), torch.ones(2), torch.tensor([math.nan]), "1 of its 1 entries"),
    (Pendulum(), torch.tensor(1.0), torch.arange(3), r"x\[None\]"),
    (Pendulum(), torch.ones(2), torch.tensor([1.0, 1.0, 0.0]), "unique_consecutive"),
]


@pytest.mark.parametrize(("field", "x0", "times", "message"), BAD_INPUT)
def test_bad_input_is_named_before_the_first_step(field, x0, times, message):
    with pytest.raises(ValueError, match=message):
        integrate(field, x0, times)


@pytest.mark.parametrize("n_substeps", [0, 1.5, 2.0])
def test_substeps_are_a_positive_whole_number(n_substeps):
    with pytest.raises(ValueError, match="n_substeps"):
        integrate(Pendulum(), torch.ones(2), torch.arange(3), n_substeps=n_substeps)


@pytest.mark.parametrize("step", SYMPLECTIC)
def test_a_symplectic_method_needs_as_many_momenta_as_positions(step):
    times = torch.linspace(0, 1, 11)
    with pytest.raises(ValueError, match="momenta as positions"):
        integrate(lambda t, x: -x, torch.tensor([1.0, 2.0, 3.0]), times, step=step)


def test_a_blow_up_is_returned_as_it_is():
    times = torch.linspace(0, 3, 31)
    states = integrate(lambda t, x: x**2, torch.ones(1), times)
    assert states[0].isfinite().all() and not states[-1].isfinite().any()


def test_a_round_trip_flatters_the_method():
    """Heun's falls with a power more than the error; Verlet's is nothing but rounding.

    So returning to the start says little about the error, or nothing.
    """
    pendulum = Pendulum()
    x0 = torch.tensor([1.0, 0.5], dtype=torch.float64)
    fine = torch.linspace(0, 2, 401, dtype=torch.float64)
    exact = integrate(pendulum, x0, fine, step=dop853_step)[-1]

    def ratio(step, n_steps):
        times = torch.linspace(0, 2, n_steps + 1, dtype=torch.float64)
        there = integrate(pendulum, x0, times, step=step)[-1]
        back = integrate(pendulum, there, times.flip(0), step=step)[-1]
        return ((back - x0).norm() / (there - exact).norm()).item()

    assert ratio(heun_step, 20) > 1.5 * ratio(heun_step, 40) > 0
    assert ratio(heun_step, 40) > 1.5 * ratio(heun_step, 80) > 0
    assert ratio(verlet_step, 20) < 1e-11
    assert ratio(euler_step, 2000) > 1.5  # and this one exaggerates
