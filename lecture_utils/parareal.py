"""Parareal: long steps that correct themselves, with all short steps at once.

Source: Lions, Maday & Turinici, *Resolution d'EDP par un schema en temps "parareel"*,
C. R. Acad. Sci. Paris I 332, 661-668 (2001); in the form of Gander & Vandewalle,
SIAM J. Sci. Comput. 29, 556-578 (2007).
"""

import torch
from torch import Tensor

from lecture_utils.checks import check_count, check_like
from lecture_utils.flows import rollout
from lecture_utils.types import FlowMap


def parareal(
    fine: FlowMap, coarse: FlowMap, x0: Tensor, n_steps: int, n_iterations: int
) -> Tensor:
    r"""Landmarks of ``coarse``, corrected by ``fine`` again and again.

    One iteration applies ``fine`` to all landmarks of the last iteration at once, as
    one more batch axis, and then walks through

    .. math:: x^{k+1}_{n+1} = C(x^{k+1}_n) + F(x^k_n) - C(x^k_n).

    After ``k`` iterations the first ``k`` landmarks are those of ``fine`` alone, but
    for rounding.

    Args:
        fine: Accurate flow map over one long step, ``(..., d) -> (..., d)``.
        coarse: Cheap flow map over the same step.
        x0: Initial states, shape ``(..., d)``.
        n_steps: Long steps until the end.
        n_iterations: Corrections; 0 gives the landmarks of ``coarse`` alone.

    Returns:
        The landmarks after each iteration, shape
        ``(n_iterations + 1, ..., n_steps + 1, d)``.

    Raises:
        ValueError: If a count is not a whole number >= 0, a map does not return states
            like the landmarks it is given, or as in `rollout`.
    """
    check_count("n_iterations", n_iterations)
    iterations = [rollout(coarse, x0, n_steps)]
    for _ in range(n_iterations):
        last = iterations[-1][..., :-1, :]
        there, guess = fine(last), coarse(last)
        check_like("fine", there, last)
        check_like("coarse", guess, last)
        jumps = there - guess
        states = [x0]
        for n in range(n_steps):
            states.append(coarse(states[-1]) + jumps[..., n, :])
        iterations.append(torch.stack(states, dim=-2))
    return torch.stack(iterations)
