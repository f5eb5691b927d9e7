"""Flow maps x(t) -> x(t + dt), and ways to combine them."""

from functools import partial

import torch
from torch import Tensor

from lecture_utils.integrators import rk4_step
from lecture_utils.types import FlowMap, StepMethod, VectorField


def flow_map(field: VectorField, dt: float, *, step: StepMethod = rk4_step) -> FlowMap:
    """Flow map of an autonomous field: one step of size ``dt``."""
    return lambda x: step(field, 0.0, x, dt)


def repeat(flow: FlowMap, n_steps: int) -> FlowMap:
    """Apply ``flow`` ``n_steps`` times: a flow map for a time step as much longer."""
    _check_count("n_steps", n_steps)
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
        Trajectory, shape ``(..., n_steps + 1, d)``, starting with ``x0``.

    Raises:
        ValueError: If ``n_steps`` is negative, ``x0`` is not floating point, or
            ``flow`` changes the shape, dtype or device of the state.
    """
    _check_count("n_steps", n_steps)
    if not x0.is_floating_point():
        raise ValueError(
            f"The initial state must be floating point, got {x0.dtype}. "
            "Try x0.to(torch.float64)."
        )
    states = [x0]
    for _ in range(n_steps):
        states.append(flow(states[-1]))
        if len(states) == 2:
            _check_next(x0, states[1])
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
        ValueError: If ``n_substeps`` is less than 1, or as in `rollout`.
    """
    _check_count("n_substeps", n_substeps, least=1)
    gaps = rollout(flow, trajectory[..., :-1, :], n_substeps - 1)
    return torch.cat([gaps.flatten(-3, -2), trajectory[..., -1:, :]], dim=-2)


def _check_count(name: str, count: int, *, least: int = 0) -> None:
    if int(count) != count or count < least:
        raise ValueError(f"{name} must be a whole number >= {least}, got {count}.")


def _check_next(x: Tensor, x_next: Tensor) -> None:
    before = tuple(x.shape), x.dtype, x.device
    after = tuple(x_next.shape), x_next.dtype, x_next.device
    if before != after:
        raise ValueError(
            "A flow map must return a state like the one it was given: shape, dtype "
            "and device were {}, {}, {} and became {}, {}, {}.".format(*before, *after)
        )
