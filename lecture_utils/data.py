"""Initial states, accurate trajectories, and the pairs a flow map is trained on."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.checks import check_count, check_states
from lecture_utils.integrators import dop853_step, integrate
from lecture_utils.types import VectorField


class Reference(NamedTuple):
    """Trajectories with the error they were measured to have."""

    states: Tensor  # (..., T, d)
    error: float  # largest absolute error of any component
    relative_error: float  # the same, divided by the largest component


def sample_box(
    region: tuple[tuple[float, float], ...],
    n: int,
    *,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Draw ``n`` states uniformly from a box, shape ``(n, d)``.

    Args:
        region: ``(low, high)`` of each component, as in ``system.region``.
        n: How many states.
        generator: Source of randomness; the states live on its device.
        dtype: Of the states. Drawn in float64 first, so it does not change the sample.

    Raises:
        ValueError: If a bound is infinite or not below the other, ``n`` is not a whole
            number >= 0, or ``dtype`` is not of floating point.
    """
    check_count("n", n)
    if not dtype.is_floating_point:
        raise ValueError(f"dtype must be floating-point, got {dtype}.")
    bounds = torch.tensor(region, dtype=torch.float64, device=generator.device)
    if bounds.ndim != 2 or not bounds.isfinite().all() or (bounds.diff() <= 0).any():
        raise ValueError(
            f"region must be ((low, high), ...) with finite low < high, got {region}."
        )
    low, high = bounds.unbind(-1)
    unit = torch.rand(
        n, len(low), dtype=torch.float64, device=low.device, generator=generator
    )
    return (low + (high - low) * unit).to(dtype)


def reference_trajectories(
    field: VectorField,
    x0: Tensor,
    times: Tensor,
    *,
    rtol: float = 1e-10,
    atol: float = 0.0,
    max_substeps: int = 64,
) -> Reference:
    r"""Trajectories accurate enough to score a learned model against.

    All trajectories advance together with `dop853_step` (order 8) in float64. The
    number of substeps per gap is doubled until two runs agree; the finer one is
    returned with the difference as its error, an overestimate by about :math:`2^8`.

    Args:
        field: Vector field ``(t, x) -> dx/dt``.
        x0: Initial states, float64, shape ``(..., d)``.
        times: Time grid, shape ``(T,)``.
        rtol: Accepted error, relative to the largest component of all states.
        atol: Accepted error, absolute. Either tolerance suffices.
        max_substeps: Give up beyond this many substeps per gap.

    Raises:
        ValueError: If ``x0`` is not float64 or holds no state, ``max_substeps`` is less
            than 2, or a trajectory leaves the finite numbers even with so many; and as
            in `integrate`.
        RuntimeError: If the tolerance is not met with ``max_substeps``, or finer steps
            bring the runs no nearer to each other: chaos has magnified rounding errors.
    """
    if x0.dtype != torch.float64:
        raise ValueError(f"Reference trajectories need a float64 x0, got {x0.dtype}.")
    if not x0.numel():
        raise ValueError(f"x0 must hold at least one state, got {tuple(x0.shape)}.")
    check_count("max_substeps", max_substeps, least=2)
    n_substeps, difference, settled = 1, math.inf, False
    coarse = integrate(field, x0, times, step=dop853_step)
    while n_substeps < max_substeps:
        n_substeps *= 2
        fine = integrate(field, x0, times, step=dop853_step, n_substeps=n_substeps)
        before, difference = difference, (fine - coarse).abs().max().item()
        scale = fine.abs().max().item()
        # A run that overflows may only have had too few steps: a finer one decides.
        if math.isfinite(scale) and difference <= max(rtol * scale, atol):
            return Reference(fine, difference, difference / scale if scale else 0.0)
        if difference >= before and settled:
            break  # a smooth field would have divided it by 256, a rough one by 2
        settled = difference < 1e-3 * scale  # by the scale of then: a run may grow
        coarse = fine
    _check_finite(fine, times)
    raise RuntimeError(
        f"With {n_substeps} substeps per gap two runs still differ by "
        f"{difference:.1e}. "
        "Is the field smooth, or the horizon too long for a chaotic system, which "
        "magnifies rounding errors? "
        "Try a finer time grid or a larger rtol."
    )


