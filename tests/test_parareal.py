import math

import pytest
import torch

from lecture_utils.flows import flow_map, repeat, rollout
from lecture_utils.integrators import euler_step, rk4_step
from lecture_utils.parareal import parareal
from lecture_utils.systems import HarmonicOscillator, VanDerPol

N_STEPS = 6


def setting():
    field = VanDerPol()
    fine = repeat(flow_map(field, 0.05, step=rk4_step), 4)
    coarse = flow_map(field, 0.2, step=euler_step)
    x0 = torch.tensor([[1.0, 0.5], [-0.3, 2.0], [0.1, 0.1]], dtype=torch.float64)
    return fine, coarse, x0


def test_after_k_iterations_the_first_k_landmarks_are_exact_and_no_others():
    fine, coarse, x0 = setting()
    target = rollout(fine, x0, N_STEPS)
    iterations = parareal(fine, coarse, x0, N_STEPS, N_STEPS)
    assert iterations.shape == (N_STEPS + 1, 3, N_STEPS + 1, 2)
    for k, states in enumerate(iterations):
        error = (states - target).abs().amax(dim=(0, 2))
        assert error[: k + 1].max() < 1e-13
        assert (error[k + 1 :] > 1e-12).all()


def test_no_iterations_are_the_coarse_method_alone():
    fine, coarse, x0 = setting()
    (states,) = parareal(fine, coarse, x0, N_STEPS, 0)
    assert torch.equal(states, rollout(coarse, x0, N_STEPS))


def test_linear_convergence_has_the_known_factor():
    # If the fine map multiplies by R and the coarse one by r, the error at landmark n
    # after k iterations is binom(n, k + 1) (R - r)^(k + 1) r^(n - k - 1) to leading
    # order.
    exact, approximate = 0.9, 0.8995
    x0 = torch.ones(1, dtype=torch.float64)
    states = parareal(lambda x: exact * x, lambda x: approximate * x, x0, 20, 3)
    for k in range(4):
        error = (exact**20 - states[k, 20, 0]).item()
        gap = (exact - approximate) ** (k + 1) * approximate ** (19 - k)
        predicted = math.comb(20, k + 1) * gap
        assert abs(error / predicted - 1) < 0.02


def test_batch_is_the_loop_over_trajectories():
    fine, coarse, x0 = setting()
    together = parareal(fine, coarse, x0, N_STEPS, 2)
    for i, x in enumerate(x0):
        alone = parareal(fine, coarse, x, N_STEPS, 2)
        torch.testing.assert_close(together[:, i], alone)


def test_dtype_is_kept_and_zero_steps_are_the_initial_state():
    oscillator = HarmonicOscillator()
    fine, coarse = flow_map(oscillator, 0.1), flow_map(oscillator, 0.1, step=euler_step)
    x0 = torch.ones(2, 2)
    assert parareal(fine, coarse, x0, 3, 1).dtype == torch.float32
    assert torch.equal(parareal(fine, coarse, x0, 0, 2)[-1], x0[:, None])


def test_counts_must_not_be_negative():
    fine, coarse, x0 = setting()
    with pytest.raises(ValueError, match="n_iterations .* >= 0, got -1"):
        parareal(fine, coarse, x0, 3, -1)
    with pytest.raises(ValueError, match="n_steps"):
        parareal(fine, coarse, x0, -3, 1)


BAD_FLOWS = [
    (lambda fine, coarse: (lambda x: fine(x)[..., :1], coarse), "fine .*, 1\\)"),
    (lambda fine, coarse: (lambda x: fine(x).float(), coarse), "fine .*float32"),
    (lambda fine, coarse: (fine, lambda x: coarse(x)[..., :1]), ", 1\\)"),
    # Broadcast only with the axis of all landmarks:
    (lambda fine, coarse: (fine, lambda x: coarse(x) if x.ndim < 3 else x[:1]), "coar"),
]


@pytest.mark.parametrize(("wrong", "message"), BAD_FLOWS)
def test_both_maps_return_states_like_those_they_are_given(wrong, message):
    fine, coarse, x0 = setting()
    with pytest.raises(ValueError, match=message):
        parareal(*wrong(fine, coarse), x0, 3, 2)


def test_iterations_are_a_whole_number():
    with pytest.raises(ValueError, match="n_iterations .* got 1.5"):
        parareal(*setting(), 3, 1.5)
