import itertools
import math
import subprocess
import sys
from functools import partial

import pytest
import torch

from lecture_utils.flows import flow_map, repeat, rollout
from lecture_utils.hits import HierarchicalStepper
from lecture_utils.integrators import dop853_step, integrate
from lecture_utils.systems import HarmonicOscillator, Pendulum

LEVELS = [(1,), (1, 8), (1, 2, 4, 8), (1, 3, 6, 30), (5, 1)]
N_STEPS = [0, 1, 7, 8, 30, 61]
OSCILLATOR = HarmonicOscillator()
X0 = torch.tensor([[1.0, 0.2], [0.4, -0.3]], dtype=torch.float64)


def exact_flows(levels, dt):
    return {s: partial(OSCILLATOR.flow, s * dt) for s in levels}


def exact(x0, dt, n_steps):
    return torch.stack([OSCILLATOR.flow(i * dt, x0) for i in range(n_steps + 1)], -2)


def rough_flows(levels):
    """Maps that differ from one another and do not commute, so each one shows."""
    return {s: lambda x, s=s: (x + 0.1 * s).cos() * x.roll(1, -1) for s in levels}


def algorithm_1(flows, x0, n_steps):
    """Algorithm 1 of Liu, Kutz & Brunton, one state at a time, as ``{step: state}``."""
    states = {0: x0}
    for substeps in sorted(flows, reverse=True):
        for start in sorted(states):
            step, x = start + substeps, states[start]
            while step <= n_steps and step not in states:
                x = states[step] = flows[substeps](x)
                step += substeps
    return states


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("n_steps", N_STEPS)
def test_exact_flows_give_the_exact_trajectory_at_any_levels(levels, n_steps):
    states = HierarchicalStepper(exact_flows(levels, 0.1), 0.1)(X0, n_steps)
    torch.testing.assert_close(states, exact(X0, 0.1, n_steps))


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("n_steps", N_STEPS)
def test_the_stepper_is_algorithm_1(levels, n_steps):
    flows = rough_flows(levels)
    by_hand = algorithm_1(flows, X0, n_steps)
    expected = torch.stack([by_hand[i] for i in range(n_steps + 1)], dim=-2)
    torch.testing.assert_close(HierarchicalStepper(flows, 0.1)(X0, n_steps), expected)


def test_each_state_comes_from_the_longest_level_that_reaches_it():
    flows = {1: lambda x: x + 1, 4: lambda x: x + 100, 8: lambda x: x + 10_000}
    states = HierarchicalStepper(flows, 0.1)(torch.zeros(1), 13).flatten().tolist()
    first = [0, 1, 2, 3, 100, 101, 102, 103]
    assert states == first + [10_000 + x for x in first[:6]]


