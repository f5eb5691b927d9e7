"""Flow maps x(t) -> x(t + dt), and ways to combine them."""

from functools import partial

import torch
from torch import Tensor

from lecture_utils.checks import check_count, check_like, check_states
from lecture_utils.integrators import rk4_step
from lecture_utils.types import FlowMap, StepMethod, VectorField


def flow_map(field: VectorField, dt: float, *, step: StepMethod = rk4_step) -> FlowMap:
    """Flow map of an autonomous field: one step of size ``dt``.

    The field gets the number 0.0 as ``t``, not a tensor as in `integrate`.
    """
    return lambda x: step(field, 0.0, x, dt)


def repeat(flow: FlowMap, n_steps: int) -> FlowMap:
    """Apply ``flow`` ``n_steps`` times: a flow map for a time step as much longer.

    Raises:
        ValueError: If ``n_steps`` is not a whole number >= 0.
    """
    check_count("n_steps", n_steps)
    return partial(_repeated, flow, n_steps)


def _repeated(flow: FlowMap, n_steps: int, x: Tensor) -> Tensor:
    for _ in range(n_steps):
        x = flow(x)
    return x


def rollout(flow: FlowMap, x0: Tensor, n_steps: int) -> Tensor:
    """Feed ``flow`` its own output.

    Args:
        flow: Map from a state to the next one, ``(..., d) -> (..., d)``.
        x0: Initial state, floating point, shape ``(..., d)``.
        n_steps: How often ``flow`` is applied; 0 returns the initial state alone.

    Returns:
        Trajectory, shape ``(..., n_steps + 1, d)``, starting with ``x0``. One that
        leaves the finite numbers is returned all the same, with inf or nan from there
        on.

    Raises:
        ValueError: If ``n_steps`` is not a whole number >= 0, ``x0`` is not a
            floating-point state, or ``flow``, in the first two steps, changes the
            shape, dtype or device of the state or writes into its input.
    """
    check_count("n_steps", n_steps)
    check_states("The initial state", x0)
    states = [x0]
    for i in range(n_steps):
        # Twice, as a reshape inside the flow may have copied the first state.
        x = states[-1]
        states.append(_checked_step(flow, x) if i < 2 else flow(x))
    return torch.stack(states, dim=-2)


def refine(trajectory: Tensor, flow: FlowMap, n_substeps: int) -> Tensor:
    """Fill the gaps of a coarse trajectory with a finer flow map.

    Every gap is filled at once: the coarse states are one more batch axis. This is the
    vectorised hierarchical time-stepper of Liu, Kutz & Brunton (2022).

    Args:
        trajectory: States at coarse times, shape ``(..., T, d)``.
        flow: Flow map whose time step is ``1 / n_substeps`` of the coarse one.
        n_substeps: How many fine steps make one coarse step.

    Returns:
        States at fine times, shape ``(..., (T - 1) * n_substeps + 1, d)``. The given
        states are kept, so the error of ``flow`` grows only within a gap.

    Raises:
        ValueError: If ``n_substeps`` is not a whole number >= 1, or as in `rollout`.
    """
    check_count("n_substeps", n_substeps, least=1)
    check_states("The trajectory", trajectory, shape="(..., T, d)")
    gaps = rollout(flow, trajectory[..., :-1, :], n_substeps - 1)
    return torch.cat([gaps.flatten(-3, -2), trajectory[..., -1:, :]], dim=-2)


def _checked_step(flow: FlowMap, x: Tensor) -> Tensor:
    # Tensors of the inference mode do not count the changes made to them.
    before = x.clone() if x.is_inference() else x._version
    x_next = flow(x)
    check_like("a flow map", x_next, x)
    if isinstance(before, Tensor):
        same = torch.allclose(x, before, rtol=0.0, atol=0.0, equal_nan=True)
    else:
        same = x._version == before
    if not same:
        raise ValueError(
            "A flow map must leave its input as it is, but this one wrote into it. Try "
            "x.clone() first, or operations without an underscore at their end."
        )
    return x_next
