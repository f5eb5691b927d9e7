"""One-step methods, and the loop that turns a step into a trajectory.

To add a method, write one function with the signature of `euler_step` and add it to
the table in ``tests/test_integrators.py`` with its order. Nothing else changes.
"""

import torch
from scipy.integrate import DOP853
from torch import Tensor

from lecture_utils.checks import (
    check_count,
    check_even,
    check_finite,
    check_like,
    check_states,
)
from lecture_utils.types import StepMethod, Time, VectorField

_DOP853_A = torch.from_numpy(DOP853.A[: DOP853.n_stages, : DOP853.n_stages].copy())
_DOP853_B = torch.from_numpy(DOP853.B.copy())
_DOP853_C = DOP853.C[: DOP853.n_stages].tolist()


def euler_step(field: VectorField, t: Time, x: Tensor, dt: Time) -> Tensor:
    """Explicit Euler, order 1: follow the tangent at ``x``."""
    return x + dt * field(t, x)


def heun_step(field: VectorField, t: Time, x: Tensor, dt: Time) -> Tensor:
    """Heun's method, order 2: average the slopes at both ends of the Euler step."""
    slope_start = field(t, x)
    slope_end = field(t + dt, x + dt * slope_start)
    return x + dt / 2 * (slope_start + slope_end)


def rk4_step(field: VectorField, t: Time, x: Tensor, dt: Time) -> Tensor:
    """Classical Runge-Kutta, order 4 (Hairer, Norsett & Wanner I, Sec. II.1)."""
    t_middle = t + dt / 2
    k1 = field(t, x)
    k2 = field(t_middle, x + dt / 2 * k1)
    k3 = field(t_middle, x + dt / 2 * k2)
    k4 = field(t + dt, x + dt * k3)
    return x + dt / 6 * (k1 + 2 * (k2 + k3) + k4)


def dop853_step(field: VectorField, t: Time, x: Tensor, dt: Time) -> Tensor:
    """Dormand-Prince, order 8 in 12 stages: the method for reference solutions.

    The coefficients are SciPy's (Hairer, Norsett & Wanner I, Sec. II.5).
    """
    a, b = _DOP853_A.to(x), _DOP853_B.to(x)
    stages = [field(t, x)]
    for i, c in enumerate(_DOP853_C[1:], start=1):
        slope = torch.tensordot(a[i, :i], torch.stack(stages), dims=1)
        stages.append(field(t + c * dt, x + dt * slope))
    return x + dt * torch.tensordot(b, torch.stack(stages), dims=1)


def symplectic_euler_step(field: VectorField, t: Time, x: Tensor, dt: Time) -> Tensor:
    r"""Symplectic Euler, order 1: kick the momentum, then drift with the new one.

    The state is :math:`x = (q, p)` and the field must be separable:
    :math:`\dot q` depends on ``p`` only and :math:`\dot p` on ``q`` only.

    Raises:
        ValueError: If the number of components is odd.
    """
    check_even(x.shape[-1])
    q, p = x.chunk(2, dim=-1)
    p = p + dt * field(t, x).chunk(2, dim=-1)[1]
    velocity = field(t, torch.cat([q, p], dim=-1)).chunk(2, dim=-1)[0]
    return torch.cat([q + dt * velocity, p], dim=-1)


def verlet_step(field: VectorField, t: Time, x: Tensor, dt: Time) -> Tensor:
    r"""Velocity Verlet, order 2: half a kick, a drift, half a kick.

    The state is :math:`x = (q, p)` and the field must be separable:
    :math:`\dot q` depends on ``p`` only and :math:`\dot p` on ``q`` only. Then the step
    preserves volume, and a step of ``-dt`` from ``t + dt`` undoes it exactly
    (Hairer, Lubich & Wanner, Sec. I.1.4).

    Raises:
        ValueError: If the number of components is odd.
    """
    check_even(x.shape[-1])
    q, p = x.chunk(2, dim=-1)
    p = p + dt / 2 * field(t, x).chunk(2, dim=-1)[1]
    velocity = field(t + dt / 2, torch.cat([q, p], dim=-1)).chunk(2, dim=-1)[0]
    q = q + dt * velocity
    force = field(t + dt, torch.cat([q, p], dim=-1)).chunk(2, dim=-1)[1]
    return torch.cat([q, p + dt / 2 * force], dim=-1)


