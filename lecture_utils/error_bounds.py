r"""Guaranteed error bounds for trial flows, from their residual alone.

If :math:`|r| \le R` and the logarithmic norm of the Jacobian is at most :math:`L`
wherever the error may lie, the error grows no faster than :math:`\dot E = L E + R`.
To have :math:`R` and :math:`L` for all times of a short interval, and not only at
sample times, everything is computed with balls: a centre and a radius that covers.
The bounds hold up to the rounding of float64, which balls do not cover here.

Derived in the chapter "Physics-informed solvers".
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from lecture_utils.balls import Ball, mlp_jet
from lecture_utils.checks import check_count
from lecture_utils.pinn import TrialFlow, WithVelocity, layers_of
from lecture_utils.types import VectorField

Jacobian = Callable[[Ball], Ball]  # states (..., d) -> matrices (..., k, k), k <= d


class Path(NamedTuple):
    """A composed trial flow, enclosed on short intervals of time, K in all.

    If a correction was subtracted, all this is about what is left.
    """

    states: Ball  # all N(t) of each interval, (n, K, d)
    residual: Tensor  # at least the largest |r(t)| of each interval, (n, K)
    dt: float  # length of an interval
    dim: int  # how many components can err; the others are parameters


def log_norm(matrix: Tensor) -> Tensor:
    """Logarithmic norm for the Euclidean norm, ``(..., k, k) -> (...)``.

    It is the largest eigenvalue of the symmetric part, and may be negative.
    """
    return torch.linalg.eigvalsh((matrix + matrix.mT) / 2)[..., -1]


def log_norm_of_ball(matrix: Ball) -> Tensor:
    """At least the largest `log_norm` of all matrices in the ball (Weyl)."""
    spread = torch.linalg.matrix_norm((matrix.radius + matrix.radius.mT) / 2)
    return log_norm(matrix.centre) + spread


@torch.no_grad()
def enclose(
    flow: TrialFlow,
    field: VectorField,
    jacobian: Jacobian,
    x: Tensor,
    *,
    interval: float,
    n_intervals: int,
    n_nodes: int,
    correction: Tensor | None = None,
) -> Path:
    r"""Enclose the path and the residual of a trial flow, composed with itself.

    Between the middle of an interval and its ends the residual moves by no more than
    half its length times the largest :math:`|\dot r| = |\ddot N - Df(N) \dot N|`.

    Args:
        flow: Trial flow for times up to ``interval``; its network is an `MLP` with
            ``tanh``.
        field: Autonomous vector field ``(t, x) -> dx/dt``.
        jacobian: Its derivatives, for balls of states. If ``k < d``, the last
            components are parameters, in which there is no error.
        x: Initial states, shape ``(n, d)``.
        interval: Time after which the flow is applied to its own end.
        n_intervals: How often it is applied.
        n_nodes: Short intervals per application.
        correction: Values at the ends of all short intervals, shape ``(n, K + 1, k)``
            and zero at the start, of a curve :math:`c` that is linear in between; it is
            subtracted, and path and residual are those of :math:`N - c`.

    Raises:
        ValueError: If a count is not a whole number >= 1, the network is another one,
            or the correction has another shape or start.
    """
    check_count("n_intervals", n_intervals, least=1)
    check_count("n_nodes", n_nodes, least=1)
    dt, k = interval / n_nodes, _width_of(flow)
    if correction is None:
        correction = x.new_zeros(len(x), n_intervals * n_nodes + 1, k)
    _check_correction(correction, (len(x), n_intervals * n_nodes + 1, k))
    middles = dt * (torch.arange(n_nodes).to(x) + 0.5)
    centres, radii, residuals = [], [], []
    for i in range(n_intervals):
        taken = correction[:, i * n_nodes : (i + 1) * n_nodes + 1]
        states, bound = _enclose_once(flow, field, jacobian, x, middles, dt, taken)
        centres.append(states.centre)
        radii.append(states.radius)
        residuals.append(bound)
        x = flow(interval, x)
    states = Ball(torch.cat(centres, dim=1), torch.cat(radii, dim=1))
    return Path(states, torch.cat(residuals, dim=1), dt, k)


def _enclose_once(
    flow: TrialFlow,
    field: VectorField,
    jacobian: Jacobian,
    x: Tensor,
    middles: Tensor,
    dt: float,
    correction: Tensor,
) -> tuple[Ball, Tensor]:
    grid = x.unsqueeze(1).expand(-1, len(middles), -1)
    middle, velocity_there = WithVelocity(flow)(middles, grid)
    _, velocity, bend = mlp_jet(flow.net, middles, grid, dt / 2)
    k = correction.shape[-1]
    rest = (0, x.shape[-1] - k)
    pace = correction.diff(dim=1) / dt
    middle = middle - pad((correction[:, 1:] + correction[:, :-1]) / 2, rest)
    velocity = Ball(velocity.centre - pace, velocity.radius)
    states = Ball(middle, pad(dt / 2 * velocity.largest(), rest))

    turn = bend - _product(jacobian(states), velocity)
    moved = dt / 2 * turn.largest().norm(dim=-1)
    there = velocity_there[..., :k] - pace - field(0.0, middle)[..., :k]
    return states, there.norm(dim=-1) + moved


def _check_correction(correction: Tensor, shape: tuple[int, ...]) -> None:
    if correction.shape != shape:
        raise ValueError(
            "correction must hold one value at each end of the short intervals, shape "
            f"{shape}, found {tuple(correction.shape)}."
        )
    if not correction.isfinite().all() or correction[:, 0].any():
        raise ValueError(
            "correction must be finite and start at zero: the flow meets its start."
        )


def _product(matrix: Ball, vector: Ball) -> Ball:
    """``(..., k, k)`` times ``(..., k)``."""
    row = Ball(vector.centre.unsqueeze(-2), vector.radius.unsqueeze(-2))
    terms = matrix * row
    return Ball(terms.centre.sum(-1), terms.radius.sum(-1))


@torch.no_grad()
def propagate(path: Path, jacobian: Jacobian, *, floor: float = 1e-9) -> Tensor:
    """Bound of the error at the ends of all intervals, shape ``(n, K + 1)``.

    The logarithmic norm is maximised over a tube around the path, a tenth wider
    as the bound is so far. A bound that stays inside its tube is proved; where it
    does not, it is infinite from there on.

    Args:
        path: What `enclose` returned.
        jacobian: As in `enclose`.
        floor: Smallest half-width of the tube.
    """
    bounds = [torch.zeros_like(path.residual[:, 0])]
    for i, size in enumerate(path.dt * path.residual.mT):
        lost = bounds[-1].isinf()
        error = bounds[-1].masked_fill(lost, 0.0)
        width = 1.1 * error + 2 * size + floor
        rate = path.dt * log_norm_of_ball(jacobian(_tube(path, i, width)))
        gain = torch.where(rate == 0, 1.0, torch.expm1(rate) / rate)
        grown = rate.exp() * error + gain * size
        lost = lost | (grown >= width)  # the tube is wider than error, by its making
        bounds.append(grown.masked_fill(lost, torch.inf))
    return torch.stack(bounds, dim=1)


def _tube(path: Path, i: int, width: Tensor) -> Ball:
    centre, radius = path.states.centre[:, i], path.states.radius[:, i]
    wider = width.unsqueeze(-1).expand(-1, path.dim)
    return Ball(centre, radius + pad(wider, (0, centre.shape[-1] - path.dim)))


def _width_of(flow: TrialFlow) -> int:
    return layers_of(flow.net)[-1].out_features