def _check_finite(states: Tensor, times: Tensor) -> None:
    finite = states.isfinite().all(-1).reshape(-1, len(times))
    if not finite.all():
        lost = ~finite.all(-1)
        first = times[(~finite).any(0).nonzero()[0, 0]].item()
        raise ValueError(
            f"{int(lost.sum())} of {len(lost)} trajectories leave the finite numbers, "
            f"the first by t = {first:.3g}. Shorten the horizon or leave out their "
            "initial states. If the field is stiff, try a finer time grid or a larger "
            "max_substeps."
        )


def cut_into_windows(trajectories: Tensor, n_steps: int, stride: int = 1) -> Tensor:
    """All windows of ``n_steps + 1`` states that lie ``stride`` samples apart.

    Args:
        trajectories: States, shape ``(..., T, d)``; must be finite.
        n_steps: Steps per window: 1 gives the pairs ``(x, x_next)``.
        stride: Samples between neighbouring states of a window, so the flow map
            learned from it advances ``stride`` sampling times.

    Returns:
        Windows, shape ``(N, n_steps + 1, d)``, one for every start that fits.

    Raises:
        ValueError: If the data are not states of that shape, hold nan or inf, or are
            too short for one window, or a count is not a whole number >= 1.
    """
    check_states("The trajectories", trajectories, shape="(..., T, d)")
    if not trajectories.isfinite().all():
        raise ValueError("The trajectories hold nan or inf: drop them before cutting.")
    check_count("n_steps", n_steps, least=1)
    check_count("stride", stride, least=1)
    n_times, length = trajectories.shape[-2], n_steps * stride + 1
    if n_times < length:
        raise ValueError(
            f"A window of {n_steps} steps of {stride} samples needs {length} samples, "
            f"but the trajectories have {n_times}."
        )
    windows = trajectories.unfold(-2, length, 1)[..., ::stride]  # (..., N, d, steps+1)
    return windows.movedim(-1, -2).flatten(0, -3)


def two_moons(
    n: int, *, generator: torch.Generator, noise: float = 0.1
) -> tuple[Tensor, Tensor]:
    """Two interlocked half circles, one a class: points ``(n, 2)``, labels ``(n,)``.

    Labels alternate 0, 1, so the classes are of equal size. float32, centred, of
    radius 1; ``noise`` is the standard deviation of each coordinate.
    """
    labels = torch.arange(n) % 2
    angle = torch.pi * torch.rand(n, generator=generator)
    side = 1 - 2 * labels  # the second moon is the first one turned by half a turn
    moon = torch.stack([angle.cos() - 0.5, angle.sin() - 0.25], dim=-1)
    points = side[:, None] * moon
    return points + noise * torch.randn(n, 2, generator=generator), labels


def two_spirals(
    n: int, *, generator: torch.Generator, noise: float = 0.02, turns: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Two spiral arms, one a class: points ``(n, 2)``, labels ``(n,)``.

    Labels alternate 0, 1, so the classes are of equal size. float32, radius up to 1.5;
    ``noise`` is the standard deviation of each coordinate.
    """
    labels = torch.arange(n) % 2
    radius = torch.rand(n, generator=generator).sqrt()
    angle = torch.pi * (2 * turns * radius + labels)
    points = 1.5 * torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)
    return points + noise * torch.randn(n, 2, generator=generator), labels


def disc_and_annulus(
    n: int,
    *,
    generator: torch.Generator,
    inner: float = 0.5,
    gap: tuple[float, float] = (0.7, 1.2),
) -> tuple[Tensor, Tensor]:
    """A disc (label 0) inside an annulus (label 1): points ``(n, 2)``, labels ``(n,)``.

    The disc has radius ``inner``, the annulus lies between the radii ``gap``; both are
    filled uniformly, float32, without noise.
    """
    labels = torch.arange(n) % 2
    low = torch.where(labels == 0, 0.0, gap[0] ** 2)
    high = torch.where(labels == 0, inner**2, gap[1] ** 2)
    radius = (low + (high - low) * torch.rand(n, generator=generator)).sqrt()
    angle = 2 * torch.pi * torch.rand(n, generator=generator)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1), labels