def yoshida_step(field: VectorField, t: Time, x: Tensor, dt: Time) -> Tensor:
    """Yoshida's method, order 4: three Verlet steps, the middle one backwards.

    As `verlet_step`, symplectic for separable fields, and undone by a step of ``-dt``
    (Hairer, Lubich & Wanner, Sec. II.4). It raises what `verlet_step` raises.
    """
    outer = 1 / (2 - 2 ** (1 / 3))
    for share in (outer, 1 - 2 * outer, outer):
        x = verlet_step(field, t, x, share * dt)
        t = t + share * dt
    return x


def integrate(
    field: VectorField,
    x0: Tensor,
    times: Tensor,
    *,
    step: StepMethod = rk4_step,
    n_substeps: int = 1,
) -> Tensor:
    """Approximate the trajectory through ``x0`` at the given times.

    ``n_substeps`` equal steps are taken between neighbouring times, so the grid fixes
    the accuracy.

    Args:
        field: Vector field ``(t, x) -> dx/dt``; must return the shape of ``x``. It gets
            ``t`` as a 0-d tensor of the dtype of ``x0``.
        x0: Initial state at ``times[0]``, shape ``(..., d)``. Leading axes are
            independent trajectories.
        times: Time grid, shape ``(T,)``, strictly monotone. It may decrease.
        step: One-step method ``(field, t, x, dt) -> x_next``.
        n_substeps: Steps between neighbouring times.

    Returns:
        Trajectory, shape ``(..., T, d)``, with dtype and device of ``x0``; entry
        ``[..., 0, :]`` is ``x0`` itself. A trajectory that leaves the finite numbers
        is returned all the same, with inf or nan from there on.

    Raises:
        ValueError: If ``x0`` is not a finite floating-point state, if ``times`` is not
            a strictly monotone vector, if ``n_substeps`` is not a whole number >= 1, or
            if the first velocity does not have the shape, dtype and device of ``x0``.
    """
    check_states("The initial state", x0)
    check_finite("The initial state", x0)
    times = _checked_times(times)
    check_count("n_substeps", n_substeps, least=1)
    # Steps in float64, whatever the state: a float32 grid would blur dt by rounding.
    gaps = (times.diff() / n_substeps).tolist()
    starts = times.to(x0).unbind()

    first_field = _checked(field)  # the first call is checked, the others are not
    states = [x0]
    for start, dt in zip(starts[:-1], gaps, strict=True):
        x = states[-1]
        for i in range(n_substeps):
            t = start + i * dt if i else start
            x = step(first_field or field, t, x, dt)
            first_field = None
        states.append(x)
    return torch.stack(states, dim=-2)


def _checked_times(times: Tensor) -> Tensor:
    if times.ndim != 1 or len(times) == 0:
        raise ValueError(f"times must have shape (T,), got {tuple(times.shape)}.")
    times = times.detach().to("cpu", torch.float64)
    check_finite("times", times)
    gaps = times.diff()
    if not ((gaps > 0).all() or (gaps < 0).all()):
        raise ValueError(
            "times must be strictly monotone, but neighbouring times differ by between "
            f"{gaps.min():.3g} and {gaps.max():.3g}. If times are repeated, try "
            "times.unique_consecutive()."
        )
    return times


def _checked(field: VectorField) -> VectorField:
    """The same field, which complains if it does not return one velocity per state."""

    def checked_field(t: Time, x: Tensor) -> Tensor:
        velocity = field(t, x)
        check_like("field(t, x)", velocity, x)
        return velocity

    return checked_field