@pytest.mark.parametrize("levels", [*LEVELS, (2, 8), (3,)])
@pytest.mark.parametrize("n_steps", [*N_STEPS, 480])
def test_evaluations_are_as_announced_and_as_few_as_states(levels, n_steps):
    called = {s: [0, 0] for s in levels}

    def counting(s, x):
        called[s][0] += 1
        called[s][1] += len(x)
        return x + s

    flows = {s: partial(counting, s) for s in levels}
    stepper = HierarchicalStepper(flows, 0.1)
    stepper(X0, n_steps)
    n_evaluations = {s: n // len(X0) for s, (_, n) in called.items()}
    assert stepper.evaluations(n_steps) == n_evaluations
    assert stepper.calls(n_steps) == sum(calls for calls, _ in called.values())

    n_states = math.ceil(n_steps / min(levels))
    # Beyond the end at most the rest of one gap of each level is stepped through.
    beyond = sum(long // short for short, long in itertools.pairwise(sorted(levels)))
    assert n_states <= sum(n_evaluations.values()) <= n_states + beyond
    if n_steps % max(levels) == 0:
        assert sum(n_evaluations.values()) == n_states


@pytest.mark.parametrize(
    ("interpolation", "order"), [("linear", 2), ("spline", 4), ("hermite", 4)]
)
def test_where_no_level_reaches_the_error_is_that_of_the_interpolant(
    interpolation, order
):
    def error(dt):
        n_steps = round(4 / dt) + 3  # ends inside a gap
        stepper = HierarchicalStepper(
            exact_flows((4, 16), dt), dt, interpolation=interpolation, field=OSCILLATOR
        )
        assert stepper.interpolant == interpolation
        return (stepper(X0, n_steps) - exact(X0, dt, n_steps)).abs().max().item()

    assert math.log2(error(0.02) / error(0.01)) == pytest.approx(order, abs=0.2)


def test_the_tail_is_interpolated_towards_the_state_behind_it():
    flows = {4: lambda x: x + 4, 8: lambda x: x + 10}
    states = HierarchicalStepper(flows, 0.1)(torch.zeros(1), 14).flatten().tolist()
    assert states == [0, 1, 2, 3, 4, 5.5, 7, 8.5, 10, 11, 12, 13, 14, 15.5, 17][:15]


def test_levels_and_interpolant_can_be_read_off():
    flows = rough_flows((8, 2))
    stepper = HierarchicalStepper(flows, 0.1, interpolation="spline")
    text = "HierarchicalStepper(levels=(2, 8), dt=0.1, interpolant='spline')"
    assert repr(stepper) == text
    assert HierarchicalStepper(rough_flows((1,)), 0.1).interpolant is None


def test_leading_axes_are_independent_and_chunks_change_nothing(generator):
    x0 = torch.randn(2, 3, 4, dtype=torch.float64, generator=generator)
    flows = rough_flows((1, 3, 12))
    together = HierarchicalStepper(flows, 0.1)(x0, 17)
    assert together.shape == (2, 3, 18, 4)
    torch.testing.assert_close(
        HierarchicalStepper(flows, 0.1)(x0[1, 2], 17), together[1, 2]
    )
    for chunk in (1, 5, 10**6):
        in_chunks = HierarchicalStepper(flows, 0.1, chunk=chunk)(x0, 17)
        torch.testing.assert_close(in_chunks, together)


def test_a_flow_never_gets_more_states_than_a_chunk():
    sizes = []
    flows = {1: lambda x: sizes.append(x.shape) or x + 1, 8: lambda x: x + 8}
    HierarchicalStepper(flows, 0.1, chunk=5)(torch.zeros(7, 2), 16)
    assert {shape[0] for shape in sizes} == {5, 4} and {len(s) for s in sizes} == {2}


def test_on_a_processor_layers_get_chunks_that_stay_in_its_cache():
    sizes = []

    class Layers(torch.nn.Module):
        def forward(self, x):
            sizes.append(len(x))
            return x + 1

    HierarchicalStepper({1: Layers()}, 0.1)(torch.zeros(7000, 1), 1)
    assert sizes == [3000, 3000, 1000]
    sizes.clear()
    flow = lambda x: sizes.append(len(x)) or x + 1  # noqa: E731
    HierarchicalStepper({1: flow}, 0.1)(torch.zeros(45_000, 1), 1)
    assert sizes == [20_000, 20_000, 5000]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("levels", [(1, 4), (2, 4)])
def test_dtype_and_device_are_those_of_the_state(dtype, levels, device):
    x0 = torch.ones(2, dtype=dtype, device=device)
    for interpolation in ("linear", "spline", "hermite"):
        stepper = HierarchicalStepper(
            exact_flows(levels, 0.1), 0.1, interpolation=interpolation, field=OSCILLATOR
        )
        states = stepper(x0, 7)
        assert states.dtype == dtype and states.device == x0.device
        assert torch.equal(states[0], x0)


def test_the_result_is_cut_off_from_the_flows_but_can_be_trained_on():
    weight = torch.ones(2, requires_grad=True)
    x0 = torch.ones(2, requires_grad=True)
    stepper = HierarchicalStepper({1: lambda x: weight * x}, 0.1)
    for n_steps in (0, 3):
        states = stepper(x0, n_steps)
        assert not states.requires_grad
        assert states.data_ptr() != x0.data_ptr()
    (weight * states).sum().backward()
    assert weight.grad.tolist() == [4, 4]


def test_a_hybrid_fills_the_gaps_with_the_classical_step():
    fine = flow_map(Pendulum(), 0.1)
    hybrid = HierarchicalStepper({16: repeat(fine, 16), 1: fine}, 0.1)
    torch.testing.assert_close(hybrid(X0, 70), rollout(fine, X0, 70))

    off = HierarchicalStepper({16: lambda x: x + 1, 1: fine}, 0.1)(X0, 70)
    for k in range(4):  # whatever the long step does, each gap is an RK4 rollout
        gap = off[:, 16 * k : 16 * k + 16]
        torch.testing.assert_close(gap, rollout(fine, X0 + k, 15))


def test_a_new_system_takes_ten_lines():
    def duffing(t, x):
        q, p = x.unbind(-1)
        return torch.stack([p, q - q**3 - 0.1 * p], dim=-1)

    def flow(dt):
        return repeat(flow_map(duffing, dt / 4, step=dop853_step), 4)

    stepper = HierarchicalStepper(
        {s: flow(0.02 * s) for s in (2, 8, 32)},
        0.02,
        interpolation="hermite",
        field=duffing,
    )
    times = torch.arange(201, dtype=torch.float64) * 0.02
    expected = integrate(duffing, X0, times, n_substeps=4)
    torch.testing.assert_close(stepper(X0, 200), expected, atol=1e-6, rtol=0)


def test_a_million_steps_of_one_trajectory_stay_below_four_gigabytes():
    pytest.importorskip("resource")
    code = """if True:
        import resource, sys, torch
        from lecture_utils.hits import HierarchicalStepper
        flows = {1: lambda x: x + 1, 1000: lambda x: x + 1000}
        stepper = HierarchicalStepper(flows, 1.0)
        states = stepper(torch.zeros(2, dtype=torch.float64), 1_000_000)
        expected = torch.arange(1_000_001, dtype=torch.float64)
        assert torch.equal(states, expected[:, None].expand(-1, 2))
        unit = 1 if sys.platform == "darwin" else 1024
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 4


def test_divergence_is_reported_with_level_and_first_step():
    long = {4: lambda x: x + 4, 1: lambda x: torch.where(x >= 5, math.nan, x + 1)}
    with pytest.raises(FloatingPointError) as error:
        HierarchicalStepper(long, 0.5)(torch.tensor([[0.0], [-90.0]]), 12)
    assert "level of 1 substeps (dt = 0.5), first at step 6" in str(error.value)
    assert "in 1 of 2 trajectories" in str(error.value)
    with pytest.raises(FloatingPointError, match=r"of 4 substeps.*first at step 8 "):
        HierarchicalStepper({4: lambda x: x**9}, 1.0)(torch.tensor([40.0]), 13)
    with pytest.raises(FloatingPointError, match=r"field.*first at step 4 "):
        HierarchicalStepper(
            {4: lambda x: x - 1},
            1.0,
            interpolation="hermite",
            field=lambda t, x: 1 / x,
        )(torch.tensor([1.0]), 8)


def test_a_state_behind_the_end_may_diverge():
    flows = {1: lambda x: torch.where(x >= 5, math.nan, x + 1), 4: lambda x: x + 4}
    states = HierarchicalStepper(flows, 0.1)(torch.zeros(1), 5)
    assert states.flatten().tolist() == [0, 1, 2, 3, 4, 5]


def keep(x):
    return x


def stepper(flows=None, dt=0.1, **options):
    return HierarchicalStepper({1: keep} if flows is None else flows, dt, **options)


BAD_INPUT = [
    (lambda: stepper({}), "at least one level"),
    (lambda: stepper({4: keep, 6: keep}), "4 does not divide 6"),
    (lambda: stepper({0: keep}), "substeps .* >= 1, got 0"),
    (lambda: stepper({1.5: keep}), "substeps .* whole number .*got 1.5"),
    (lambda: stepper(dt=0.0), "dt must be finite and not zero"),
    (lambda: stepper(dt=math.nan), "dt must be finite"),
    (lambda: stepper(chunk=0), "chunk .* >= 1"),
    (lambda: stepper(interpolation="cubic"), "'spline' or 'hermite', got 'cubic'"),
    (lambda: stepper(interpolation="hermite"), "slopes from a field, got None"),
    (lambda: stepper()(torch.ones(2), -1), "n_steps .* >= 0, got -1"),
    (lambda: stepper()(torch.ones(2), 1.5), "n_steps .* whole number"),
    (lambda: stepper()(torch.ones(2).long(), 3), "x0 must be floating.*int64"),
    (lambda: stepper()(torch.tensor([1.0, math.nan]), 3), "x0 .* 1 of its 2 entries"),
    (lambda: stepper()(torch.tensor(1.0), 3), r"shape \(\.\.\., d\)"),
    (
        lambda: stepper({2: keep, 4: lambda x: x[:, :1]})(torch.ones(5, 2), 9),
        r"\(5, 2\).*level of 4 substeps.*\(5, 1\)",
    ),
    (
        lambda: stepper({1: torch.Tensor.double})(torch.ones(2), 3),
        "float32.*level of 1 .*float64",
    ),
    (lambda: stepper()(torch.ones(3, 0), 3), r"d >= 1.*\(3, 0\)"),
    (lambda: stepper({1: lambda x: None})(torch.ones(2), 3), "level of 1 .*NoneType"),
    (lambda: stepper({1: lambda x: x.mul_(2)})(torch.ones(2), 3), "x.clone"),
    (lambda: stepper({1: lambda x: x.mul_(2)})(torch.ones(5, 2), 3), "x.clone"),
    (lambda: stepper().evaluations(-5), "n_steps .* >= 0, got -5"),
    (lambda: stepper().calls(2.5), "n_steps .* got 2.5"),
]


@pytest.mark.parametrize(("call", "message"), BAD_INPUT)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
