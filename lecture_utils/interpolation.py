"""States between the states of a trajectory on an equidistant grid.

Every interpolant has the shapes of `lecture_utils.flows.refine`: it divides each gap
into ``n_substeps`` equal parts and keeps the given states.
"""

import torch
from torch import Tensor

from lecture_utils.checks import check_count, check_like, check_states


def linear(trajectory: Tensor, n_substeps: int) -> Tensor:
    """Straight lines between neighbouring states: an error of order 2 in the gap.

    Args:
        trajectory: States at coarse times, shape ``(..., T, d)``.
        n_substeps: How many fine steps make one gap.

    Returns:
        States at fine times, shape ``(..., (T - 1) * n_substeps + 1, d)``.

    Raises:
        ValueError: If ``trajectory`` is not floating point of that shape, or
            ``n_substeps`` is not a whole number >= 1.
    """
    theta = _fractions(trajectory, n_substeps)
    start, rise = _gaps(trajectory)
    return _joined(start + theta * rise, trajectory)


def cubic_hermite(
    trajectory: Tensor, velocity: Tensor, gap: float, n_substeps: int
) -> Tensor:
    r"""Cubics with the given velocity at every state: order 4 if it is exact.

    Args:
        trajectory: States at coarse times, shape ``(..., T, d)``.
        velocity: Their :math:`\dot x`, of the same shape.
        gap: Time between neighbouring states.
        n_substeps: How many fine steps make one gap.

    Returns:
        States at fine times, shape ``(..., (T - 1) * n_substeps + 1, d)``.

    Raises:
        ValueError: If ``velocity`` is not like ``trajectory``, or as in `linear`.
    """
    theta = _fractions(trajectory, n_substeps)
    check_like("the field", velocity, trajectory)
    start, rise = _gaps(trajectory)
    slope = gap * velocity
    slope_start, slope_end = slope[..., :-1, None, :], slope[..., 1:, None, :]
    # The Hermite basis, written around the straight line: constants stay exact.
    cubics = torch.addcmul(start, theta**2 * (3 - 2 * theta), rise)
    cubics = cubics.addcmul(theta * (1 - theta) ** 2, slope_start)
    cubics = cubics.addcmul(theta**2 * (theta - 1), slope_end)
    return _joined(cubics, trajectory)


def cubic_spline(trajectory: Tensor, n_substeps: int) -> Tensor:
    """Twice differentiable cubics through the states alone: order 4 in the gap.

    The ends are "not a knot": the first two pieces are one cubic, and so are the last
    two. Two or three states determine less, and get the polynomial through all of them:
    a line or a parabola.

    Args:
        trajectory: States at coarse times, shape ``(..., T, d)``.
        n_substeps: How many fine steps make one gap.

    Returns:
        States at fine times, shape ``(..., (T - 1) * n_substeps + 1, d)``.

    Raises:
        ValueError: As in `linear`.
    """
    check_states("The trajectory", trajectory, shape="(..., T, d)")
    rise = trajectory.diff(dim=-2)
    n_gaps = rise.shape[-2]
    if n_gaps < 2:
        return linear(trajectory, n_substeps)
    first, last = rise[..., :1, :], rise[..., -1:, :]
    if n_gaps == 2:
        middle = (first + last) / 2
        slopes = torch.cat([2 * first - middle, middle, 2 * last - middle], dim=-2)
    else:
        slopes = _spline_slopes(rise)
    return cubic_hermite(trajectory, slopes, 1.0, n_substeps)


def _spline_slopes(rise: Tensor) -> Tensor:
    """Slopes of the spline per gap, shape ``(..., T - 1, d) -> (..., T, d)``.

    A continuous second derivative asks of the slopes m at three neighbouring states
    that m[k-1] + 4 m[k] + m[k+1] = 3 (rise[k-1] + rise[k]). The first is eliminated
    with the condition at its end, m[0] + 2 m[1] = (5 rise[0] + rise[1]) / 2, the last
    with its mirror image.
    """
    before, after = rise[..., :-1, :], rise[..., 1:, :]
    start = (5 * before[..., :1, :] + after[..., :1, :]) / 2
    end = (5 * after[..., -1:, :] + before[..., -1:, :]) / 2
    right = 3 * (before + after)
    right[..., :1, :] -= start
    right[..., -1:, :] -= end
    diagonal = torch.full((right.shape[-2], 1), 4.0).to(right)
    diagonal[0], diagonal[-1] = 2.0, 2.0
    inner = _solve_tridiagonal(diagonal, right)
    first, last = inner[..., :1, :], inner[..., -1:, :]
    return torch.cat([start - 2 * first, inner, end - 2 * last], dim=-2)


def _solve_tridiagonal(diagonal: Tensor, right: Tensor) -> Tensor:
    """Solve for all rows at once, with ones beside the diagonal, ``(..., n, d)``.

    Cyclic reduction: each pass uses the rows a distance away to eliminate their
    unknowns, which leaves unknowns twice as far. Their weight relative to the diagonal
    is squared by every pass; after six it is below 1e-17 and dropped.
    """
    n = len(diagonal)
    below = torch.ones_like(diagonal)
    below[0] = 0.0
    above = below.flip(0)
    distance = 1
    for _ in range(6):
        if distance >= n:
            break
        down = -below / _shifted(diagonal, distance, 1.0)
        up = -above / _shifted(diagonal, -distance, 1.0)
        diagonal = (
            diagonal
            + down * _shifted(above, distance)
            + up * _shifted(below, -distance)
        )
        right = (
            right + down * _shifted(right, distance) + up * _shifted(right, -distance)
        )
        below = down * _shifted(below, distance)
        above = up * _shifted(above, -distance)
        distance *= 2
    return right / diagonal


def _shifted(rows: Tensor, distance: int, fill: float = 0.0) -> Tensor:
    """Row k becomes row k - distance; rows from outside are ``fill``."""
    outside = torch.full_like(rows[..., : abs(distance), :], fill)
    if distance > 0:
        return torch.cat([outside, rows[..., :-distance, :]], dim=-2)
    return torch.cat([rows[..., -distance:, :], outside], dim=-2)


def _fractions(trajectory: Tensor, n_substeps: int) -> Tensor:
    """Where in a gap the fine times lie, shape ``(n_substeps, 1)``, from 0."""
    check_states("The trajectory", trajectory, shape="(..., T, d)")
    check_count("n_substeps", n_substeps, least=1)
    index = torch.arange(n_substeps, device=trajectory.device)[:, None]
    return index.to(trajectory.dtype) / n_substeps


def _gaps(trajectory: Tensor) -> tuple[Tensor, Tensor]:
    """State at the start of each gap and rise over it, ``(..., T - 1, 1, d)``."""
    start = trajectory[..., :-1, None, :]
    return start, trajectory[..., 1:, None, :] - start


def _joined(gaps: Tensor, trajectory: Tensor) -> Tensor:
    """The filled gaps ``(..., T - 1, n_substeps, d)`` one after the other."""
    return torch.cat([gaps.flatten(-3, -2), trajectory[..., -1:, :]], dim=-2)
