import math

import pytest
import torch

from lecture_utils.flows import flow_map, refine, repeat, rollout
from lecture_utils.integrators import euler_step, integrate
from lecture_utils.systems import HenonHeiles, Pendulum


def test_a_rollout_of_a_flow_map_is_the_integrated_trajectory():
    x0 = torch.tensor([[1.0, 0.2], [0.4, -0.3]], dtype=torch.float64)
    times = torch.arange(21, dtype=torch.float64) * 0.1
    for step in (euler_step, None):
        options = {} if step is None else {"step": step}
        steps = rollout(flow_map(Pendulum(), 0.1, **options), x0, 20)
        torch.testing.assert_close(steps, integrate(Pendulum(), x0, times, **options))


def test_refining_a_consistent_coarse_rollout_gives_the_fine_rollout(generator):
    fine = flow_map(Pendulum(), 0.01)
    coarse = repeat(fine, 10)
    x0 = torch.randn(3, 2, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(
        refine(rollout(coarse, x0, 5), fine, 10), rollout(fine, x0, 50)
    )


def test_refining_keeps_the_given_states_and_starts_each_gap_from_them():
    coarse = torch.tensor([[0.0], [10.0], [20.0]])
    fine = refine(coarse, lambda x: x + 1, 3)
    assert fine.flatten().tolist() == [0, 1, 2, 10, 11, 12, 20]
    assert torch.equal(refine(coarse, lambda x: x + 1, 1), coarse)


def test_leading_axes_are_independent(generator):
    x0 = torch.randn(2, 3, 4, generator=generator)
    flow = flow_map(HenonHeiles(), 0.1)
    together = refine(rollout(flow, x0, 3), flow, 2)
    apart = refine(rollout(flow, x0[1, 2], 3), flow, 2)
    assert together.shape == (2, 3, 7, 4)
    torch.testing.assert_close(together[1, 2], apart)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_and_device_are_those_of_the_state(dtype, device):
    x0 = torch.ones(2, dtype=dtype, device=device)
    states = rollout(flow_map(Pendulum(), 0.1), x0, 3)
    assert states.dtype == dtype and states.device == x0.device


def test_no_steps_return_the_initial_state():
    x0 = torch.ones(3, 2)
    assert torch.equal(rollout(lambda x: x + 1, x0, 0), x0[:, None])
    assert torch.equal(repeat(lambda x: x + 1, 0)(x0), x0)


BAD_INPUT = [
    (lambda: rollout(lambda x: x, torch.ones(2), -1), "n_steps .* >= 0, got -1"),
    (lambda: rollout(lambda x: x, torch.ones(2), 1.5), "whole number"),
    (lambda: rollout(lambda x: x, torch.ones(2).long(), 3), "floating-point"),
    (lambda: rollout(lambda x: x[..., :1], torch.ones(2), 3), r"\(2,\).*\(1,\)"),
    (lambda: rollout(lambda x: x.double(), torch.ones(2), 3), "float32.*float64"),
    (lambda: repeat(lambda x: x, -2), "n_steps"),
    (lambda: refine(torch.ones(3, 2), lambda x: x, 0), "n_substeps .* >= 1"),
    (lambda: refine(torch.ones(3, 2), lambda x: x, 2.0), "n_substeps .* got 2.0"),
    (lambda: refine(torch.ones(2), lambda x: x, 2), r"\(\.\.\., T, d\).*\(2,\)"),
    (lambda: rollout(lambda x: x, torch.ones(2), 2.0), "n_steps .* got 2.0"),
    (lambda: rollout(lambda x: x, torch.tensor(1.0), 3), r"\(\.\.\., d\)"),
    (lambda: rollout(lambda x: None, torch.ones(2), 3), "NoneType"),
    (lambda: rollout(lambda x: (x, x), torch.ones(2), 3), "tuple"),
    (lambda: rollout(lambda x: x.mul_(2), torch.ones(2), 3), "x.clone"),
    (lambda: refine(torch.ones(4, 3, 2), lambda x: x.add_(1), 3), "x.clone"),
    (lambda: repeat(lambda x: x, math.inf), "n_steps .* got inf"),
    (lambda: repeat(lambda x: x, 2.0), "n_steps .* got 2.0"),
]


@pytest.mark.parametrize(("call", "message"), BAD_INPUT)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_flow_that_works_in_a_copy_of_its_own_is_none_that_changes_its_input():
    x0 = torch.tensor([1.0, math.nan])
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            states = rollout(lambda x: x.clone().mul_(2), x0.clone(), 3)
        assert states[:, 0].tolist() == [1, 2, 4, 8]


def test_a_flow_may_change_its_input_by_a_view_in_any_mode_and_is_caught():
    for mode in (torch.no_grad, torch.inference_mode):
        with mode(), pytest.raises(ValueError, match="x.clone"):
            rollout(lambda x: x.view(-1).add_(1).view(3, 2), torch.ones(3, 2), 3)


def test_a_rollout_can_be_differentiated_state_by_state():
    flow = flow_map(Pendulum(), 0.1)
    x = torch.tensor([[1.0, 0.2], [0.4, -0.3]])
    slopes = torch.func.vmap(torch.func.jacrev(lambda x: rollout(flow, x, 3)))(x)
    assert slopes.shape == (2, 4, 2, 2)


def test_a_flow_map_is_of_an_autonomous_field_and_starts_at_zero():
    seen = []
    flow_map(lambda t, x: seen.append(t) or -x, 0.1, step=euler_step)(torch.ones(1))
    assert seen == [0.0]


def test_a_rollout_that_blows_up_is_returned_as_it_is():
    states = rollout(lambda x: x**2, torch.full((1,), 10.0), 9)
    assert states[5].isfinite() and states[-1].isinf()
